"""The DNS front as a whole: opened with the node, closed before it."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from metrics.journal.entry import Surface
from node.dns.pace import Pace
from node.dns.responder import NAME, Responder
from node.dns.tcp import Connections
from node.dns.udp import Datagrams
from node.http.entrance import BACKLOG, letterbox, listener
from node.settings import station_of
from node.wire.noting import Noting
from node.wiring import Wiring
from registry.identifier import Identifier
from resolver.front.front import Front

RECEIVE_OCTETS = 1 << 20  # of datagrams that wait for the event loop
ANY_SUFFIX = "-"  # where only the prefix is of interest

Address = tuple[str, int]


@asynccontextmanager
async def dns_front(wiring: Wiring, *, shared: bool = False) -> AsyncIterator[tuple[Address, ...]]:
    """Listen while the context lasts, where the settings say; the addresses. Several that are
    `shared` divide what comes between them."""
    settings = wiring.settings
    zone = settings.zone()
    if zone is None:
        yield ()
        return
    noting = Noting(wiring, NAME, Surface.DNS)
    front = Front(zone, wiring.local, _hosting(wiring), case_sensitive=settings.case_sensitive)
    responder = Responder(front, noting.told, wiring.instruments)
    pace = Pace(settings.dns_answers_per_second, time.monotonic)
    async with AsyncExitStack() as stack:
        opened = []
        for text in settings.dns_listen:
            host, port = station_of(text, lowest=0)
            with listener(host, port, shared=shared) as door:
                port = door.getsockname()[1]
                with letterbox(host, port, octets=RECEIVE_OCTETS, shared=shared) as datagrams:
                    drain = settings.drain_seconds
                    await stack.enter_async_context(_tcp(door.dup(), responder, drain))
                    await stack.enter_async_context(_udp(datagrams.dup(), responder, pace, drain))
            opened.append((host, port))
        yield tuple(opened)


def _hosting(wiring: Wiring) -> Callable[[str], Awaitable[bool]]:
    async def hosted(prefix: str) -> bool:
        return (await wiring.records.see(Identifier(prefix, ANY_SUFFIX))).hosted

    return hosted


@asynccontextmanager
async def _tcp(door: socket.socket, responder: Responder, drain: float) -> AsyncIterator[None]:
    connections = Connections(responder)
    server = await asyncio.start_server(connections.serve, sock=door, backlog=BACKLOG)
    try:
        yield
    finally:
        server.close()
        await connections.close(drain)
        await server.wait_closed()


@asynccontextmanager
async def _udp(
    held: socket.socket, responder: Responder, pace: Pace, drain: float
) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    _, datagrams = await loop.create_datagram_endpoint(
        lambda: Datagrams(responder, pace), sock=held
    )
    try:
        yield
    finally:
        await datagrams.close(drain)
