"""What runs in a child process: a worker or a keeper."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
import uvloop
from structlog.contextvars import bind_contextvars

from node import foundation
from node.app import Node, open_node
from node.dns.surface import dns_front
from node.health import monitoring
from node.http.entrance import entrance
from node.serve import log_as_json, settle_memory, working
from node.supervision.charge import Charge, Report, Role
from node.supervision.pipes import Pipes
from node.wire.entrance import WireDoor, WireEntrance
from node.wire.surface import wire_entrance
from registry.errors import BiaoshiError

# Connections that came in just before the end are still read, and their clients told to go.
FAREWELL = 2.0  # seconds
FAILED = 1

log = structlog.get_logger()


def main() -> int:
    """Be what the first line on standard input says, until a SIGTERM or the end of that input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's, who passes it on
    pipes = Pipes()
    charge = pipes.charge()
    log_as_json(charge.settings.log_level)
    bind_contextvars(process=charge.name)
    try:
        uvloop.run(_be(charge, pipes))
    except asyncio.CancelledError:
        return 0
    except BiaoshiError as error:
        pipes.report(Report(failure=error.detail))
        return FAILED
    return 0


async def _be(charge: Charge, pipes: Pipes) -> None:
    ending = asyncio.current_task()
    assert ending is not None  # called from a coroutine
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.cancel)
    await (await foundation.connect(charge.settings.database_url)).close()
    async with open_node(charge.settings) as node, _at_work(node, charge) as ways_in:
        settle_memory()
        pipes.report(Report())
        try:
            await _obey(pipes, ways_in)
        finally:
            log.info("stopping")
            pipes.leave()


class WaysIn:
    """A worker's ways in, and the doors of all workers that they can be opened to."""

    def __init__(self, charge: Charge) -> None:
        self._doors = [socket.socket(fileno=number) for number in charge.doors]
        self._wire_doors = [
            WireDoor(socket.socket(fileno=tcp), socket.socket(fileno=udp))
            for tcp, udp in charge.wire
        ]

    @asynccontextmanager
    async def kept(self, node: Node) -> AsyncIterator[None]:
        """There, while the context lasts; what has come is answered at its end."""
        drain = node.wiring.settings.drain_seconds
        async with AsyncExitStack() as stack:
            self._wire: WireEntrance | None = None
            if self._wire_doors:
                way_in = wire_entrance(node.wiring, self._wire_doors[0].port)
                self._wire = await stack.enter_async_context(way_in)
            await stack.enter_async_context(dns_front(node.wiring, shared=True))
            self._http = await stack.enter_async_context(
                entrance(node.app, drain_seconds=drain, farewell_seconds=FAREWELL)
            )
            yield

    async def open(self, number: int) -> None:
        """Take what comes to a worker's door."""
        await self._http.open(self._doors[number])
        if self._wire is not None:
            await self._wire.open(self._wire_doors[number])

    async def shut(self, number: int) -> None:
        await self._http.close(self._doors[number])
        if self._wire is not None:
            await self._wire.shut(self._wire_doors[number])


@asynccontextmanager
async def _at_work(node: Node, charge: Charge) -> AsyncIterator[WaysIn | None]:
    """Do what the role asks for; the ways in, where it has any."""
    keeping = charge.role is Role.KEEPER
    drain = charge.settings.drain_seconds
    async with (
        entrance(monitoring(node.wiring), drain_seconds=drain) as for_metrics,
        working(node, answering=not keeping, keeping=keeping),
    ):
        await for_metrics.open(socket.socket(fileno=charge.metrics))
        if keeping:
            yield None
            return
        ways_in = WaysIn(charge)
        async with ways_in.kept(node):
            await ways_in.open(charge.own)
            yield ways_in


async def _obey(pipes: Pipes, ways_in: WaysIn | None) -> None:
    """Follow the supervisor's orders until there is none who could give any."""
    async for order in pipes.orders():
        assert ways_in is not None  # orders are for workers
        await (ways_in.open(order.door) if order.open else ways_in.shut(order.door))
    log.warning("supervisor-gone")


if __name__ == "__main__":
    raise SystemExit(main())
