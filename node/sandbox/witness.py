"""The national node as the logs' witness: POST /ntn/v1/checkpoints, answers as C2SP has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from aiohttp import web

from metrics.log.cosignature import verifier_key
from metrics.log.desk import Desk
from metrics.log.note import ED25519, VerifierKey
from node.sandbox.gate import BODY
from node.sandbox.settings import Application
from node.sandbox.store import SandboxStore
from node.uplink.key import create_key, load_key

NAME = "sandbox.invalid/national-node"
KEY_FILE = "witness.pem"


class WitnessDesk:
    """Cosigns the logs of the applications that told it their keys."""

    def __init__(
        self,
        folder: Path,
        applications: tuple[Application, ...],
        store: SandboxStore,
        clock: Callable[[], float],
    ) -> None:
        file = folder / KEY_FILE
        key = load_key(file) if file.exists() else create_key(file)
        self._applications = applications
        self._desk = Desk(NAME, key, self._trusted, store, clock)

    @property
    def verifier(self) -> VerifierKey:
        return self._desk.verifier

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/ntn/v1/checkpoints", self._add)]

    async def _add(self, request: web.Request) -> web.Response:
        answer = self._desk.answer(request[BODY])
        return web.Response(status=answer.status, text=answer.text, content_type=answer.media_type)

    def _trusted(self, origin: str) -> Sequence[VerifierKey]:
        """An application's keys sign for every log below its origin, of whatever year."""
        return [
            VerifierKey(origin, ED25519, key)
            for application in self._applications
            if application.log_origin and origin.startswith(f"{application.log_origin}/")
            for key in application.log_keys
        ]


def verifier_in(folder: Path) -> str | None:
    """The key with which a sandbox with this data folder cosigns; None before its first start."""
    file = folder / KEY_FILE
    return str(verifier_key(NAME, load_key(file))) if file.exists() else None
