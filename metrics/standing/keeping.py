"""Reading where the node stands, again and again, in the keeper."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial

import asyncpg
import structlog

from metrics.log.log import year_of
from metrics.standing import store
from metrics.standing.standing import Closed, Settled, Standing
from registry.database import DATABASE_AWAY, Connection, Database

PERIOD = 5.0  # seconds
MARGIN = 60.0  # seconds; see `store.horizon`

log = structlog.get_logger()


class StandingKeeping:
    """One of the keeper's works. `told` hears where the node stands, and None when this process is
    no longer the one to say it."""

    def __init__(
        self,
        database: Database,
        now: Callable[[], datetime],
        told: Callable[[Standing | None], None],
        *,
        margin: float = MARGIN,
    ) -> None:
        self._database = database
        self._now = now
        self._told = told
        self._margin = margin
        self._settled: Settled | None = None  # what need not be read again

    async def run(self) -> None:
        """Until cancelled. While the database is away the last one stands, and its age shows."""
        try:
            while True:
                try:
                    self._told(await self.read())
                except (asyncpg.PostgresError, *DATABASE_AWAY) as error:
                    log.warning("standing-unknown", error=type(error).__name__)
                await asyncio.sleep(PERIOD)
        finally:
            self._told(None)

    async def read(self) -> Standing:
        """Where the node stands now. Of the open day only what came since the last time is read."""
        async with self._database.connection() as connection:
            horizon = await store.horizon(connection, self._margin)  # before the view is taken
        standing, self._settled = await self._database.transaction(
            partial(self._read, horizon=horizon, settled=self._settled)
        )
        return standing

    async def _read(
        self, tx: Connection, horizon: datetime, settled: Settled | None
    ) -> tuple[Standing, Settled]:
        await store.take_one_view(tx)
        at = self._now()
        year = year_of(at)
        last = await store.last_closed(tx)
        if settled is None or (settled.closed.last, settled.closed.year) != (last, year):
            closed = Closed(last, year, await store.closed_sums(tx, last, year))
            settled = Settled(closed, store.opening(last))
        until = max(settled.until, horizon)
        more = await store.moved_sums(tx, settled.until, until, year)
        settled = Settled(settled.closed, until, settled.sums + more)
        sums = (
            settled.closed.sums
            + settled.sums
            + await store.moved_sums(tx, until, None, year)
            + await store.counted_sums(tx, last, year)
        )
        return await store.standing(tx, at, year, sums), settled
