"""The outermost layer of every request: its id, its errors in the surface's dialect, its log line
and its counts."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from node.http import problem
from node.recorder import PENDING
from node.wiring import WIRING
from registry.database import is_away
from registry.errors import BiaoshiError, TooLarge, Unavailable
from registry.places import places

REQUEST_ID = web.RequestKey("request_id", str)
_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Surface:
    """A family of paths with its own way of telling errors."""

    name: str
    paths: tuple[str, ...]
    refuse: Callable[[BiaoshiError, web.Request], web.Response]
    plain: Callable[[int, str, web.Request], web.Response]


def problem_surface(name: str, *paths: str) -> Surface:
    """A surface that answers with problem documents."""
    return Surface(
        name,
        paths,
        lambda error, request: problem.respond(error, request[REQUEST_ID]),
        lambda status, title, request: problem.plain(status, title, request[REQUEST_ID]),
    )


def make_edge(surfaces: tuple[Surface, ...]) -> Middleware:
    """The middleware. Surfaces are told apart by the first segment of their paths; the last one
    takes what no other does."""
    by_segment = {path: surface for surface in surfaces for path in surface.paths}

    @web.middleware
    async def edge(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.perf_counter()
        segment = "/" + request.path[1:].partition("/")[0]
        surface = by_segment.get(segment, surfaces[-1])
        request[REQUEST_ID] = _request_id(request)
        response = await _answer(request, handler, surface)
        response.headers["X-Request-Id"] = request[REQUEST_ID]
        if PENDING in request:
            await _hand_over(request, response)
        _note(request, surface, response.status, time.perf_counter() - started)
        return response

    return edge


async def _hand_over(request: web.Request, response: web.StreamResponse) -> None:
    """Give the whole answer to the transport, then note what it resolved: a crash between may lose
    a count, but none is for an answer that was never given."""
    wiring = request.app[WIRING]
    address = wiring.clients.address(request)  # which a closed connection no longer tells
    await response.prepare(request)
    await response.write_eof()
    wiring.recorder.settle(request, response.status, address)


async def _answer(request: web.Request, handler: Handler, surface: Surface) -> web.StreamResponse:
    try:
        return await handler(request)
    except BiaoshiError as error:
        return surface.refuse(error, request)
    except web.RequestPayloadError:
        return surface.plain(400, "The body does not arrive as its headers say", request)
    except web.HTTPRequestEntityTooLarge:
        return surface.refuse(TooLarge("the body is too large", rule="body-limit"), request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        response = surface.plain(error.status, error.reason, request)
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        return response
    except Exception as error:
        name, request_id = type(error).__name__, request[REQUEST_ID]
        if is_away(error):
            log.error("database-away", error=name, request_id=request_id)
            return surface.refuse(Unavailable("the database does not answer"), request)
        log.error("request-crashed", error=name, at=places(error), request_id=request_id)
        return surface.plain(500, "Internal error", request)


def _request_id(request: web.Request) -> str:
    """The client's own id where it is a harmless text, else a new one."""
    given = request.headers.get("X-Request-Id", "")
    return given if _GIVEN_ID.fullmatch(given) else secrets.token_hex(8)


def _note(request: web.Request, surface: Surface, status: int, seconds: float) -> None:
    """Log and count. Paths and queries stay out: they may hold what is not for logs."""
    operation = request.match_info.route.name or "unknown"
    instruments = request.app[WIRING].instruments
    instruments.requests.labels(surface.name, operation, f"{status // 100}xx").inc()
    instruments.latency.labels(surface.name, operation).observe(seconds)
    log.info(
        "request",
        surface=surface.name,
        operation=operation,
        method=request.method,
        status=status,
        ms=round(seconds * 1000, 2),
        request_id=request[REQUEST_ID],
    )
