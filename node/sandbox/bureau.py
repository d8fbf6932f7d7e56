"""A receiving bureau: takes signed, desensitised daily statistics and gives receipts."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

import msgspec
from aiohttp import web

from award.report.package import reports_name
from award.report.report import sha256
from award.upload.statistics import DailyStatistics
from award.upload.uploading import signed_text
from metrics.log.fault import LogFault
from metrics.log.note import ED25519, SignedNote, VerifierKey, check_signed
from node.bureau import Parcel, Receipt
from node.sandbox.settings import Application
from node.sandbox.store import SandboxStore

LIMIT = 1 << 20  # bytes of a body
WIDEST = {4: 24, 6: 48}


class ReceivingBureau:
    """`down` makes it answer 503, for tests."""

    def __init__(
        self,
        applications: tuple[Application, ...],
        store: SandboxStore,
        down: Callable[[], bool] = lambda: False,
    ) -> None:
        self._applications = applications
        self._store = store
        self._down = down

    def application(self) -> web.Application:
        app = web.Application(client_max_size=LIMIT)
        app.router.add_put("/bureau/v1/daily/{day}", self._take)
        return app

    async def _take(self, request: web.Request) -> web.Response:
        if self._down():
            return web.Response(status=503)
        try:
            parcel = msgspec.json.decode(await request.read(), type=Parcel)
            found = msgspec.json.decode(parcel.statistics, type=DailyStatistics)
            self._check(parcel, found, request.match_info["day"])
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError, LogFault) as error:
            return web.json_response({"error": str(error)}, status=422)
        digest = sha256(parcel.statistics.encode())
        kept = self._store.keep_statistics(found.node, str(found.day), digest, parcel.statistics)
        if kept is None:
            return web.json_response({"error": "the day was reported otherwise"}, status=409)
        return web.Response(
            body=msgspec.json.encode(Receipt(kept, digest)), content_type="application/json"
        )

    def _check(self, parcel: Parcel, found: DailyStatistics, day: str) -> None:
        """Raises ValueError or LogFault."""
        if str(found.day) != day:
            raise ValueError("the statistics are of another day")
        note = SignedNote.parse(parcel.signature)
        check_signed(note, self._keys(found.node))
        if note.text != signed_text(found.day, parcel.statistics):
            raise ValueError("the signature is for something else")
        for one in found.networks:
            network = ipaddress.ip_network(one.network)
            if network.prefixlen > WIDEST[network.version]:
                raise ValueError(f"{one.network} is not desensitised")

    def _keys(self, node: str) -> list[VerifierKey]:
        return [
            VerifierKey(reports_name(application.log_origin), ED25519, key)
            for application in self._applications
            if application.shr_prefix == node and application.log_origin
            for key in application.log_keys
        ]
