"""Leaves of registrations made before the log existed, or while no log was kept.

One walk through all identifiers by their key, page by page, each page with its place in one
transaction. The leaves are marked, and when the walk is over a statement says how many they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from metrics.log import store
from metrics.log.backfill import store as walk
from metrics.log.backfill.store import Old
from metrics.log.leaf import MakeMaterial
from metrics.log.statement import BACKFILL, Statement
from registry.database import Connection, Database
from registry.leaf.leaf import UNCOUNTED, Batch

PAGE = 5_000  # identifiers


class Backfill:
    """Looks whether any batch lacks leaves, and walks if so; once, and when it is told to."""

    def __init__(
        self,
        database: Database,
        make: MakeMaterial,
        now: Callable[[], datetime],
        *,
        page: int = PAGE,
    ) -> None:
        self._database = database
        self._make = make
        self._now = now
        self._page = page
        self._done = False

    @property
    def done(self) -> bool:
        """Whether no batch lacks leaves any more."""
        return self._done

    def look_again(self) -> None:
        """Something may have been registered without leaves since, by a process without a log."""
        self._done = False

    async def step(self) -> bool:
        """Make the leaves of one page; whether there is more to do."""
        if not self._done:
            self._done = not await self._database.transaction(self._step)
        return not self._done

    async def _step(self, tx: Connection) -> bool:
        await store.hold_sequencing(tx)
        place = await walk.place(tx) or await walk.begin(tx, UNCOUNTED)
        if place is None:
            return False
        page = await walk.page(tx, place, self._page)
        if not page:
            leaves = await walk.end(tx)
            statement = Statement(BACKFILL, self._now(), {"leaves": leaves})
            await store.owe_statement(tx, statement.text)
            return False
        lacking = [one for one in page if one.batch is not None]
        await self._owe(tx, lacking, place.page + 1)
        await walk.advance(tx, page[-1], len(lacking))
        return True

    async def _owe(self, tx: Connection, lacking: Iterable[Old], part: int) -> None:
        """What the page's batches are owed, as a part of their leaves."""
        by_batch: dict[Batch, list[str]] = {}
        for one in lacking:
            assert one.batch is not None  # those lack leaves
            by_batch.setdefault(one.batch, []).append(one.suffix)
        made = {batch.batch_id: self._make(batch, some) for batch, some in by_batch.items()}
        await walk.owe(tx, made, part)
