"""Another city's secondary node, which answers the Handle JSON API for a handful of products.

It exists so that recursion has somewhere to go; its conduct can be turned to test the asker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from enum import Enum
from http import HTTPStatus
from typing import Annotated
from urllib.parse import unquote

import msgspec
from aiohttp import web

from node.sandbox.foreign_records import PREFIX, RECORDS, Value

HANDLES = "/api/handles/"

# Handle response codes, named as in RFC 3652.
_SUCCESS = 1
_PROTOCOL_ERROR = 4
_NOT_FOUND = 100
_INVALID_HANDLE = 102
_VALUES_NOT_FOUND = 200
_NOT_RESPONSIBLE = 301


class ConductKind(Enum):
    HONEST = "honest"
    LYING = "lying"  # answers with another handle's record, under that handle's name
    SLOW = "slow"  # answers after `seconds`
    DEAD = "dead"  # closes the connection without an answer
    GARBLED = "garbled"  # HTTP 200 with a body that is no JSON
    ENDLESS = "endless"  # HTTP 200 with a body that goes on for `seconds`


class Conduct(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    kind: ConductKind = ConductKind.HONEST
    seconds: Annotated[float, msgspec.Meta(ge=0, le=60)] = 5.0


class ForeignNode:
    """`conduct` is asked at every request, so a change takes effect at once."""

    def __init__(self, conduct: Callable[[], Conduct]) -> None:
        self._conduct = conduct
        self._by_key = {_key(handle): values for handle, values in RECORDS.items()}

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/api/handles/{handle:.*}", self._get)
        return app

    async def _get(self, request: web.Request) -> web.StreamResponse:
        conduct = self._conduct()
        if conduct.kind is ConductKind.DEAD:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if conduct.kind is ConductKind.GARBLED:
            return web.Response(text="{responseCode: 1", content_type="application/json")
        if conduct.kind is ConductKind.ENDLESS:
            return await _endless(request, conduct.seconds)
        if conduct.kind is ConductKind.SLOW:
            await asyncio.sleep(conduct.seconds)
        handle = unquote(request.rel_url.raw_path.removeprefix(HANDLES))
        if conduct.kind is ConductKind.LYING:
            handle = next(other for other in RECORDS if _key(other) != _key(handle))
        return self._answer(handle, request)

    def _answer(self, handle: str, request: web.Request) -> web.Response:
        if not handle:
            return _json(400, _INVALID_HANDLE, message="Empty handle invalid")
        if handle.partition("/")[0] != PREFIX:
            return _json(
                400, _NOT_RESPONSIBLE, message="That prefix doesn't live here", handle=handle
            )
        values = self._by_key.get(_key(handle))
        if values is None:
            return _json(404, _NOT_FOUND, handle=handle)
        try:
            indexes = {int(text) for text in request.query.getall("index", [])}
        except ValueError:
            return _json(400, _PROTOCOL_ERROR, message="An index is a number")
        chosen = _choose(values, indexes, set(request.query.getall("type", [])))
        code = _SUCCESS if chosen else _VALUES_NOT_FOUND
        return _json(200, code, handle=handle, values=[value.as_json() for value in chosen])


def _choose(values: Iterable[Value], indexes: set[int], types: set[str]) -> list[Value]:
    """The values asked for by index or by type; all when neither is asked for."""
    if not indexes and not types:
        return list(values)
    return [value for value in values if value.index in indexes or value.type in types]


def _key(handle: str) -> str:
    """ASCII letters compare without case, as Handle.Net servers do out of the box."""
    return "".join(letter.upper() if letter.isascii() else letter for letter in handle)


def _json(http: int, code: int, **items: object) -> web.Response:
    return web.Response(
        status=http,
        body=msgspec.json.encode({"responseCode": code, **items}),
        headers={"Content-Type": "application/json;charset=utf-8"},
    )


async def _endless(request: web.Request, seconds: float) -> web.StreamResponse:
    response = web.StreamResponse(status=HTTPStatus.OK)
    response.content_type = "application/json"
    await response.prepare(request)
    async with asyncio.timeout(seconds):
        while True:
            await response.write(b" " * 65536)
            await asyncio.sleep(0)
