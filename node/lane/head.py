"""Heads of requests that say nothing to change the answer.

A head is let through if every line of it is known to make no difference to what is answered.
Whatever is not known is for aiohttp: credentials, conditions, ranges, bodies, other origins, a
request id to be given back, an odd spelling.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from node.page.accept import FORMS, best_type

MAX_HEAD = 4096  # bytes
MAX_KNOWN = 512  # heads remembered: clients send the same one again and again

_LINE = re.compile(rb"([A-Za-z][A-Za-z0-9-]{0,39}): ?([ -~]{0,1000})")
_HOST = re.compile(rb"[A-Za-z0-9.:\[\]_-]{1,255}")
# Names of fields that no answer of the lane hangs on.
_INDIFFERENT = frozenset(
    b"""accept accept-charset accept-encoding accept-language cache-control cookie dnt forwarded
    from pragma priority purpose referer save-data sec-ch-ua sec-ch-ua-mobile sec-ch-ua-platform
    sec-fetch-dest sec-fetch-mode sec-fetch-site sec-fetch-user sec-gpc traceparent tracestate
    upgrade-insecure-requests user-agent via x-forwarded-for x-forwarded-host x-forwarded-proto
    x-real-ip x-requested-with""".split()
)


class Head(NamedTuple):
    """What of a harmless head is of interest besides."""

    agent: str
    forwarded: str  # X-Forwarded-For, empty where there is none
    json: bool  # whether JSON is what the client would rather have of a record


def fields(head: bytes, also: Collection[bytes] = ()) -> dict[bytes, bytes] | None:
    """Field lines, each with its line end, by their names in lower case. None unless all are
    harmless or among those that are asked for `also`, and none stands twice."""
    if len(head) > MAX_HEAD:
        return None
    found: dict[bytes, bytes] = {}
    for line in head.split(b"\r\n")[:-1]:
        match = _LINE.fullmatch(line)
        if match is None:
            return None
        name = match[1].lower()
        if name in found or not (name in also or _harmless(name, match[2])):
            return None
        found[name] = match[2].strip(b" ")
    return found if b"host" in found else None


def read(head: bytes) -> Head | None:
    """None unless all field lines are harmless."""
    found = fields(head)
    if found is None:
        return None
    return Head(
        found.get(b"user-agent", b"").decode(),
        found.get(b"x-forwarded-for", b"").decode(),
        best_type(found.get(b"accept", b"").decode(), FORMS) == FORMS[0],
    )


def _harmless(name: bytes, value: bytes) -> bool:
    if name == b"host":
        return _HOST.fullmatch(value) is not None
    if name == b"connection":
        return value.strip(b" ").lower() == b"keep-alive"
    return name in _INDIFFERENT


class Heads:
    """Heads read before, and what they came to."""

    def __init__(self) -> None:
        self._known: dict[bytes, Head | None] = {}

    def read(self, head: bytes) -> Head | None:
        try:
            return self._known[head]
        except KeyError:
            pass
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._known[head] = result = read(head)
        return result
