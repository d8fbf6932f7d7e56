"""What runs in a child process: a worker or a keeper."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec
import structlog
import uvloop
from structlog.contextvars import bind_contextvars

from node import foundation
from node.app import Node, open_node
from node.dns.surface import dns_front
from node.health import monitoring
from node.http.entrance import Entrance, entrance
from node.serve import log_as_json, settle_memory, working
from node.supervision.charge import Charge, Order, Report, Role
from node.wire.surface import wire
from registry.errors import BiaoshiError

# Connections that came in just before the end are still read, and their clients told to go.
FAREWELL = 2.0  # seconds
FAILED = 1

log = structlog.get_logger()


def main() -> int:
    """Be what the first line on standard input says, until a SIGTERM or the end of that input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's, who passes it on
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as told:  # reads no further
        charge = msgspec.json.decode(told.readline(), type=Charge)
    log_as_json(charge.settings.log_level)
    bind_contextvars(process=charge.name)
    try:
        uvloop.run(_be(charge))
    except asyncio.CancelledError:
        return 0
    except BiaoshiError as error:
        _report(Report(failure=error.detail))
        return FAILED
    return 0


async def _be(charge: Charge) -> None:
    ending = asyncio.current_task()
    assert ending is not None  # called from a coroutine
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.cancel)
    await (await foundation.connect(charge.settings.database_url)).close()
    doors = [socket.socket(fileno=number) for number in charge.doors]
    async with open_node(charge.settings) as node, _at_work(node, charge, doors) as way_in:
        settle_memory()
        _report(Report())
        try:
            await _obey(doors, way_in)
        finally:
            log.info("stopping")
            sys.stdout.close()


@asynccontextmanager
async def _at_work(
    node: Node, charge: Charge, doors: Sequence[socket.socket]
) -> AsyncIterator[Entrance | None]:
    """Do what the role asks for; the way in, where it has one."""
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
        async with (
            wire(node.wiring, shared=True),
            dns_front(node.wiring, shared=True),
            entrance(node.app, drain_seconds=drain, farewell_seconds=FAREWELL) as way_in,
        ):
            await way_in.open(doors[charge.own])
            yield way_in


async def _obey(doors: Sequence[socket.socket], way_in: Entrance | None) -> None:
    """Follow the supervisor's orders until there is none who could give any."""
    async for line in _lines():
        order = msgspec.json.decode(line, type=Order)
        assert way_in is not None  # orders are for workers
        door = doors[order.door]
        await (way_in.open(door) if order.open else way_in.close(door))
    log.warning("supervisor-gone")


async def _lines() -> AsyncIterator[bytes]:
    """The lines on standard input, until it ends."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield line


def _report(report: Report) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    raise SystemExit(main())
