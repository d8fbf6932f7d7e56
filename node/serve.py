"""Serving: listen, run what runs beside it, and stop in order."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import TextIO

import structlog
from aiohttp import web

from node import foundation
from node.app import Node, open_node
from node.http.server_log import server_log
from node.keeper import Work
from node.settings import Settings
from registry.errors import Unavailable

BACKLOG = 1024

log = structlog.get_logger()


class CannotListen(Unavailable):
    kind = "cannot-listen"
    title = "The address cannot be listened on"


async def serve(settings: Settings) -> None:
    """Run a node until SIGINT or SIGTERM, which cancel this task; everything is closed by then.

    Raises a BiaoshiError where the node cannot start, and whatever ended its background work.
    """
    cancel_on_signals()
    # A pool would say in its own words, and late, why the database cannot be reached.
    await (await foundation.connect(settings.database_url)).close()
    async with open_node(settings) as node, working(node), listening(node) as url:
        settle_memory()
        log.info("serving", url=url, prefix=settings.secondary_prefix)
        try:
            await asyncio.Event().wait()
        finally:
            log.info("stopping")


@asynccontextmanager
async def listening(node: Node) -> AsyncIterator[str]:
    """Listen while the context lasts; the base URL. Requests under way get time to end."""
    settings = node.wiring.settings
    runner = web.AppRunner(
        node.app,
        logger=server_log(),
        access_log=None,
        shutdown_timeout=settings.drain_seconds,
        keepalive_timeout=75,
    )
    await runner.setup()
    try:
        try:
            await web.SockSite(runner, _bound(settings.host, settings.port)).start()
        except OSError as error:
            raise _cannot_listen(settings.host, settings.port, error) from None
        yield base_url(settings.host, runner.addresses[0][1])
    finally:
        await runner.cleanup()


@asynccontextmanager
async def working(node: Node, *also: Work) -> AsyncIterator[None]:
    """Run the node's background work, its keeper's where it is elected, and other work beside it,
    while the context lasts. If one part dies, so does all, and what it died of is raised."""
    keeping: Work = partial(node.wiring.keeper.run, node.keeping)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work()) for work in (*node.background, keeping, *also)]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


def settle_memory() -> None:
    """Leave what the program consists of out of garbage collections, which otherwise go through
    all of it again and again and hold every request up for tens of milliseconds."""
    gc.collect()
    gc.freeze()


def cancel_on_signals() -> None:
    """Let SIGINT and SIGTERM cancel the current task, so that its contexts close in order."""
    task = asyncio.current_task()
    assert task is not None  # called from a coroutine
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)


@contextmanager
def probe(host: str, port: int) -> Iterator[int]:
    """Hold a port while the context lasts, without listening; for 0 some free one.
    Raises CannotListen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            held.bind((host, port))
        except OSError as error:
            raise _cannot_listen(host, port, error) from None
        yield int(held.getsockname()[1])


def _bound(host: str, port: int) -> socket.socket:
    """A listening socket; `::` takes IPv4 as well."""
    return socket.create_server(
        (host, port),
        family=socket.AF_INET6 if ":" in host else socket.AF_INET,
        backlog=BACKLOG,
        dualstack_ipv6=host == "::" and socket.has_dualstack_ipv6(),
    )


def base_url(host: str, port: int) -> str:
    """The URL at which this machine reaches a listener."""
    local = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}  # noqa: S104
    return f"http://{local.get(host, f'[{host}]' if ':' in host else host)}:{port}"


def log_as_json(level: str, stream: TextIO | None = None) -> None:
    """JSON lines on a stream, or standard error, for this program and the libraries it uses."""
    number = getattr(logging, level.upper())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=stream or sys.stderr),
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_Forward()], force=True)


class _Forward(logging.Handler):
    """Takes what libraries log into our own lines."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(
            record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info
        )


def _cannot_listen(host: str, port: int, error: OSError) -> CannotListen:
    reason = os.strerror(error.errno or 0)
    return CannotListen(f"cannot listen on {host} port {port}: {reason}")
