"""What every request to the national node passes: faults, then who sent it, then the handler."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from node.sandbox.answer import enveloped, failure, refusal
from node.sandbox.controls import Controls
from node.sandbox.fault import Fault, FaultKind
from node.sandbox.settings import Application
from node.sandbox.store import SandboxStore
from node.uplink.signing import APP_ID, NONCE, SHR_PREFIX, read_credentials, verify
from registry.errors import NationalNodeRefused, NotAuthenticated

CALLER = web.RequestKey("caller", Application)
BODY = web.RequestKey("body", bytes)


class Gate:
    """The two middlewares of the national node, `faulty` outside `authenticated`."""

    def __init__(
        self,
        applications: tuple[Application, ...],
        store: SandboxStore,
        controls: Controls,
        clock: Callable[[], float],
    ) -> None:
        self._applications = {one.app_id: one for one in applications}
        self._store = store
        self._controls = controls
        self._clock = clock

    def middlewares(self) -> tuple[Middleware, ...]:
        return self._faulty, self._authenticated

    @web.middleware
    async def _faulty(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        fault = self._controls.faults.take(request.path)
        kind = fault.kind if fault else None
        response = await self._answer(request, handler, fault)
        self._record(request, response, kind)
        if kind is FaultKind.DUPLICATE:
            # The nonce has done its work at the first delivery: this is the same request again.
            response = await enveloped(request, handler)
            self._record(request, response, kind, delivery=2)
        return response

    async def _answer(
        self, request: web.Request, handler: Handler, fault: Fault | None
    ) -> web.StreamResponse:
        if fault is None:
            return await enveloped(request, handler)
        if fault.kind is FaultKind.REFUSE:
            return closed(request)
        if fault.kind is FaultKind.BUSY:
            return _busy(fault)
        if fault.kind is FaultKind.REJECT:
            return refusal(NationalNodeRefused(fault.message, rule="fault"))
        response = await enveloped(request, handler)
        if fault.kind is FaultKind.ANSWER_LOST:
            return failure(504, "the answer was lost after the commit")
        if fault.kind is FaultKind.DELAY:
            await asyncio.sleep(fault.seconds)
        return response

    @web.middleware
    async def _authenticated(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if CALLER not in request:  # a duplicated delivery comes here a second time
            request[BODY] = await request.read()
            request[CALLER] = self._caller(request, request[BODY])
        return await handler(request)

    def _caller(self, request: web.Request, body: bytes) -> Application:
        """The application that signed the request; NotAuthenticated names what does not hold."""
        credentials = read_credentials(request.headers)
        application = self._applications.get(credentials.app_id)
        if application is None:
            raise NotAuthenticated("No such application", field=APP_ID, rule="known")
        if credentials.shr_prefix != application.shr_prefix:
            raise NotAuthenticated(
                "Not the application's secondary prefix", field=SHR_PREFIX, rule="registered"
            )
        now = self._clock()
        verify(
            credentials,
            Ed25519PublicKey.from_public_bytes(application.public_key),
            method=request.method,
            target=request.raw_path,
            body=body,
            now=now,
        )
        if not self._store.use_nonce(application.app_id, credentials.nonce, now=now):
            raise NotAuthenticated("The nonce was used before", field=NONCE, rule="once")
        return application

    def _record(
        self,
        request: web.Request,
        response: web.StreamResponse,
        fault: FaultKind | None,
        delivery: int = 1,
    ) -> None:
        self._controls.received.add(
            at=self._clock(),
            method=request.method,
            target=request.raw_path,
            app_id=request.headers.get(APP_ID, ""),
            body=request.get(BODY, b""),
            http_status=None if fault is FaultKind.REFUSE else response.status,
            fault=fault,
            delivery=delivery,
        )


def closed(request: web.Request) -> web.Response:
    """Close the connection; the response returned goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _busy(fault: Fault) -> web.Response:
    response = failure(fault.http_status, "busy by fault injection")
    if fault.retry_after is not None:
        response.headers["Retry-After"] = str(fault.retry_after)
    return response
