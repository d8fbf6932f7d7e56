"""Keeping the logs: sequencing, publishing, closing years, round after round."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import asyncpg
import structlog

from metrics.log import store
from metrics.log.backfill.backfill import Backfill
from metrics.log.log import Kind, Log
from metrics.log.publisher import LogBehind, LogForked, Publisher
from metrics.log.sequencer import Sequencer
from registry.database import DATABASE_AWAY, Database
from registry.errors import BiaoshiError
from registry.keeper.fence import TermOver

STEPS = 8  # of sequencing at most before there is a checkpoint again
PAUSE_AFTER_TROUBLE = 15.0  # seconds
# Leaves that are to follow a cosignature must not be so much older: within an hour of it they would
# look backdated (`verification.scan.TOLERANCE`).
LAG = timedelta(minutes=30)
# How long every checkpoint is kept, and then the last of each hour; after that it is one a day. At
# one a second that is 21,600, some 740, and 365 a year, of each log that grows.
KEEP_ALL, KEEP_HOURLY = timedelta(hours=6), timedelta(days=31)

WAITING = "since the start no witness has said how far it has seen, and leaves wait for that"

logger = structlog.get_logger()


class LogKeeping:
    """One of the keeper's works. `period` is the time between checkpoints, in seconds."""

    def __init__(
        self,
        database: Database,
        sequencer: Sequencer,
        publisher: Publisher,
        backfill: Backfill,
        now: Callable[[], datetime],
        period: float,
    ) -> None:
        self._database = database
        self._sequencer = sequencer
        self._publisher = publisher
        self._backfill = backfill
        self._now = now
        self._period = period
        self._begun = self._asked = self._doubted = False
        self._thinned: datetime | None = None
        self.trouble: str | None = None  # why no log is kept at present
        self._running = False

    @property
    def kept(self) -> bool | None:
        """Whether the log is being kept; None while this process is not the keeper."""
        return self.trouble is None if self._running else None

    async def run(self) -> None:
        """Until cancelled. What a log must not survive stops it, not the node: registrations go on
        and their leaves wait."""
        self._running = True
        try:
            await self._run()
        finally:
            self._running, self.trouble = False, None

    async def _run(self) -> None:
        while True:
            try:
                await self.round()
                self.trouble = None if self._asked else WAITING
                pause = self._period
            except TermOver:
                pause = self._period  # this work is about to be cancelled
                logger.warning("log-ends")
            except BiaoshiError as error:
                self.trouble, pause = error.detail, PAUSE_AFTER_TROUBLE
                logger.error("log-refused", kind=error.kind, reason=error.detail)
            except (asyncpg.PostgresError, *DATABASE_AWAY) as error:
                self.trouble, pause = type(error).__name__, self._period
                logger.warning("log-waits", error=type(error).__name__)
            await asyncio.sleep(pause)

    async def round(self) -> int:
        """Take in what is owed, for a while, and publish; how many leaves were taken in."""
        if not self._begun:
            await self._sequencer.begin()
            self._begun = True
        if not await self._examined():
            return 0
        taken = 0
        committed = await self._committed()
        if committed:
            await self._backfill.step()
        for _ in range(STEPS):
            step = await self._sequencer.step(registrations=committed)
            taken += step
            if not step:
                break
        if committed and await self._lags():
            return taken
        await self._publish()
        await self._tidy()
        return taken

    async def _examined(self) -> bool:
        """Whether the witnesses have said how far they have seen. Before that, and after they have
        seen something else, no log grows: in a database that was put back, what is lost could not
        be told any more from what came after."""
        if not self._asked and await self._publisher.examine():
            if self._doubted:
                await self._publish()
            self._asked, self._doubted = True, False
        return self._asked

    async def _publish(self) -> None:
        try:
            await self._publisher.publish()
        except (LogBehind, LogForked):
            self._asked, self._doubted = False, True
            raise

    async def _committed(self) -> bool:
        """Whether the commitment to K, the first statement of all, is published."""
        async with self._database.connection() as connection:
            for log in await store.logs(connection):
                if log.kind is Kind.STATEMENTS and log.size:
                    return await store.published(connection, log.log_id) is not None
        return False

    async def _lags(self) -> bool:
        """Whether old leaves still wait, as after a long standstill: first they are taken in."""
        async with self._database.connection() as connection:
            return await store.lags(connection, self._now() - LAG)

    async def _tidy(self) -> None:
        """Close years, and thin out what was published long ago."""
        now = self._now()
        if self._thinned is not None and now - self._thinned < timedelta(minutes=10):
            return
        hourly, daily = now - KEEP_ALL, now - KEEP_HOURLY
        await self._database.transaction(
            partial(store.thin_checkpoints, hourly=hourly, daily=daily)
        )
        async with self._database.connection() as connection:
            closed_until = await store.closed_until(connection)
            logs = await store.logs(connection)
        self._thinned = now
        await self._close_years(closed_until, [log for log in logs if log.over(closed_until)])

    async def _close_years(self, closed_until: datetime, over: list[Log]) -> None:
        """Only when no registration of a year past lacks its leaf."""
        if over and self._backfill.done:
            for name in await self._sequencer.close_years(closed_until):
                logger.info("log-closed", log=name)
        elif over:
            self._thinned = None  # not in ten minutes, but as soon as that is so
