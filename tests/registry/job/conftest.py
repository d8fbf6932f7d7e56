"""Jobs with workers that a test starts and stops."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, TypeAlias

import pytest

from registry.access.once import OnceRunner
from registry.database import Database
from registry.job.block import BlockWish, BlockWork
from registry.job.job import Job, JobKind
from registry.job.jobs import Jobs
from registry.job.worker import Shift, Worker
from registry.record.archive import Form
from registry.record.bulk import Bulk, Tally
from registry.record.value import Value, ValueIn, normalise
from registry.series.series import Content
from tests.registry.conftest import Holder

DAY = date(2026, 3, 2)
Working: TypeAlias = Callable[..., AbstractAsyncContextManager[list[Worker]]]


@dataclass
class Told:
    """What workers said of the chunks they committed."""

    tallies: list[tuple[JobKind, Tally]] = field(default_factory=list)

    def __call__(self, kind: JobKind, tally: Tally) -> None:
        self.tallies.append((kind, tally))

    @property
    def created(self) -> int:
        return sum(tally.created for _, tally in self.tallies)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def bulk(database: Database, form: Form) -> Bulk:
    return Bulk(database, form)


@pytest.fixture
def jobs(database: Database, once: OnceRunner, form: Form) -> Jobs:
    return Jobs(database, once, form, wake=lambda: None)


@pytest.fixture
def working(database: Database, form: Form, bulk: Bulk, told: Told) -> Working:
    """Workers at work while the context lasts."""
    tokens = map(str, itertools.count())

    @asynccontextmanager
    async def work(
        count: int = 1, *, chunk: int = 1000, lease: float = 5.0, works: Any = None
    ) -> AsyncIterator[list[Worker]]:
        shift = Shift(lease, lambda: next(tokens), told)
        kinds = works or {JobKind.BLOCK: BlockWork(bulk, form, chunk=chunk)}
        workers = [Worker(database, form.sealing, kinds, shift) for _ in range(count)]
        tasks = [asyncio.create_task(worker.run()) for worker in workers]
        yield workers
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(one, asyncio.CancelledError) for one in ended), ended

    return work


def values(**texts: str) -> tuple[Value, ...]:
    """Public values of these types, from index 1."""
    wished = [
        ValueIn(index=index, type=kind, data=text)
        for index, (kind, text) in enumerate(texts.items(), start=1)
    ]
    return normalise(wished, now=datetime(2026, 3, 2, tzinfo=UTC))


def wish(pattern: str = "SN{serial:06d}", count: int = 2500, **changes: Any) -> BlockWish:
    known: dict[str, Any] = {
        "pattern": pattern,
        "count": count,
        "start": 1,
        "on": DAY,
        "content": Content(values(URL="https://example.com")),
    }
    return BlockWish(**known | changes)


async def ended(jobs: Jobs, holder: Holder, job_id: int, seconds: float = 60.0) -> Job:
    """The job when it has ended."""
    async with asyncio.timeout(seconds):
        while True:
            job = await jobs.get(holder.actor, job_id)
            if job.state.final:
                return job
            await asyncio.sleep(0.02)


async def until_done(jobs: Jobs, holder: Holder, job_id: int, least: int) -> Job:
    """The job when it has judged some lines."""
    async with asyncio.timeout(60):
        while True:
            job = await jobs.get(holder.actor, job_id)
            if job.done >= least:
                return job
            await asyncio.sleep(0.01)


async def suffixes(database: Database) -> list[str]:
    """Everything registered, in order."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT coalesce(suffix_shown, suffix) AS shown FROM identifier ORDER BY suffix"
        )
    return [row["shown"] for row in rows]


async def counted(database: Database) -> int:
    """New identifiers by the batches, which must agree with the rows."""
    async with database.connection() as connection:
        row = await connection.fetchrow(
            """SELECT (SELECT coalesce(sum(created), 0) FROM batch) AS batched,
                      (SELECT count(*) FROM identifier) AS rows,
                      (SELECT count(*) FROM batch b
                        WHERE b.created <> (SELECT count(*) FROM identifier i
                                             WHERE i.batch_id = b.batch_id)) AS wrong"""
        )
    assert (row["wrong"], row["batched"]) == (0, row["rows"])
    return int(row["rows"])
