"""The UDP listener."""

from __future__ import annotations

import asyncio
from typing import TypeAlias, cast

from node.dns.pace import Pace, Verdict
from node.dns.responder import Responder
from node.wire.address import plain

Peer: TypeAlias = tuple[str, int] | tuple[str, int, int, int]

MAX_AT_WORK = 1024  # questions; more are dropped, and resolvers ask again


class Datagrams(asyncio.DatagramProtocol):
    """Owned by whoever opened the endpoint, and closed by `close`."""

    def __init__(self, responder: Responder, pace: Pace) -> None:
        self._responder = responder
        self._pace = pace
        self._transport: asyncio.DatagramTransport | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # uvloop's is no subclass

    def datagram_received(self, data: bytes, addr: Peer) -> None:
        address = plain(addr[0])
        verdict = self._pace.judge(address)
        if verdict is Verdict.TRUNCATE:
            self._send(self._responder.brief(data), addr)
        elif verdict is Verdict.ANSWER and len(self._tasks) < MAX_AT_WORK:
            task = asyncio.get_running_loop().create_task(self._work(data, address, addr))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def error_received(self, exc: Exception) -> None:
        """The peer is gone: nothing to be done."""

    async def close(self, seconds: float) -> None:
        """Let questions under way be answered within the seconds."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._transport is not None:
            self._transport.close()

    async def _work(self, data: bytes, address: str, peer: Peer) -> None:
        reply = await self._responder.answer(data, address, udp=True)
        if reply is not None and self._send(reply.octets, peer):
            self._responder.told(reply)

    def _send(self, octets: bytes | None, peer: Peer) -> bool:
        if octets is None or self._transport is None or self._transport.is_closing():
            return False
        self._transport.sendto(octets, peer)
        return True
