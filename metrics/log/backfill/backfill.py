"""Leaves of registrations made before the log existed, or while no log was kept.

One walk through all identifiers by their key, page by page, each page with its place in one
transaction. The leaves are marked. When the last of them stands in its log a statement says how
many they are, and how far the logs had come: no leaf after that may be marked. This happens once in
a database's life, since nothing is registered without a leaf any more once a log is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from metrics.log import store
from metrics.log.backfill import store as walk
from metrics.log.backfill.store import Old, Place
from metrics.log.leaf import MakeMaterial
from metrics.log.log import Kind
from metrics.log.statement import BACKFILL, Statement
from registry.database import Connection, Database
from registry.leaf.leaf import UNCOUNTED, Batch

PAGE = 5_000  # identifiers


class Backfill:
    """The walk, if it is not over yet."""

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
        """Whether no batch lacks leaves any more, which has been stated."""
        return self._done

    async def step(self) -> bool:
        """Make the leaves of one page, or state that all are there; whether there is more to do."""
        if not self._done:
            self._done = not await self._database.transaction(self._step)
        return not self._done

    async def _step(self, tx: Connection) -> bool:
        await store.hold_sequencing(tx)
        if await walk.closed(tx):
            return False
        place = await walk.place(tx) or await walk.begin(tx, UNCOUNTED)
        if not place.walked:
            await self._walk(tx, place)
        elif not await walk.waiting(tx):
            await self._close(tx, place.leaves)
            return False
        return True

    async def _walk(self, tx: Connection, place: Place) -> None:
        page = await walk.page(tx, place, self._page)
        if not page:
            await walk.arrive(tx)
            return
        lacking = [one for one in page if one.batch is not None]
        await self._owe(tx, lacking, place.page + 1)
        await walk.advance(tx, page[-1], len(lacking))

    async def _close(self, tx: Connection, leaves: int) -> None:
        """State that no leaf is marked from here on: here is where the logs are."""
        present = {log.year: log for log in await store.logs(tx) if log.kind is Kind.REGISTRATIONS}
        reached = {log.name: {"size": log.size, "root": log.root.hex()} for log in present.values()}
        content = {"leaves": leaves, "logs": reached}
        await store.owe_statement(tx, Statement(BACKFILL, self._now(), content).text)
        await walk.close(tx)

    async def _owe(self, tx: Connection, lacking: Iterable[Old], part: int) -> None:
        """What the page's batches are owed, as a part of their leaves."""
        by_batch: dict[Batch, list[str]] = {}
        for one in lacking:
            assert one.batch is not None  # those lack leaves
            by_batch.setdefault(one.batch, []).append(one.suffix)
        made = {batch.batch_id: self._make(batch, some) for batch, some in by_batch.items()}
        await walk.owe(tx, made, part)
