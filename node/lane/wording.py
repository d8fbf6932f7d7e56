"""How each surface words the answer to a resolution: the bytes that aiohttp would send."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import NamedTuple

from aiohttp.http import SERVER_SOFTWARE

from metrics.journal.entry import Surface
from resolver.cache import Held

MAX_TARGET = 300  # bytes

# Handles that mean the same to every surface and stand in JSON as they are: no spelling of another
# system begins with a number and has such a prefix. Dots and empty segments are for aiohttp.
_CHARACTER = rb"[A-Za-z0-9._~!$&'()*+,;=:@/-]"
HANDLE = rb"[0-9][0-9A-Za-z._-]{0,63}/" + _CHARACTER + rb"{1,180}"
# /01/ is where GS1 Digital Links begin.
_TARGET = re.compile(rb"/(?:(api/handles/)|(v1/resolve/)|(?!01/))(" + HANDLE + rb")")


class Wording(NamedTuple):
    """A surface's answer: everything but the values and what differs from request to request."""

    surface: str  # as metrics of requests name it
    operation: str
    resolved_as: str  # as metrics of resolutions do
    noted: Surface  # as the journal does
    head: bytes  # up to the ETag
    middle: bytes  # fields between the ETag and the request id
    before: bytes  # the body up to the handle
    between: bytes  # from the handle to the values
    after: Callable[[Held], bytes]  # what follows the values


HANDLE_JSON = Wording(
    "handle",
    "getHandle",
    "handle",
    Surface.HANDLE_JSON,
    b"HTTP/1.1 200 OK\r\n"
    b"Content-Type: application/json;charset=utf-8\r\n"
    b"Vary: Authorization, Origin\r\n"
    b"X-Content-Type-Options: nosniff\r\n"
    b"Cache-Control: private, must-revalidate\r\n"
    b"ETag: ",
    b"",
    b'{"responseCode":1,"handle":"',
    b'","values":',
    lambda _: b"}",
)
V1 = Wording(
    "v1",
    "resolve",
    "v1",
    Surface.V1,
    b"HTTP/1.1 200 OK\r\nCache-Control: private, must-revalidate\r\nETag: ",
    b"Content-Type: application/json\r\n",
    b'{"handle":"',
    b'","source":"local","values":',
    lambda held: b',"revision":%d,"via":[]}' % held.revision,
)
# /{prefix}/{suffix} for programs.
PAGE = V1._replace(
    surface="site",
    operation="page",
    resolved_as="page",
    noted=Surface.PAGE,
    head=b"HTTP/1.1 200 OK\r\n"
    b"Cache-Control: private, must-revalidate\r\n"
    b"Vary: Accept, Accept-Language\r\n"
    b"X-Content-Type-Options: nosniff\r\n"
    b"Content-Type: application/json\r\n"
    b"ETag: ",
    middle=b"",
)
WORDINGS = (HANDLE_JSON, V1, PAGE)


class Asked(NamedTuple):
    """What a request's target asks for."""

    wording: Wording
    handle: bytes  # as it was sent


def read_target(target: bytes) -> Asked | None:
    """None for whatever is not plainly a handle at a surface that the lane knows."""
    match = _TARGET.fullmatch(target)
    if match is None or b"//" in target or b"/." in target:
        return None
    return Asked(HANDLE_JSON if match[1] else V1 if match[2] else PAGE, match[3])


class Clock:
    """The Date field, made once a second."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._second = 0
        self._tail = b""

    def tail(self) -> bytes:
        """The last fields of an answer's head and the blank line."""
        second = int(self._now())
        if second != self._second:
            self._second = second
            date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(second))
            self._tail = f"\r\nDate: {date}\r\nServer: {SERVER_SOFTWARE}\r\n\r\n".encode()
        return self._tail


class Worded(NamedTuple):
    """An answer but for what differs each time: the request id comes behind `head`, the date
    behind `length`."""

    head: bytes
    length: bytes
    body: bytes


def word(wording: Wording, handle: bytes, held: Held) -> Worded:
    """The whole answer to a question for this handle."""
    after = wording.after(held)
    body = b"".join((wording.before, handle, wording.between, held.values, after))
    head = b"".join((wording.head, held.etag, b"\r\n", wording.middle, b"X-Request-Id: "))
    return Worded(head, b"\r\nContent-Length: %d" % len(body), body)
