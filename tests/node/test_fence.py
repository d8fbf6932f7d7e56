"""A keeper that was frozen in the midst of its work, and wakes when another has taken over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

import pytest

from metrics.closing.acceptance.difference import Difference, Subject
from metrics.closing.closer import Closer
from metrics.closing.keeping import CountKeeping
from metrics.closing.retention import Retention
from metrics.counting.counter import Counter
from metrics.counting.day import DAY as A_DAY
from metrics.counting.day import SECOND
from metrics.counting.owners import OwnerTable
from node.keeper import Keeper
from registry.keeper import store
from registry.keeper.fence import Fence, TermOver
from tests.metrics.closing.conftest import Office, bureau, database, office
from tests.metrics.counting.conftest import DAY, Ask, Bureau

__all__ = ["bureau", "database", "office"]

MIDNIGHT = A_DAY // SECOND


@pytest.fixture
async def frozen(database_url: str, bureau: Bureau) -> Keeper:
    """Elected, and still of the opinion that it is the keeper."""
    keeper = Keeper(database_url, "frozen", lambda _: None)
    async with bureau.database.connection() as connection:
        keeper._term = await store.begin_term(connection, "frozen")
    return keeper


@pytest.fixture
def succeed(bureau: Bureau) -> Callable[[], Awaitable[None]]:
    async def succeed() -> None:
        async with bureau.database.connection() as connection:
            await store.begin_term(connection, "successor")

    return succeed


async def test_it_counts_nothing(bureau: Bureau, frozen: Keeper, succeed) -> None:
    bureau.counter = Counter(OwnerTable(), fence=frozen.fence)
    worker = await bureau.worker()
    await worker.note(Ask(10), until=20)
    assert (await bureau.round()).records == 1
    await worker.note(Ask(100), until=200)
    await succeed()
    with pytest.raises(TermOver):
        await bureau.round()
    assert sum((await bureau.totals()).values()) == 1
    assert await bureau.fetchval("SELECT counted FROM journal_writer") == 1


async def test_it_closes_no_day(office: Office, frozen: Keeper, succeed) -> None:
    await office.register("A")
    await office.count_the_day()
    closer = Closer(office.bureau.database, bytes, frozen.fence)
    before = await office.bureau.fetchval("SELECT closed_until FROM day_ledger")
    await succeed()
    with pytest.raises(TermOver):
        await closer.close()
    assert await office.bureau.fetchval("SELECT closed_until FROM day_ledger") == before
    with pytest.raises(TermOver):  # as if it had been frozen between the two steps
        await office.bureau.database.transaction(partial(closer._conclude, findings=None))
    assert await office.bureau.fetchval("SELECT count(*) FROM day_close") == 0
    assert await office.bureau.fetchval("SELECT count(*) FROM statement_owed") == 0
    with pytest.raises(TermOver):
        await closer._alarm(DAY, [Difference(Subject.REQUESTS, "", 1, 2)])
    assert await office.bureau.fetchval("SELECT count(*) FROM close_alarm") == 0


async def test_it_compresses_and_removes_no_journal(
    office: Office, frozen: Keeper, succeed
) -> None:
    worker = await office.bureau.worker()
    await worker.note(Ask(10), until=MIDNIGHT)
    assert await office.close() is not None
    await succeed()
    kept = office.bureau.database.behind(frozen.fence)
    retention = Retention(kept, lambda: datetime.now(UTC), 1)
    with pytest.raises(TermOver):
        await retention.work()
    assert await office.bureau.fetchval("SELECT bool_or(packed) FROM journal_piece") is False


async def test_its_work_waits_to_be_cancelled(office: Office, frozen: Keeper, succeed) -> None:
    """What a work dies of would end the process."""
    await succeed()
    tries = asyncio.Semaphore(0)

    async def fence(tx) -> None:
        tries.release()
        await frozen.fence(tx)

    work = asyncio.create_task(_keeping(office, fence).run())
    async with asyncio.timeout(60):
        for _ in range(3):
            await tries.acquire()
    assert not work.done()
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work


def _keeping(office: Office, fence: Fence) -> CountKeeping:
    database = office.bureau.database

    def now() -> datetime:
        return datetime.now(UTC)

    return CountKeeping(
        database,
        Counter(OwnerTable(), fence=fence),
        Closer(database, bytes, fence),
        Retention(database.behind(fence), now, 1),
        now,
        period=0.01,
    )
