"""The handle that a request is about."""

from __future__ import annotations

from aiohttp import web

from registry.errors import InvalidIdentifier
from registry.identifier import Identifier, from_url_path
from resolver.local import PREFIX_RECORDS

HANDLE = web.RequestKey("handle", str)


def target(request: web.Request) -> str:
    """The handle as it was sent, percent-decoded; noted on the request for answers to echo.

    It is read off the path as received, since decoding and encoding a path again loses which of
    its slashes and percent signs were its own. Raises InvalidIdentifier.
    """
    if request.rel_url.raw_fragment:
        # A bare # ends a path. Answering for what stands before it would be another handle.
        raise InvalidIdentifier("a # in a handle is sent as %23", field="handle", rule="bare-hash")
    segments = request.rel_url.raw_path.split("/", 3)  # "", "api", "handles", the rest
    handle = from_url_path(segments[3]) if len(segments) > 3 else ""
    request[HANDLE] = handle
    return handle


def read_as(handle: str) -> Identifier:
    """The identifier whose record is asked for. A text without a slash is a prefix, whose record
    is 0.NA/<prefix>. Raises InvalidIdentifier."""
    if not handle:
        raise InvalidIdentifier("Empty handle invalid", field="handle", rule="empty")
    if "/" not in handle:
        return Identifier(PREFIX_RECORDS, handle)
    return Identifier.parse(handle)
