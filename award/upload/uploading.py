"""Owing and sending a closed day's statistics: made once, sent until the bureau has a receipt for
them, and never in the way of anything else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from functools import partial

import asyncpg
import structlog

from award.report.report import sha256
from award.upload import store
from award.upload.store import Owed
from registry.database import DATABASE_AWAY, Database
from registry.errors import BiaoshiError
from registry.keeper.fence import TermOver

PERIOD = 5.0  # seconds between looks
PAUSE_FIRST, PAUSE_MOST = 2.0, 300.0  # seconds between tries of one day
SIGNED = "biaoshi.upload/v1"
AT_ONCE = 31  # days made in one round

logger = structlog.get_logger()

# Sends a day's statistics; the receipt. Raises BiaoshiError.
Deliver = Callable[[date, str], Awaitable[str]]


class Uploading:
    """One of the keeper's works."""

    def __init__(self, database: Database, node: str, deliver: Deliver) -> None:
        self._database = database
        self._node = node
        self._deliver = deliver

    async def run(self) -> None:
        """Until cancelled. A database that is away is waited for."""
        while True:
            try:
                await self.round()
            except TermOver:
                logger.warning("upload-ends")  # this work is about to be cancelled
            except (asyncpg.PostgresError, *DATABASE_AWAY) as error:
                logger.warning("upload-waits", error=type(error).__name__)
            await asyncio.sleep(PERIOD)

    async def round(self) -> int:
        """Make what is not made, and send what is due; how many were received."""
        await self._make()
        received = 0
        while owed := await self._due():
            if not await self._send(owed):
                break  # the others would fare no better
            received += 1
        return received

    async def _make(self) -> None:
        async with self._database.connection() as connection:
            days = await store.days_not_owed(connection, AT_ONCE)
            made = {day: await store.statistics(connection, self._node, day) for day in days}
        for day, statistics in made.items():
            await self._database.transaction(
                partial(store.owe, day=day, statistics=statistics.text)
            )

    async def _due(self) -> Owed | None:
        async with self._database.connection() as connection:
            return await store.due(connection)

    async def _send(self, owed: Owed) -> bool:
        try:
            receipt = await self._deliver(owed.day, owed.statistics)
        except BiaoshiError as error:
            pause = min(PAUSE_FIRST * 2 ** min(owed.attempts, 10), PAUSE_MOST)
            await self._database.transaction(
                partial(store.postpone, day=owed.day, error=error.detail, seconds=pause)
            )
            logger.warning("upload-failed", day=str(owed.day), reason=error.detail)
            return False
        await self._database.transaction(partial(store.settle, day=owed.day, receipt=receipt))
        logger.info("uploaded", day=str(owed.day))
        return True


def signed_text(day: date, statistics: str) -> str:
    """What the node's signature stands under."""
    return f"{SIGNED}\n{day}\nsha256 {sha256(statistics.encode())}\n"
