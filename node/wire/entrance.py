"""Where questions of the Handle protocol come in: pairs of sockets, opened and shut one by one."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from node.http.entrance import letterbox, listener
from node.wire.parts import Parts
from node.wire.ready import Ready
from node.wire.responder import Responder
from node.wire.tcp import Connections
from node.wire.udp import Datagrams

RECEIVE_OCTETS = 4 << 20  # of datagrams that wait for the event loop


class WireDoor(NamedTuple):
    """The listener and the socket for datagrams of one port."""

    tcp: socket.socket
    udp: socket.socket

    @property
    def port(self) -> int:
        return int(self.tcp.getsockname()[1])


@contextmanager
def wire_door(host: str, port: int, *, shared: bool = False) -> Iterator[WireDoor]:
    """Both sockets while the context lasts. Several doors that are `shared` divide what comes to
    the port between them. Raises CannotListen."""
    with ExitStack() as stack:
        tcp = stack.enter_context(listener(host, port, shared=shared))
        port = int(tcp.getsockname()[1])
        udp = letterbox(host, port, octets=RECEIVE_OCTETS, shared=shared)
        yield WireDoor(tcp, stack.enter_context(udp))


class WireEntrance:
    """Answers what comes to its doors, which stay their owners'. Made by `wire_entrance`."""

    def __init__(self, parts: Parts, responder: Responder, ready: Ready, drain: float) -> None:
        """`drain` is how many seconds what has come may take to be answered."""
        self.parts = parts
        self.connections = Connections(responder, ready, time.monotonic)
        self._responder = responder
        self._ready = ready
        self._drain = drain
        self._datagrams: dict[int, Datagrams] = {}

    async def open(self, door: WireDoor) -> None:
        """Take what comes to a door as well, whoever else does."""
        self.connections.open(door.tcp)
        _, datagrams = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Datagrams(self._responder, self._ready, time.monotonic), sock=door.udp.dup()
        )
        self._datagrams[door.udp.fileno()] = datagrams

    async def shut(self, door: WireDoor) -> None:
        """Take no more from it. Its connections stay, and its datagrams are answered first."""
        self.connections.shut(door.tcp)
        datagrams = self._datagrams.pop(door.udp.fileno(), None)
        if datagrams is not None:
            await datagrams.close(self._drain)

    async def close(self) -> None:
        """Take no more, answer what has come, and end."""
        closing = [each.close(self._drain) for each in self._datagrams.values()]
        await asyncio.gather(self.connections.close(self._drain), *closing)
