"""Serving: listen, run what runs beside it, and stop in order."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TextIO

import structlog

from node import foundation
from node.app import Node, open_node
from node.dns.surface import dns_front
from node.http.entrance import base_url, entrance, listener
from node.keeper import Work
from node.settings import Settings
from node.wire.surface import wire
from registry.together import end

log = structlog.get_logger()


async def serve(settings: Settings) -> None:
    """Run a node until SIGINT or SIGTERM, which cancel this task; everything is closed by then.

    Raises a BiaoshiError where the node cannot start, and whatever ended its background work.
    """
    cancel_on_signals()
    # A pool would say in its own words, and late, why the database cannot be reached.
    await (await foundation.connect(settings.database_url)).close()
    async with (
        open_node(settings) as node,
        working(node),
        listening(node) as url,
        wire(node.wiring),
        dns_front(node.wiring),
    ):
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
    async with entrance(node.app, drain_seconds=settings.drain_seconds) as way_in:
        with listener(settings.host, settings.port) as door:
            await way_in.open(door)
            port = door.getsockname()[1]
        yield base_url(settings.host, port)


@asynccontextmanager
async def working(
    node: Node, *also: Work, answering: bool = True, keeping: bool = True
) -> AsyncIterator[None]:
    """Run what must run beside the node (its keeper's works where it is elected), and other work,
    while the context lasts. If one part dies, so does all, and what it died of is raised."""
    works = [*node.background, *also]
    if answering:
        works += node.answering
    if keeping:
        works.append(partial(node.wiring.keeper.run, node.keeping))
    body = asyncio.current_task()
    assert body is not None  # called from a coroutine
    tasks = [asyncio.create_task(work()) for work in works]
    died: list[BaseException] = []

    def note(task: asyncio.Task[object]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None and not died:
            died.append(error)
            body.cancel()

    for task in tasks:
        task.add_done_callback(note)
    try:
        yield
    except asyncio.CancelledError:
        if not died:
            raise
        body.uncancel()
    finally:
        for task in tasks:
            task.remove_done_callback(note)
        failures = await end(tasks)
        for error in failures:
            log.error("work-failed", error=type(error).__name__)
    for error in died or failures:
        raise error


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
