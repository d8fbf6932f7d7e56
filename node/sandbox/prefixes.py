"""`/ntn/v1/prefixes`: filing enterprise prefixes and asking how their review went."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiohttp import web

from node.sandbox.answer import decode, success
from node.sandbox.controls import Controls
from node.sandbox.filing import check, check_own, status
from node.sandbox.gate import BODY, CALLER
from node.sandbox.settings import Application
from node.sandbox.store import Act, Filed, SandboxStore
from node.uplink.messages import PrefixFiling, PrefixState, PrefixStatus, Verdict
from registry.errors import (
    InvalidInput,
    NotPermitted,
    PrefixNotFound,
    PrefixTaken,
    RevisionMismatch,
    WrongState,
)

# States from which a prefix may be filed anew: nothing of it is valid or under way.
_ENDED = (PrefixState.STOPPED, PrefixState.REJECTED)


class Prefixes:
    """Files, changes and deletes; whatever is answered is committed."""

    def __init__(self, store: SandboxStore, controls: Controls, clock: Callable[[], float]) -> None:
        self._store = store
        self._controls = controls
        self._clock = clock

    def routes(self) -> list[web.RouteDef]:
        one = "/ntn/v1/prefixes/{prefix}"
        return [
            web.post("/ntn/v1/prefixes", self._post),
            web.get(one, self._get, allow_head=False),
            web.put(one, self._put),
            web.delete(one, self._delete),
        ]

    async def _post(self, request: web.Request) -> web.Response:
        filing = decode(request[BODY], PrefixFiling)
        return success(self._file(request[CALLER], filing, change=False))

    async def _put(self, request: web.Request) -> web.Response:
        filing = decode(request[BODY], PrefixFiling)
        if filing.prefix != request.match_info["prefix"]:
            raise InvalidInput("Not the prefix of the path", field="prefix", rule="same")
        return success(self._file(request[CALLER], filing, change=True))

    async def _get(self, request: web.Request) -> web.Response:
        prefix = request.match_info["prefix"]
        check_own(prefix, request[CALLER].shr_prefix)
        history = self._store.history(prefix)
        return success(status(history, self._clock()) if history else None)

    async def _delete(self, request: web.Request) -> web.Response:
        prefix = request.match_info["prefix"]
        check_own(prefix, request[CALLER].shr_prefix)
        history = self._store.history(prefix)
        if not history:
            raise PrefixNotFound(f"{prefix} was never filed", field="prefix", rule="known")
        _check_owner(history, request[CALLER])
        if history[-1].act == "file":
            history.append(self._add(history[-1].filing, "delete", request[CALLER]))
        return success(status(history, self._clock()))

    def _file(self, caller: Application, filing: PrefixFiling, *, change: bool) -> PrefixStatus:
        now = self._clock()
        check(filing, caller.shr_prefix, node_has_routing=bool(caller.routing), now=now)
        history = self._store.history(filing.prefix)
        _check_owner(history, caller)
        if not _is_repeated(history, filing):
            _check_follows(history, filing, now, change=change)
            history.append(self._add(filing, "file", caller))
        return status(history, self._clock())

    def _add(self, filing: PrefixFiling, act: Act, caller: Application) -> Filed:
        """Store the act with the verdict the present policy gives; deletions are approved."""
        policy, now = self._controls.review, self._clock()
        deleting = act == "delete"
        return self._store.add(
            filing,
            act,
            caller.app_id,
            now=now,
            due_at=now + policy.delay_seconds,
            verdict=Verdict.APPROVED if deleting else policy.verdict,
            reason="" if deleting else policy.reason,
        )


def _check_owner(history: Sequence[Filed], caller: Application) -> None:
    if history and history[-1].app_id != caller.app_id:
        raise NotPermitted(
            "The prefix was filed by another application", field="prefix", rule="owner"
        )


def _is_repeated(history: Sequence[Filed], filing: PrefixFiling) -> bool:
    """Whether this very filing was made before; the same revision with other content is refused."""
    same = [act for act in history if act.act == "file" and act.revision == filing.revision]
    if same and same[0].filing != filing:
        raise RevisionMismatch(
            f"Revision {filing.revision} was filed with other content",
            field="revision",
            rule="immutable",
        )
    return bool(same)


def _check_follows(
    history: Sequence[Filed], filing: PrefixFiling, now: float, *, change: bool
) -> None:
    """Whether a new revision may follow what there is."""
    if not history:
        if change:
            raise PrefixNotFound(f"{filing.prefix} was never filed", field="prefix", rule="known")
        return
    latest = history[-1]
    if filing.revision <= latest.revision:
        raise RevisionMismatch(
            f"Revision {latest.revision} was filed already", field="revision", rule="rising"
        )
    state = status(history, now).state
    if not change and state not in _ENDED:
        raise PrefixTaken(
            f"{filing.prefix} is filed already; a change is a PUT", field="prefix", rule="new"
        )
    if change and latest.act == "delete":
        raise WrongState(
            f"{filing.prefix} is deleted or to be deleted", field="prefix", rule="state"
        )
