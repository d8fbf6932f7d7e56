"""Resolution: GET, and POST that acts like it. This surface answers for this node's own records
alone, as clients of the Handle system expect who follow referrals themselves; and for OIDs and
GTINs, to which no referral leads."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial

import msgspec
from aiohttp import web

from metrics.journal.entry import Surface
from node.handle_json.parameters import Filter, flag, refused
from node.handle_json.reply import MAX_CALLBACK, common_headers, render
from node.handle_json.target import read_as, target
from node.http.authentication import authenticate
from node.http.edge import REQUEST_ID
from node.http.staleness import staleness
from node.wiring import WIRING
from registry.access.actor import Actor, anonymous
from registry.errors import NotAuthenticated
from resolver.named import Onward
from resolver.query import Answer, Outcome, Query
from resolver.wire.code import ResponseCode

NAME = "handle"


@dataclass(frozen=True, slots=True)
class Reading:
    """What is asked of a handle. `public_only` None leaves it to whether there are credentials."""

    filter: Filter
    public_only: bool | None
    callback: str

    @classmethod
    def of(cls, request: web.Request) -> Reading:
        """Raises InvalidInput. `auth` and `cert` ask for what every answer here is anyway."""
        callback = request.query.get("callback", "")
        if len(callback) > MAX_CALLBACK:
            raise refused("callback", f"a callback has at most {MAX_CALLBACK} characters")
        asked = "publicOnly" in request.query
        public_only = flag(request, "publicOnly", default=True) if asked else None
        return cls(Filter.of(request), public_only, callback)


async def resolved(request: web.Request) -> web.Response:
    wiring = request.app[WIRING]
    handle = target(request)
    resolve: Onward = wiring.local.alone
    named = await wiring.named.unslashed(handle)
    identifier = named[1] if named else read_as(handle)
    if named:
        resolve = partial(wiring.named.resolve, named[0], resolve)
    reading = Reading.of(request)
    actor = await authenticate(request, wiring)  # wrong credentials are refused in any case
    query = Query(
        identifier,
        _reader(request, actor, reading),
        types=reading.filter.types,
        indexes=reading.filter.indexes,
        public_only=reading.public_only is not False,
    )
    answer = await wiring.recorder.ask(request, Surface.HANDLE_JSON, resolve, query, actor)
    if request.method != "HEAD":  # which does not get the record
        wiring.instruments.resolutions.labels(NAME, answer.source, answer.outcome).inc()
    if answer.outcome is Outcome.HIDDEN:
        raise NotAuthenticated("some of these values are not public", rule="key-needed")
    return _answered(request, handle, query, answer, reading.callback)


def _reader(request: web.Request, actor: Actor, reading: Reading) -> Actor:
    """With whose rights it is read.

    A script's address is called with the visitor's stored credentials by whatever page names it,
    so a callback gets what anyone may read.
    """
    if reading.callback or reading.public_only:
        return anonymous(request[REQUEST_ID])
    return actor


def _answered(
    request: web.Request, handle: str, query: Query, answer: Answer, callback: str
) -> web.Response:
    members = _members(handle, answer)
    if answer.outcome in (Outcome.NOT_FOUND, Outcome.WITHDRAWN):
        # Not to be kept: it may be registered any moment.
        headers = {"Cache-Control": "no-store"}
        return render(request, members, status=404, headers=headers, callback=callback)
    headers = {"Cache-Control": "private, must-revalidate", "ETag": _tag(query, answer)}
    headers |= staleness(answer)
    if request.method in ("GET", "HEAD") and _known(request, headers["ETag"]):
        return web.Response(status=304, headers={**common_headers(request), **headers})
    return render(request, members, headers=headers, callback=callback)


def _members(handle: str, answer: Answer) -> dict[str, object]:
    """The answer's members in the order clients know; the values as the text that is stored."""
    if answer.outcome is Outcome.FOUND:
        values = msgspec.Raw(answer.values.encode())
        return {"responseCode": ResponseCode.SUCCESS, "handle": handle, "values": values}
    if answer.outcome is Outcome.NO_VALUES:
        return {"responseCode": ResponseCode.VALUES_NOT_FOUND, "values": [], "handle": handle}
    return {"responseCode": ResponseCode.HANDLE_NOT_FOUND, "handle": handle}


def _tag(query: Query, answer: Answer) -> str:
    """The record's state where anyone gets the whole of it; otherwise what is shown also hangs on
    the filter and on the reader's rights, so it is hashed."""
    if query.plain and answer.tag is not None and not answer.merged:
        return f'"{answer.tag}"'
    return f'"{hashlib.blake2b(answer.values.encode(), digest_size=12).hexdigest()}"'


def _known(request: web.Request, tag: str) -> bool:
    """Whether the client has this state already (RFC 9110 §13.1.2)."""
    told = request.headers.get("If-None-Match", "")
    given = {item.strip().removeprefix("W/") for item in told.split(",")}
    return "*" in given or tag in given
