"""The TCP listener: connections that last as long as their clients like, answers in the order of
the requests."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from typing import cast

from node.wire.address import plain
from node.wire.call import Junk, Line
from node.wire.ready import Ready
from node.wire.reply import junk
from node.wire.responder import Responder
from resolver.wire.code import ResponseCode
from resolver.wire.message import ENVELOPE, Envelope
from resolver.wire.octets import Malformed

MAX_CONNECTIONS = 8192
MAX_EACH = 2048  # connections of one address
MAX_QUEUED = 64  # requests of one connection that wait; then no more are read
HIGH_WATER = 256 * 1024  # octets of answers that a client has not taken yet
IDLE_SECONDS = 300.0
HASTE_SECONDS = 30.0  # for the rest of a request, and for taking an answer
SWEEP_SECONDS = 5.0


class Connections:
    """All connections of a process. Owned by whoever runs `run`, and closed by `close`."""

    def __init__(self, responder: Responder, ready: Ready, clock: Callable[[], float]) -> None:
        self.responder = responder
        self.ready = ready
        self.clock = clock
        self._open: set[Connection] = set()
        self._each: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._open)

    def make(self) -> Connection:
        return Connection(self)

    def admit(self, connection: Connection, address: str) -> bool:
        """Whether there is room for one more."""
        if len(self._open) >= MAX_CONNECTIONS or self._each[address] >= MAX_EACH:
            return False
        self._open.add(connection)
        self._each[address] += 1
        return True

    def leave(self, connection: Connection, address: str) -> None:
        if connection in self._open:
            self._open.remove(connection)
            self._each[address] -= 1
            if not self._each[address]:
                del self._each[address]

    def work(self, connection: Connection) -> None:
        """Answer what the connection has queued, in a task of its own."""
        task = asyncio.get_running_loop().create_task(connection.work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def run(self) -> None:
        """Close those that keep us waiting, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.ready.count()
            now = self.clock()
            for connection in list(self._open):
                connection.expire(now)

    async def close(self, seconds: float) -> None:
        """Let requests under way end within the seconds, then close everything."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in list(self._open):
            connection.abort()
        self.ready.count()


class Connection(asyncio.Protocol):
    """One client. What the ready answers can serve is answered as it is read; everything else by
    one task at a time, so that answers keep the order of their requests."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._transport: asyncio.Transport | None = None
        self._line = Line("")
        self._buffer = b""
        self._queue: deque[tuple[Envelope, bytes]] = deque()
        self._working = False
        self._closing = False
        self._room: asyncio.Event | None = None  # where the client has not taken what it was sent
        self._heard = connections.clock()
        self._stuck: float | None = None  # since when the client takes no answers

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        peer = transport.get_extra_info("peername")
        self._line = Line(plain(peer[0]) if peer else "")
        transport.set_write_buffer_limits(high=HIGH_WATER)
        if not self._connections.admit(self, self._line.address):
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        self._queue.clear()
        if self._room is not None:
            self._room.set()
        self._connections.leave(self, self._line.address)

    def data_received(self, data: bytes) -> None:
        self._heard = self._connections.clock()
        # Nearly always what comes is one whole request, and its answer is ready.
        if not self._buffer and not self._working and self._ready(data):
            return
        buffer = self._buffer + data if self._buffer else data
        at = 0
        while not self._closing:
            end = self._message_end(buffer, at)
            if end is None:
                break
            self._take(buffer[at:end])
            at = end
        self._buffer = buffer[at:]

    def pause_writing(self) -> None:
        self._stuck = self._connections.clock()
        self._room = asyncio.Event()
        self._hold()

    def resume_writing(self) -> None:
        self._stuck = None
        if self._room is not None:
            self._room.set()
            self._room = None
        if not self._working:
            self._read_on()

    async def work(self) -> None:
        while self._queue and not self._closing:
            envelope, payload = self._queue.popleft()
            await self._connections.responder.serve(envelope, payload, self._line, self._send)
            if len(self._queue) < MAX_QUEUED // 2:
                self._read_on()
        self._working = False
        if self._closing and self._transport is not None:
            self._transport.close()

    def expire(self, now: float) -> None:
        """Close a connection that has been idle, or that keeps a request or an answer waiting."""
        if self._stuck is not None and now - self._stuck > HASTE_SECONDS:
            self.abort()
        limit = HASTE_SECONDS if self._buffer else IDLE_SECONDS
        if not self._working and now - self._heard > limit and self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _message_end(self, buffer: bytes, at: int) -> int | None:
        """Where the message that begins here ends; None where not all of it has come."""
        if len(buffer) - at < ENVELOPE.size:
            return None
        try:
            envelope = Envelope.parse(buffer[at : at + ENVELOPE.size])
        except Malformed as error:
            self._refuse(error)
            return None
        end = at + ENVELOPE.size + envelope.length
        return end if end <= len(buffer) else None

    def _take(self, octets: bytes) -> None:
        if not self._working and self._ready(octets):
            return
        envelope = Envelope.parse(octets)
        self._queue.append((envelope, octets[ENVELOPE.size :]))
        if len(self._queue) >= MAX_QUEUED:
            self._hold()
        if not self._working:
            self._working = True
            self._connections.work(self)

    def _ready(self, octets: bytes) -> bool:
        """Answer with what is ready, if it is and the client takes what it is sent."""
        if self._room is not None:
            return False
        answer = self._connections.ready.answer(octets, self._line)
        if answer is None or self._closing:
            return False
        assert self._transport is not None
        self._transport.write(answer)
        self._connections.ready.told()
        return True

    def _refuse(self, error: Malformed) -> None:
        """After what is no message nobody knows where the next one begins."""
        self._closing = True
        if self._transport is None:
            return
        if self._working:
            return  # its task closes the connection once it has answered
        self._transport.write(junk(Junk(ResponseCode.ERROR, error.detail)).build())
        self._transport.close()

    async def _send(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)
        if self._room is not None:
            await self._room.wait()

    def _hold(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def _read_on(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
