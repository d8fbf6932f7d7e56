"""Workers: who has a job, what happens when one dies, is cancelled or gets in the other's way."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from registry.errors import InvalidValue, WrongState
from registry.job import store
from registry.job.job import Advance, JobKind, JobState, LeaseLost
from registry.job.verdict import unpacked
from registry.job.worker import Worker
from registry.record.bulk import Tally
from registry.series.series import Content
from tests.registry.job.conftest import counted, ended, suffixes, until_done, wish

LONG = 200_000


async def lease_of(database, job_id):
    async with database.connection() as connection:
        return await connection.fetchval("SELECT lease FROM job WHERE job_id = $1", job_id)


async def take(database, token="dead", seconds=0.2):
    return await database.transaction(lambda tx: store.take(tx, token, seconds))


async def test_a_job_left_behind_is_taken_over_when_its_lease_ends(jobs, working, lamps, database):
    job = await jobs.add_block(lamps.actor, lamps.prefix, wish())
    taken = time.monotonic()
    dead = await take(database, seconds=0.4)
    assert dead.job_id == job.job_id
    async with working():
        await until_done(jobs, lamps, job.job_id, 1)
        assert time.monotonic() - taken >= 0.4
        job = await ended(jobs, lamps, job.job_id)
    assert (job.state, job.created) == (JobState.DONE, 2500)


async def test_a_lease_is_renewed_while_its_worker_lives(jobs, working, lamps, database):
    class Slow:
        async def run(self, lease, ledger):
            await asyncio.sleep(1.6)

            async def chunk(tx):
                return Advance(position=1, line=1, lines=[1], tally=Tally(1), finished=True)

            await ledger.commit(chunk)

    job = await jobs.add_block(lamps.actor, lamps.prefix, wish(count=1))
    async with working(2, lease=1.0, works={JobKind.BLOCK: Slow()}):
        job = await ended(jobs, lamps, job.job_id)
    assert (job.state, job.created) == (JobState.DONE, 1)
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT stalls FROM job") == 0


async def test_who_lost_the_lease_commits_nothing(jobs, working, lamps, database):
    """A worker that slept through its lease finds the job gone on without it."""
    job = await jobs.add_block(lamps.actor, lamps.prefix, wish())
    lease = await take(database, seconds=0.05)
    async with working():
        assert (await ended(jobs, lamps, job.job_id)).created == 2500

    async def late(tx):
        return await store.hold(tx, lease, lease.position)

    assert not await database.transaction(late)
    async with database.connection() as connection:
        assert not await store.renew(connection, lease, 5)
        await store.give_back(connection, lease.token)
    assert (await jobs.get(lamps.actor, job.job_id)).state is JobState.DONE
    assert await counted(database) == 2500


async def test_a_stopped_worker_gives_its_job_back_at_once(jobs, working, lamps, database):
    job = await jobs.add_block(lamps.actor, lamps.prefix, wish(count=LONG))
    async with working(chunk=200, lease=60):
        await until_done(jobs, lamps, job.job_id, 200)
    assert await lease_of(database, job.job_id) is None
    async with working(chunk=20_000):
        job = await ended(jobs, lamps, job.job_id)
    assert (job.state, job.created, job.unchanged) == (JobState.DONE, LONG, 0)
    assert await counted(database) == LONG


async def test_a_worker_stopped_while_it_takes_a_job_leaves_none_behind(
    jobs, working, lamps, database, monkeypatch
):
    """The transaction was committed, but its answer never came."""
    real = Worker._take
    taken = asyncio.Event()

    async def take_and_hang(worker, token):
        await real(worker, token)
        taken.set()
        await asyncio.sleep(60)

    monkeypatch.setattr(Worker, "_take", take_and_hang)
    job = await jobs.add_block(lamps.actor, lamps.prefix, wish())
    async with working(lease=600):
        await taken.wait()
    assert await lease_of(database, job.job_id) is None


async def test_workers_share_the_jobs(jobs, working, lamps, active_prefix, database, told):
    other = await active_prefix()
    first = await jobs.add_block(lamps.actor, lamps.prefix, wish(count=5000))
    second = await jobs.add_block(other.actor, other.prefix, wish(count=5000))
    async with working(4, chunk=100):
        await until_done(jobs, lamps, first.job_id, 100)
        await until_done(jobs, other, second.job_id, 100)
        assert (await ended(jobs, lamps, first.job_id)).created == 5000
        assert (await ended(jobs, other, second.job_id)).created == 5000
    assert await counted(database) == told.created == 10_000


async def test_blocks_that_overlap_count_each_identifier_once(jobs, working, lamps, database):
    numbers = [
        (await jobs.add_block(lamps.actor, lamps.prefix, wish(start=start, count=4000))).job_id
        for start in (1, 2001, 1001, 1)
    ]
    async with working(4, chunk=300):
        made = [await ended(jobs, lamps, number) for number in numbers]
    assert all(job.state is JobState.DONE for job in made)
    assert sum(job.created for job in made) == await counted(database) == 6000
    assert all(job.created + job.unchanged == job.done == 4000 for job in made)


async def test_a_long_job_lets_others_have_their_turn(jobs, working, lamps, monkeypatch):
    monkeypatch.setattr("registry.job.ledger.TURN_SECONDS", 0.1)
    long = await jobs.add_block(lamps.actor, lamps.prefix, wish("L{serial:09d}", count=10_000_000))
    async with working(chunk=500):
        await until_done(jobs, lamps, long.job_id, 500)
        short = await jobs.add_block(lamps.actor, lamps.prefix, wish(count=700))
        assert (await ended(jobs, lamps, short.job_id)).created == 700
        assert (await jobs.get(lamps.actor, long.job_id)).state is JobState.RUNNING


async def test_a_running_job_is_cancelled_between_chunks(jobs, working, lamps, database):
    job = await jobs.add_block(lamps.actor, lamps.prefix, wish(count=LONG))
    async with working(chunk=500):
        await until_done(jobs, lamps, job.job_id, 500)
        job = await jobs.cancel(lamps.actor, job.job_id)
        assert job.state is JobState.CANCELLED
        await asyncio.sleep(0.1)
    job = await jobs.get(lamps.actor, job.job_id)
    assert job.done == job.created == await counted(database)
    assert job.done % 500 == 0
    assert 0 < job.done < LONG
    assert await suffixes(database) == [f"SN{n:06d}" for n in range(1, job.done + 1)]


async def test_a_waiting_job_is_cancelled_at_once(jobs, working, lamps, database):
    job = await jobs.add_block(lamps.actor, lamps.prefix, wish())
    await jobs.cancel(lamps.actor, job.job_id)
    async with working():
        await asyncio.sleep(0.1)
    assert await counted(database) == 0
    assert (await jobs.cancel(lamps.actor, job.job_id)).state is JobState.CANCELLED


async def test_a_job_that_has_ended_is_not_cancelled(jobs, working, lamps):
    job = await jobs.add_block(lamps.actor, lamps.prefix, wish(count=1))
    async with working():
        await ended(jobs, lamps, job.job_id)
    with pytest.raises(WrongState):
        await jobs.cancel(lamps.actor, job.job_id)


async def test_a_cancelled_job_wakes_a_worker_in_the_midst_of_it(jobs, working, lamps):
    begun, stopped = asyncio.Event(), asyncio.Event()

    class Stuck:
        async def run(self, lease, ledger):
            begun.set()
            try:
                await asyncio.sleep(60)
            finally:
                stopped.set()

    job = await jobs.add_block(lamps.actor, lamps.prefix, wish(count=1))
    async with working(lease=0.3, works={JobKind.BLOCK: Stuck()}):
        await begun.wait()
        await jobs.cancel(lamps.actor, job.job_id)
        async with asyncio.timeout(60):
            await stopped.wait()


async def test_a_worker_stopped_while_it_loses_a_job_stops(jobs, working, lamps, monkeypatch):
    unwinding = asyncio.Event()

    async def renew(*_):
        try:
            await asyncio.Event().wait()
        finally:
            unwinding.set()
            await asyncio.sleep(0.05)

    class Lost:
        async def run(self, lease, ledger):
            await asyncio.sleep(0)
            raise LeaseLost

    monkeypatch.setattr(Worker, "_renew", renew)
    await jobs.add_block(lamps.actor, lamps.prefix, wish(count=1))
    async with asyncio.timeout(60), working(works={JobKind.BLOCK: Lost()}):
        await unwinding.wait()


async def test_what_can_never_go_on_fails_with_the_reason(jobs, working, lamps):
    class Wrong:
        async def run(self, lease, ledger):
            raise InvalidValue("such values are none", field="values[0]", rule="none")

    job = await jobs.add_block(lamps.actor, lamps.prefix, wish(count=1))
    async with working(works={JobKind.BLOCK: Wrong()}):
        job = await ended(jobs, lamps, job.job_id)
    assert job.state is JobState.FAILED
    assert (job.error.kind, job.error.rule) == ("invalid-value", "none")
    assert (job.error.field, job.error.detail) == ("values[0]", "such values are none")


async def test_a_job_that_never_gets_on_is_given_up(jobs, working, lamps, monkeypatch):
    monkeypatch.setattr("registry.job.worker.MAX_STALLS", 3)
    attempts = 0

    class Broken:
        async def run(self, lease, ledger):
            nonlocal attempts
            attempts += 1
            raise RuntimeError("secret of the row")

    job = await jobs.add_block(lamps.actor, lamps.prefix, wish(count=1))
    async with working(4, lease=0.02, works={JobKind.BLOCK: Broken()}):
        job = await ended(jobs, lamps, job.job_id)
    assert (job.state, job.error.kind) == (JobState.FAILED, "job-stalled")
    assert attempts == 3
    assert "secret" not in job.error.detail


async def test_a_chunk_that_fails_leaves_nothing(jobs, working, lamps, database, monkeypatch):
    """The rows, the position and the counters of a chunk stand or fall together."""
    real = store.advance
    failures = iter([True, False, True])

    async def advance(*arguments, **options):
        await real(*arguments, **options)
        if next(failures, False):
            raise RuntimeError("the machine stops here")

    monkeypatch.setattr(store, "advance", advance)
    job = await jobs.add_block(lamps.actor, lamps.prefix, wish())
    async with working(lease=0.1):
        job = await ended(jobs, lamps, job.job_id)
    assert (job.state, job.created, job.unchanged) == (JobState.DONE, 2500, 0)
    assert await counted(database) == 2500
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM job_verdicts") == 3


async def test_refusals_to_look_at_are_bounded_and_verdicts_complete(
    jobs, working, lamps, database, form
):
    first = await jobs.add_block(lamps.actor, lamps.prefix, wish())
    second = await jobs.add_block(lamps.actor, lamps.prefix, wish(content=Content(())))
    async with working():
        await ended(jobs, lamps, first.job_id)
        job = await ended(jobs, lamps, second.job_id)
    assert job.refused == 2500
    shown = await jobs.refusals(lamps.actor, second.job_id, 0, 5000)
    assert [one.line for one in shown] == list(range(1, 1001))
    async with database.connection() as connection:
        rows = await connection.fetch(
            """SELECT position, outcomes, refusals FROM job_verdicts
                WHERE job_id = $1 ORDER BY position""",
            second.job_id,
        )
    lines = []
    for row in rows:
        context = f"job/{second.job_id}/verdicts/{row['position']}"
        told = unpacked(row["outcomes"], form.sealing.unseal(row["refusals"], context))
        assert set(told.outcomes) == {"refused"}
        lines += told.reasons
    assert lines == list(range(1, 2501))


async def test_what_a_job_left_is_forgotten_in_time(jobs, working, lamps, database):
    first = await jobs.add_block(lamps.actor, lamps.prefix, wish())
    second = await jobs.add_block(lamps.actor, lamps.prefix, wish(content=Content(())))
    waiting = await jobs.add_block(lamps.actor, lamps.prefix, wish("X{serial:04d}", count=1))
    await jobs.cancel(lamps.actor, first.job_id)
    async with working():
        await ended(jobs, lamps, second.job_id)
        await ended(jobs, lamps, waiting.job_id)
    before = await jobs.get(lamps.actor, second.job_id)
    for ago, forgotten in ((timedelta(hours=1), 0), (timedelta(hours=-1), 3)):
        limit = datetime.now(UTC) - ago
        done = await database.transaction(
            lambda tx, limit=limit: store.forget(tx, finished_before=limit)
        )
        assert done == forgotten
    assert await jobs.get(lamps.actor, second.job_id) == before
    async with database.connection() as connection:
        for table in ("job_verdicts", "job_refusal", "upload_part"):
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0
