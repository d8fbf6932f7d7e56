"""The lane: a connection that answers simple resolutions itself.

It is aiohttp's own connection with one addition: as long as aiohttp is idle and every byte before
belonged to a whole request, a GET that the desk can answer is answered here. Anything else is
handed on, byte for byte, and in order: nothing is answered here while aiohttp has something to
answer. A connection whose requests cannot be told apart with certainty (a head in pieces, a body
without a length, a request behind another that aiohttp is still at) is aiohttp's from then on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from metrics.journal.client import Caller
from node.lane.desk import Desk, Question, Spot
from node.lane.head import Head
from node.lane.intake import Put
from node.lane.wording import MAX_TARGET, PAGE
from registry.public.lookups import Public
from registry.record.registration import Verdict
from resolver.cache import Held

GET = b"GET /"
PUT = b"PUT /v1/identifiers/"
END = b"\r\n\r\n"
VERSION = b" HTTP/1.1\r\n"
# Fields by which a request ends otherwise, or the connection becomes something else.
_UNCERTAIN = (b"transfer-encoding", b"upgrade", b"expect")
NO_VALUES = b"[]"  # which surfaces tell each in its own way
TURNS = 8  # of the event loop that an answered request takes to be done with
MAX_OUT = 256 * 1024  # bytes of answers made before the client has to take some
MAX_BEHIND = 64 * 1024  # bytes of requests that may wait behind one that is looked up


class Lane(RequestHandler):
    """One connection."""

    __slots__ = (
        "_astray",
        "_behind",
        "_caller",
        "_desk",
        "_handed",
        "_head",
        "_held",
        "_owed",
        "_peer",
        "_raw_head",
        "_seen",
    )

    def __init__(self, desk: Desk, server: web.Server, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(server, loop=loop, **server._kwargs)
        self._desk = desk
        self._astray = False  # aiohttp's for good
        self._handed = False  # aiohttp has had something
        self._owed = 0  # bytes of a body that are still to be handed on
        self._behind: bytes | None = None  # what waits here, its first request being looked up
        self._held = False  # reading is paused by the lane
        self._peer = ""  # the socket's other end
        self._raw_head = b""  # the last one, which the next one mostly is again
        self._head: Head | None = None  # what it says
        self._caller: Caller | None = None  # and who asks then
        self._seen = 0.0  # when the lane last answered

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if isinstance(peer, tuple) else ""

    def data_received(self, data: bytes) -> None:
        # aiohttp calls this itself, without data, to go on with what it has.
        if self._astray or self._force_close or self._close or not data:
            super().data_received(data)
        elif self._behind is not None:
            self._wait_behind(data)
        elif self._owed:
            self._hand_body(data)
        elif self._idle:
            self._drive(data)
        elif self._between:
            self._behind = data
            self._loop.call_soon(self._look_again, TURNS)
        else:
            self._astray = True
            super().data_received(data)

    def resume_writing(self) -> None:
        super().resume_writing()
        # What waits behind a request that is under way is begun with when that one is answered.
        if self._held and self._behind is not None and self._idle and not self._request_in_progress:
            self._drive_behind()

    def _process_keepalive(self) -> None:
        """aiohttp does not know that the lane is at work."""
        if self._behind is not None:
            self._seen = self._loop.time()
        due = self._seen + self._keepalive_timeout
        if due > self._next_keepalive_close_time:
            self._next_keepalive_close_time = due
        super()._process_keepalive()

    @property
    def _idle(self) -> bool:
        """Whether aiohttp waits for a request, having answered all it had."""
        if not self._handed:
            return True
        waiter = self._waiter
        return waiter is not None and not waiter.done() and not self._messages

    @property
    def _between(self) -> bool:
        """Whether aiohttp may be about to wait for a request: it has written an answer, or is about
        to begin with one."""
        return self._waiter is None and not self._messages and not self._request_in_progress

    def _look_again(self, turns: int) -> None:
        """Some turns of the event loop later it is known which."""
        data = self._behind
        if data is None or self.transport is None:
            return
        if self._idle and not (self._force_close or self._close):
            self._drive_behind()
        elif turns and self._between:
            self._loop.call_soon(self._look_again, turns - 1)
        else:
            self._astray, self._behind = True, None
            self._read_on()
            super().data_received(data)

    def _drive(self, data: bytes) -> None:
        """Answer requests from the beginning of `data` as far as they are the lane's."""
        desk, transport = self._desk, self.transport
        out: list[bytes] = []
        size = start = 0
        end = len(data)
        while start < end and transport is not None:
            spot, after = self._read(data, start)
            held = None if spot is None else desk.at_hand(spot)
            caller = self._caller
            if spot is None or held is None or caller is None or held.values == NO_VALUES:
                self._send(out)
                self._drive_otherwise(data[start:] if start else data, spot, held, after - start)
                return
            answer = desk.answer(spot, held, caller)
            if after == end and not out:  # as nearly always
                transport.write(answer)
                self._seen = desk.now
                return
            out.append(answer)
            size += len(answer)
            start = after
            if size > MAX_OUT:
                self._send(out)
                out, size = [], 0
                if self._paused and start < end:
                    self._hold(data[start:])
                    return
        self._send(out)

    def _drive_otherwise(
        self, data: bytes, spot: Spot | None, held: Held | None, length: int
    ) -> None:
        """Go on with a request, the first of `data`, that cannot be answered at once."""
        if spot is None:
            if not (data.startswith(PUT) and self._desk.open and self._take(data)):
                self._hand(data)
        elif held is None and self._caller is not None and self._desk.open:
            self._look_up(Question(spot, self._caller, time.perf_counter()), data, length)
        else:
            self._hand(data)

    def _read(self, data: bytes, start: int) -> tuple[Spot | None, int]:
        """What the GET at `start` asks for, and where it ends; None where it is not the lane's."""
        if not data.startswith(GET, start):
            return None, 0
        end = data.find(END, start)
        cut = data.find(VERSION, start, start + MAX_TARGET)
        if end < 0 or cut < 0 or cut > end:
            return None, 0
        raw_head = data[cut + len(VERSION) : end + 2]
        if raw_head != self._raw_head:
            self._recognise(raw_head)
        if self._head is None:
            return None, 0
        spot = self._desk.spot(data[start + 4 : cut])
        if spot is not None and spot.wording is PAGE and not self._head.json:
            return None, 0
        return spot, end + 4

    def _recognise(self, raw_head: bytes) -> None:
        """Who asks is told by the head and by where it comes from."""
        self._head = head = self._desk.read_head(raw_head)
        self._caller = None if head is None else self._desk.caller(self._peer, head)
        self._raw_head = raw_head

    def _send(self, out: list[bytes]) -> None:
        if out and self.transport is not None:
            self.transport.write(out[0] if len(out) == 1 else b"".join(out))
            self._seen = self._desk.now

    def _look_up(self, question: Question, data: bytes, length: int) -> None:
        """Let the first request of `data` wait for the database together with all others."""
        self._behind = data
        self._request_in_progress = True  # a node that stops lets it end
        moment = self._desk.moment
        future = self._desk.look_up(question)
        future.add_done_callback(partial(self._looked_up, question, length, moment))

    def _looked_up(
        self, question: Question, length: int, moment: int, future: asyncio.Future[Public]
    ) -> None:
        data, self._behind = self._behind, None
        self._end_request()
        if data is None or self.transport is None or self._force_close:
            return
        failed = future.cancelled() or future.exception() is not None
        held = None if failed else self._desk.found(question, moment, future.result())
        if held is None or held.values == NO_VALUES:
            self._read_on()
            self._hand(data)  # which says what there is to say of it
            return
        self.transport.write(self._desk.answer_late(question, held))
        self._seen = self._loop.time()
        self._desk.settle(question, held)
        self._go_on(data[length:])

    def _take(self, data: bytes) -> bool:
        """Begin the registration that `data` begins with, if it is the lane's and whole."""
        end = data.find(END)
        cut = data.find(VERSION, 0, MAX_TARGET)
        if end < 0 or cut < 0 or cut > end:
            return False
        head = self._desk.intake.head(data[cut + len(VERSION) : end + 2])
        length = end + len(END) + (head.length if head else 0)
        if head is None or len(data) < length:
            return False
        body = data[end + len(END) : length]
        put = self._desk.take(data[4:cut], head, body, self._peer)
        if put is None:
            return False
        self._behind = data
        self._request_in_progress = True
        put.verdict.add_done_callback(partial(self._registered, put, length))
        return True

    def _registered(self, put: Put, length: int, future: asyncio.Future[Verdict]) -> None:
        data, self._behind = self._behind, None
        self._end_request()
        failed = future.cancelled() or future.exception() is not None
        if data is None or self.transport is None or self._force_close:
            return
        if failed or future.result().error is not None:
            self._read_on()
            self._hand(data)  # which says what there is to say of it
            return
        verdict = future.result()
        self.transport.write(self._desk.word_put(put, verdict))
        self._seen = self._loop.time()
        self._desk.intake.settle(put, verdict)
        self._go_on(data[length:])

    def _go_on(self, rest: bytes) -> None:
        """Turn to what came behind a request that is answered."""
        if not rest:
            self._read_on()
        elif self._close:
            super().data_received(rest)
        else:
            self._behind = rest
            self._drive_behind()

    def _end_request(self) -> None:
        self._request_in_progress = False
        if self._handler_waiter is not None and not self._handler_waiter.done():
            self._handler_waiter.set_result(None)

    def _drive_behind(self) -> None:
        data, self._behind = self._behind, None
        self._read_on()
        if data:
            self._drive(data)

    def _wait_behind(self, data: bytes) -> None:
        assert self._behind is not None
        self._behind += data
        if len(self._behind) > MAX_BEHIND:
            self._hold(self._behind)

    def _hold(self, data: bytes) -> None:
        """Keep data, and read no more until what is before it is done."""
        self._behind = data
        if not self._held and self.transport is not None:
            self._held = True
            self.transport.pause_reading()

    def _read_on(self) -> None:
        if self._held and self.transport is not None:
            self._held = False
            self.transport.resume_reading()

    def _hand(self, data: bytes) -> None:
        """Give aiohttp what is its own. One whole request whose end is known leaves the connection
        the lane's; so does one whose body is still to come."""
        self._handed = True
        length = _length(data)
        if length is None or length < len(data):
            self._astray = True
        else:
            self._owed = length - len(data)
        super().data_received(data)

    def _hand_body(self, data: bytes) -> None:
        if len(data) > self._owed:
            self._astray = True
        else:
            self._owed -= len(data)
        super().data_received(data)


def _length(data: bytes) -> int | None:
    """The length of the request at the beginning, as far as it is certain."""
    end = data.find(END)
    if end < 0:
        return None
    lines = data[:end].split(b"\r\n")
    if not lines[0].endswith(b" HTTP/1.1"):
        return None
    body = None
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        field = name.strip().lower()
        if not colon or b"\n" in line or field in _UNCERTAIN:
            return None
        if field == b"content-length":
            text = value.strip(b" \t")
            if body is not None or not text.isdigit() or len(text) > 12:
                return None
            body = int(text)
    return end + len(END) + (body or 0)


def lanes(desk: Desk, server: web.Server) -> Callable[[], Lane]:
    """Makes connections, as an event loop's server wants it."""
    loop = asyncio.get_running_loop()
    return lambda: Lane(desk, server, loop)
