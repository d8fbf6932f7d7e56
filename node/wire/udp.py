"""The UDP listener. Anybody can send a datagram with another's address, so what an address makes
this node do or send is bounded."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import TypeAlias, cast

from node.wire.address import plain
from node.wire.call import Junk, Line
from node.wire.ready import Ready
from node.wire.reply import junk
from node.wire.responder import Responder
from registry.together import end
from resolver.wire.code import ResponseCode
from resolver.wire.fragment import MAX_DATAGRAM, MAX_PARTIAL, Reassembly, split
from resolver.wire.message import ENVELOPE, Envelope
from resolver.wire.octets import Malformed

Peer: TypeAlias = tuple[str, int] | tuple[str, int, int, int]

MAX_AT_WORK = 1024  # requests; more are dropped, and clients send again
MAX_EACH = 128  # of one address
MAX_LONG = 1 << 20  # octets a second of answers in several datagrams, to one address
MAX_ADDRESSES = 10_000


class Datagrams(asyncio.DatagramProtocol):
    """Owned by whoever opened the endpoint, and closed by `close`."""

    def __init__(self, responder: Responder, ready: Ready, clock: Callable[[], float]) -> None:
        self._responder = responder
        self._ready = ready
        self._clock = clock
        self._transport: asyncio.DatagramTransport | None = None
        self._reassembly = Reassembly()
        self._tasks: set[asyncio.Task[None]] = set()
        self._each: Counter[str] = Counter()
        self._long = LongAnswers(clock)
        self._known: dict[str, Line] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # uvloop's is no subclass

    def datagram_received(self, data: bytes, addr: Peer) -> None:
        line = self._known.get(addr[0]) or self._meet(addr[0])
        at_hand = self._ready.answer(data, line)
        if at_hand is not None and len(at_hand[0]) <= MAX_DATAGRAM:
            assert self._transport is not None
            self._transport.sendto(at_hand[0], addr)
            self._ready.told(at_hand[1], line)
            return
        try:
            whole = self._whole(data, addr)
        except Malformed as error:
            self._send(junk(Junk(ResponseCode.ERROR, error.detail)).build(), addr)
            return
        if whole is not None:
            self._begin(*whole, addr)

    def error_received(self, exc: Exception) -> None:
        """The peer is gone: nothing to be done."""

    async def close(self, seconds: float) -> None:
        """Answer what has come, for so long at most; what waits in the socket is its owner's."""
        until = self._clock() + seconds
        while self._tasks and (left := until - self._clock()) > 0:
            await asyncio.wait(self._tasks, timeout=left)
        await end(self._tasks)
        if self._transport is not None:
            self._transport.close()

    def _meet(self, host: str) -> Line:
        if len(self._known) >= MAX_ADDRESSES:
            self._known.clear()
        line = self._known[host] = Line(plain(host), udp=True)
        return line

    def _whole(self, data: bytes, addr: Peer) -> tuple[Envelope, bytes] | None:
        """The message, if this datagram completes one. Raises Malformed."""
        envelope = Envelope.parse(data)
        payload = data[ENVELOPE.size :]
        if envelope.truncated:
            return self._reassembly.add(addr, envelope, payload, self._clock())
        if len(payload) != envelope.length:
            raise Malformed("the datagram is not as long as it says")
        return envelope, payload

    def _begin(self, envelope: Envelope, payload: bytes, addr: Peer) -> None:
        address = plain(addr[0])
        if len(self._tasks) >= MAX_AT_WORK or self._each[address] >= MAX_EACH:
            return
        self._each[address] += 1
        task = asyncio.get_running_loop().create_task(self._work(envelope, payload, addr))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, envelope: Envelope, payload: bytes, addr: Peer) -> None:
        address = plain(addr[0])

        async def send(answer: bytes) -> None:
            self._send(answer, addr)

        try:
            await self._responder.serve(envelope, payload, Line(address, udp=True), send)
        finally:
            self._each[address] -= 1
            if not self._each[address]:
                del self._each[address]

    def _send(self, answer: bytes, addr: Peer) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        datagrams = split(answer)
        if len(datagrams) > 1:
            fits = len(answer) <= MAX_PARTIAL and self._long.admit(plain(addr[0]), len(answer))
            if not fits:
                return  # the client asks again, by TCP if it is wise
        for datagram in datagrams:
            self._transport.sendto(datagram, addr)


class LongAnswers:
    """How much an address is sent in this second that it did not pay for with as much."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._second = 0
        self._sent: Counter[str] = Counter()

    def admit(self, address: str, octets: int) -> bool:
        second = int(self._clock())
        if second != self._second:
            self._second = second
            self._sent.clear()
        if self._sent[address] + octets > MAX_LONG:
            return False
        self._sent[address] += octets
        return True
