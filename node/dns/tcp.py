"""The TCP listener: connections on which questions may be sent without waiting for answers, each
with its length before it (RFC 7766)."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress

from node.dns.responder import Responder
from node.wire.address import plain
from registry.together import end
from resolver.front.message import MAX_QUESTION

MAX_CONNECTIONS = 1024
MAX_EACH = 64  # connections of one address
MAX_AT_ONCE = 16  # questions of one connection at work; then no more are read
IDLE_SECONDS = 10.0  # without a question
HASTE_SECONDS = 5.0  # for the rest of a question, and for taking answers
HIGH_WATER = 256 * 1024  # octets of answers that a client has not taken yet
LENGTH = 2  # octets before a message
_GONE = (OSError, EOFError, TimeoutError)


class Connections:
    """All connections of a process; closed by `close`."""

    def __init__(self, responder: Responder) -> None:
        self._responder = responder
        self._each: Counter[str] = Counter()
        self._open: dict[asyncio.Task[None], Conversation] = {}

    def __len__(self) -> int:
        return len(self._open)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """What becomes of a connection, from its beginning to its end."""
        task = asyncio.current_task()
        assert task is not None  # called from a coroutine
        peer = writer.get_extra_info("peername")
        address = plain(peer[0]) if peer else ""
        if len(self) >= MAX_CONNECTIONS or self._each[address] >= MAX_EACH:
            writer.transport.abort()
            return
        self._each[address] += 1
        writer.transport.set_write_buffer_limits(high=HIGH_WATER)
        self._open[task] = conversation = Conversation(self._responder, reader, writer, address)
        try:
            await conversation.run()
        finally:
            del self._open[task]
            self._each[address] -= 1
            self._each += Counter()  # forgets those that have none
            writer.transport.abort()

    async def close(self, seconds: float) -> None:
        """Read no more questions, and let those under way be answered within the seconds."""
        for conversation in self._open.values():
            conversation.stop()
        if self._open:
            await asyncio.wait(list(self._open), timeout=seconds)
        await end(self._open)


class Conversation:
    """One connection. Answers come in whatever order they are found."""

    def __init__(
        self,
        responder: Responder,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        address: str,
    ) -> None:
        self._responder = responder
        self._reader = reader
        self._writer = writer
        self._address = address
        self._room = asyncio.Semaphore(MAX_AT_ONCE)
        self._reading: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Until the client goes, is idle, or doesn't keep to the rules."""
        async with asyncio.TaskGroup() as group:
            self._reading = group.create_task(self._read(group))
        with suppress(*_GONE):  # what was answered last is still on its way
            async with asyncio.timeout(HASTE_SECONDS):
                self._writer.close()
                await self._writer.wait_closed()

    def stop(self) -> None:
        """Read no more; what was read is answered."""
        if self._reading is not None:
            self._reading.cancel()

    async def _read(self, group: asyncio.TaskGroup) -> None:
        with suppress(*_GONE):
            while (octets := await self._next()) is not None:
                await self._room.acquire()
                group.create_task(self._work(octets))

    async def _next(self) -> bytes | None:
        """The next question; None for one that is longer than any."""
        async with asyncio.timeout(IDLE_SECONDS):
            length = int.from_bytes(await self._reader.readexactly(1), "big") << 8
        async with asyncio.timeout(HASTE_SECONDS):
            length |= int.from_bytes(await self._reader.readexactly(LENGTH - 1), "big")
            return await self._reader.readexactly(length) if length <= MAX_QUESTION else None

    async def _work(self, octets: bytes) -> None:
        try:
            reply = await self._responder.answer(octets, self._address, udp=False)
            if reply is None or self._writer.transport.is_closing():
                return
            self._writer.write(len(reply.octets).to_bytes(LENGTH, "big") + reply.octets)
            self._responder.told(reply)
            async with asyncio.timeout(HASTE_SECONDS):
                await self._writer.drain()
        except _GONE:
            self._writer.transport.abort()
        finally:
            self._room.release()
