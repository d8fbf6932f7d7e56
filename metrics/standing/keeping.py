"""Reading where the node stands, again and again, in the keeper."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

import asyncpg
import structlog

from metrics.log.log import year_of
from metrics.standing import store
from metrics.standing.standing import Closed, Standing
from registry.database import DATABASE_AWAY, Connection, Database

PERIOD = 5.0  # seconds

log = structlog.get_logger()


class StandingKeeping:
    """One of the keeper's works. `told` hears where the node stands, and None when this process is
    no longer the one to say it."""

    def __init__(
        self,
        database: Database,
        now: Callable[[], datetime],
        told: Callable[[Standing | None], None],
    ) -> None:
        self._database = database
        self._now = now
        self._told = told
        self._closed: Closed | None = None

    async def run(self) -> None:
        """Until cancelled. While the database is away the last one stands, and its age shows."""
        try:
            while True:
                try:
                    self._told(await self._database.transaction(self._read))
                except (asyncpg.PostgresError, *DATABASE_AWAY) as error:
                    log.warning("standing-unknown", error=type(error).__name__)
                await asyncio.sleep(PERIOD)
        finally:
            self._told(None)

    async def _read(self, tx: Connection) -> Standing:
        await store.take_one_view(tx)
        at = self._now()
        year = year_of(at)
        last = await store.last_closed(tx)
        closed = self._closed
        if closed is None or (closed.last, closed.year) != (last, year):
            closed = self._closed = await store.closed_sums(tx, last, year)
        sums = closed.sums + await store.open_sums(tx, last, year)
        return await store.standing(tx, at, year, sums)
