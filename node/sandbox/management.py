"""The management port: loopback only, unsigned, for tests and demonstrations.

GET    /received?after=N   what the national node received, oldest first
DELETE /received
GET    /faults             POST /faults (a Fault)        DELETE /faults
GET    /detours            POST /detours (a Detour)      DELETE /detours
GET    /service            PUT  /service {"up": bool}    the national node's listener
GET    /foreign            PUT  /foreign (a Conduct)
GET    /review             PUT  /review (a ReviewPolicy) for filings from now on
GET    /prefixes/{prefix}  everything filed for it, oldest first
PUT    /prefixes/{prefix}/verdict {"verdict", "reason"}  ends the review under way now
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from node.sandbox.answer import decode, enveloped, success
from node.sandbox.controls import Controls
from node.sandbox.detour import Detour
from node.sandbox.fault import Fault
from node.sandbox.filing import status
from node.sandbox.foreign import Conduct
from node.sandbox.listener import MAX_BODY, Listener
from node.sandbox.settings import ReviewPolicy
from node.sandbox.store import SandboxStore
from node.uplink.messages import Verdict
from registry.errors import InvalidInput, PrefixNotFound, WrongState

T = TypeVar("T")


class Service(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    up: bool


class Decision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    verdict: Verdict
    reason: str = ""


class Management:
    def __init__(
        self,
        controls: Controls,
        store: SandboxStore,
        national: Listener,
        clock: Callable[[], float],
    ) -> None:
        self._controls = controls
        self._store = store
        self._national = national
        self._clock = clock

    def application(self) -> web.Application:
        app = web.Application(middlewares=[_enveloping], client_max_size=MAX_BODY)
        app.add_routes(
            [
                web.get("/received", self._received),
                web.delete("/received", self._forget_received),
                web.get("/faults", self._faults),
                web.post("/faults", self._arm),
                web.delete("/faults", self._clear_faults),
                web.get("/detours", self._detours),
                web.post("/detours", self._set_detour),
                web.delete("/detours", self._clear_detours),
                web.get("/service", self._service),
                web.put("/service", self._switch),
                web.get("/foreign", self._foreign),
                web.put("/foreign", self._set_foreign),
                web.get("/review", self._review),
                web.put("/review", self._set_review),
                web.get("/prefixes/{prefix}", self._history),
                web.put("/prefixes/{prefix}/verdict", self._decide),
            ]
        )
        return app

    async def _received(self, request: web.Request) -> web.Response:
        after = request.query.get("after", "0")
        if not (after.isascii() and after.isdigit()):
            raise InvalidInput("`after` is the number of an entry", field="after", rule="format")
        return success(self._controls.received.since(int(after)))

    async def _forget_received(self, request: web.Request) -> web.Response:
        self._controls.received.clear()
        return success(None)

    async def _faults(self, request: web.Request) -> web.Response:
        return success(self._controls.faults.armed())

    async def _arm(self, request: web.Request) -> web.Response:
        self._controls.faults.arm(await _body(request, Fault))
        return await self._faults(request)

    async def _clear_faults(self, request: web.Request) -> web.Response:
        self._controls.faults.clear()
        return await self._faults(request)

    async def _detours(self, request: web.Request) -> web.Response:
        return success(self._controls.detours.all())

    async def _set_detour(self, request: web.Request) -> web.Response:
        self._controls.detours.set(await _body(request, Detour))
        return await self._detours(request)

    async def _clear_detours(self, request: web.Request) -> web.Response:
        self._controls.detours.clear()
        return await self._detours(request)

    async def _service(self, request: web.Request) -> web.Response:
        return success(Service(up=self._national.is_up))

    async def _switch(self, request: web.Request) -> web.Response:
        wanted = await _body(request, Service)
        await (self._national.up() if wanted.up else self._national.down())
        return await self._service(request)

    async def _foreign(self, request: web.Request) -> web.Response:
        return success(self._controls.foreign)

    async def _set_foreign(self, request: web.Request) -> web.Response:
        self._controls.foreign = await _body(request, Conduct)
        return await self._foreign(request)

    async def _review(self, request: web.Request) -> web.Response:
        return success(self._controls.review)

    async def _set_review(self, request: web.Request) -> web.Response:
        self._controls.review = await _body(request, ReviewPolicy)
        return await self._review(request)

    async def _history(self, request: web.Request) -> web.Response:
        return success(self._store.history(request.match_info["prefix"]))

    async def _decide(self, request: web.Request) -> web.Response:
        decision = await _body(request, Decision)
        prefix, now = request.match_info["prefix"], self._clock()
        history = self._store.history(prefix)
        if not history:
            raise PrefixNotFound(f"{prefix} was never filed", field="prefix", rule="known")
        latest = history[-1]
        if latest.act == "delete" or now >= latest.due_at:
            raise WrongState(f"No filing of {prefix} is under review", field="prefix", rule="state")
        self._store.decide(latest.number, decision.verdict, decision.reason, now=now)
        return success(status(self._store.history(prefix), now))


@web.middleware
async def _enveloping(request: web.Request, handler: Handler) -> web.StreamResponse:
    return await enveloped(request, handler)


async def _body(request: web.Request, wanted: type[T]) -> T:
    """The media type is insisted on, so that no web page can send it without being asked first."""
    if request.content_type != "application/json":
        raise InvalidInput("The body is application/json", field="Content-Type", rule="media-type")
    return decode(await request.read(), wanted)
