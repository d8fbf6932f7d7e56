"""Serving: listen, run what runs beside it, and stop in order."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from aiohttp import web

from node.app import Node, open_node
from node.settings import Settings
from registry.errors import Unavailable

BACKLOG = 1024

log = structlog.get_logger()


class CannotListen(Unavailable):
    kind = "cannot-listen"
    title = "The address cannot be listened on"


async def serve(settings: Settings) -> None:
    """Run a node until SIGINT or SIGTERM. Raises a BiaoshiError where it cannot start."""
    async with open_node(settings) as node, listening(node) as url, working(node):
        log.info("serving", url=url, prefix=settings.secondary_prefix)
        await stop_signal()
        log.info("stopping")


@asynccontextmanager
async def listening(node: Node) -> AsyncIterator[str]:
    """Listen while the context lasts; the base URL. Requests under way get time to end."""
    settings = node.wiring.settings
    runner = web.AppRunner(
        node.app, access_log=None, shutdown_timeout=settings.drain_seconds, keepalive_timeout=75
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.host, settings.port, backlog=BACKLOG)
        try:
            await site.start()
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise CannotListen(
                f"cannot listen on {settings.host} port {settings.port}: {reason}"
            ) from None
        yield base_url(settings.host, runner.addresses[0][1])
    finally:
        await runner.cleanup()


@asynccontextmanager
async def working(node: Node) -> AsyncIterator[None]:
    """Run the node's background work while the context lasts. If one part dies, so does all."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work()) for work in node.background]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


async def stop_signal() -> None:
    """Wait for SIGINT or SIGTERM."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()


def base_url(host: str, port: int) -> str:
    """The URL at which this machine reaches a listener."""
    local = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}  # noqa: S104
    return f"http://{local.get(host, f'[{host}]' if ':' in host else host)}:{port}"


def log_as_json(level: str) -> None:
    """JSON lines on standard error, for this program and the libraries it uses."""
    number = getattr(logging, level.upper())
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
