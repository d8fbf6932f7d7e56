"""Serving with several processes, from the first socket to the last."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

import structlog

from node import foundation
from node.serve import cancel_on_signals
from node.settings import Settings
from node.supervision.doors import open_doors
from node.supervision.supervisor import Supervisor

log = structlog.get_logger()


async def supervise(settings: Settings, reread: Callable[[], Settings]) -> None:
    """Run a node's processes until SIGINT or SIGTERM, which cancel this task; all have ended by
    then. SIGHUP replaces them one by one.

    Raises a BiaoshiError in one line where the node cannot start.
    """
    cancel_on_signals()
    connection = await foundation.connect(settings.database_url)
    try:
        await foundation.check(connection, settings)
    finally:
        await connection.close()
    with open_doors(settings) as doors:
        supervisor = Supervisor(settings, doors, reread)
        asked = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, asked.set)

        def tell() -> None:
            log.info(
                "serving",
                url=doors.url,
                prefix=settings.secondary_prefix,
                workers=settings.workers,
                metrics=[door.getsockname()[1] for door in doors.metrics],
            )

        try:
            await supervisor.run(tell, asked)
        finally:
            log.info("stopping")
