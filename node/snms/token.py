"""Logging in, and who a token stands for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import msgspec
from aiohttp import web

from node.http.authentication import FAILURES, MINUTE
from node.http.edge import REQUEST_ID
from node.snms import content
from node.snms.envelope import success
from node.wiring import WIRING, Wiring
from registry.access.actor import Actor
from registry.access.application import MAX_SECRET, MAX_USERNAME
from registry.errors import NotAuthenticated

T = TypeVar("T")


class Login(msgspec.Struct, frozen=True):
    username: str | None = None
    password: str | None = None


async def plain(request: web.Request) -> web.Response:
    """The password is the secret itself."""
    wiring, username, password = await _begun(request)
    token = await _guarded(request, wiring, partial(wiring.applications.log_in, username, password))
    return success({"token": token})


async def digest(request: web.Request) -> web.Response:
    """The password is made of the secret and today's date."""
    wiring, username, password = await _begun(request)
    attempt = partial(wiring.applications.log_in_by_digest, username, password)
    return success({"token": await _guarded(request, wiring, attempt)})


async def logged_in(request: web.Request) -> tuple[Wiring, Actor]:
    """Who asks. Raises NotAuthenticated before a byte of the body is read."""
    wiring = request.app[WIRING]
    header = request.headers.get("Authorization")
    if header is None:
        raise NotAuthenticated("this needs a token", field="Authorization", rule="token-needed")
    _check_way(request, wiring)
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise NotAuthenticated("a token is sent as Bearer", field="Authorization", rule="scheme")
    attempt = partial(wiring.applications.authenticate, token.strip(), request[REQUEST_ID])
    return wiring, await _guarded(request, wiring, attempt)


async def _begun(request: web.Request) -> tuple[Wiring, str, str]:
    wiring = request.app[WIRING]
    _check_way(request, wiring)
    login = await content.read(request, Login)
    return (
        wiring,
        content.text(login.username, "username", MAX_USERNAME),
        content.text(login.password, "password", MAX_SECRET),
    )


def _check_way(request: web.Request, wiring: Wiring) -> None:
    if not wiring.clients.takes_credentials(request):
        raise NotAuthenticated(
            "credentials are taken over TLS only", field="Authorization", rule="tls-needed"
        )


async def _guarded(request: web.Request, wiring: Wiring, attempt: Callable[[], Awaitable[T]]) -> T:
    """What the attempt gives. An address that failed too often has to wait, whether with keys,
    passwords or tokens."""
    client = wiring.clients.address(request)
    limit = wiring.settings.failures_per_minute
    await wiring.throttle.check(FAILURES, client, limit=limit, window=MINUTE)
    try:
        return await attempt()
    except NotAuthenticated:
        await wiring.throttle.count(FAILURES, client, limit=limit, window=MINUTE)
        raise
