"""The keeper's counting, round after round: count, close days, keep the journals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import asyncpg
import structlog

from metrics.closing.closer import Closer
from metrics.closing.retention import Retention
from metrics.counting import store
from metrics.counting.counter import Counter
from metrics.counting.day import end_of
from registry.database import DATABASE_AWAY, Database
from registry.keeper.fence import TermOver

PERIOD = 1.0  # seconds between rounds
PAUSE_AFTER_ALARM = 60.0  # seconds
RETENTION_EVERY = timedelta(hours=1)

log = structlog.get_logger()


class CountKeeping:
    """One of the keeper's works. Two of them at once do no harm: they wait for each other."""

    def __init__(
        self,
        database: Database,
        counter: Counter,
        closer: Closer,
        retention: Retention,
        now: Callable[[], datetime],
        period: float = PERIOD,
    ) -> None:
        self._database = database
        self._counter = counter
        self._closer = closer
        self._retention = retention
        self._now = now
        self._period = period
        self._kept: datetime | None = None

    async def run(self) -> None:
        """Until cancelled. While the database is away nothing is counted, and nothing is lost."""
        while True:
            pause = self._period
            try:
                if await self.round():
                    pause = 0.0
            except TermOver:
                log.warning("counting-ends")  # this work is about to be cancelled
            except (asyncpg.PostgresError, *DATABASE_AWAY) as error:
                log.warning("counting-failed", error=type(error).__name__)
            await asyncio.sleep(pause)

    async def round(self) -> bool:
        """Count once, and close the day if it is over; whether there is more to do at once, which
        the requests that came meanwhile are not."""
        told = await self._database.transaction(self._counter.round)
        async with self._database.connection() as connection:
            state = await store.state(connection)
        if state.counted_until >= end_of(state.open_day):
            if await self._closer.close() is None:
                await asyncio.sleep(PAUSE_AFTER_ALARM)
            return True
        if self._kept is None or self._now() - self._kept >= RETENTION_EVERY:
            await self._retention.work()
            self._kept = self._now()
        return told.more
