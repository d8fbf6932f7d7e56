"""Makes good what the index of searchable values lacks: of templates with records from before it,
and of items that were marked searchable when there were records already."""

from __future__ import annotations

import asyncio

import asyncpg
import structlog

from registry.database import DATABASE_AWAY, Connection, Database
from registry.keeper.fence import TermOver
from registry.lookup import store

CHUNK = 5_000  # records of the prefix looked at in one transaction
PERIOD = 5.0  # seconds between two looks for gaps

log = structlog.get_logger()


class Backfill:
    """Several processes may do the same: what is written twice is the same."""

    def __init__(self, database: Database, *, chunk: int = CHUNK) -> None:
        self._database = database
        self._chunk = chunk

    async def run(self) -> None:
        """Make gaps good until cancelled. While the database is away, wait for it."""
        while True:
            try:
                while await self.make_good():
                    pass
            except TermOver:
                log.warning("backfill-ends")  # this work is about to be cancelled
            except (asyncpg.PostgresError, *DATABASE_AWAY) as error:
                log.warning("backfill-paused", error=type(error).__name__)
            await asyncio.sleep(PERIOD)

    async def make_good(self) -> bool:
        """Make one gap good; whether there was one."""
        gap = await self._database.transaction(store.take_gap)
        if gap is None:
            return False
        template_id, generation, prefix_id = gap
        after: str | None = ""
        while after is not None:
            after = await self._chunk_done(template_id, prefix_id, after)
            await asyncio.sleep(0)
        await self._database.transaction(lambda tx: store.close_gap(tx, template_id, generation))
        return True

    async def _chunk_done(self, template_id: int, prefix_id: int, after: str) -> str | None:
        async def work(tx: Connection) -> str | None:
            suffixes, end = await store.next_records(tx, prefix_id, template_id, after, self._chunk)
            if suffixes:
                await store.note(tx, prefix_id, suffixes)
            return end

        return await self._database.transaction(work)
