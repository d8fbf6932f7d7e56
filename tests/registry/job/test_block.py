"""Serial blocks: what they register, and what they come to where something is there already."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from registry.access.once import Once
from registry.code.allocation import Codes, CodeWish
from registry.errors import (
    CodesExhausted,
    InvalidInput,
    InvalidPattern,
    NotPermitted,
    NotPrefixOwner,
    PrefixNotFound,
)
from registry.identifier import Identifier
from registry.job.job import JobKind, JobState
from registry.record.registration import Method, Registration
from registry.record.value import ValueIn, normalise
from registry.series.series import Content
from tests.registry.job.conftest import (
    DAY,
    counted,
    ended,
    suffixes,
    until_done,
    values,
    wish,
)

BLOCK = [f"SN{serial:06d}" for serial in range(1, 2501)]


async def run(jobs, working, holder, wish, **options):
    job = await jobs.add_block(holder.actor, holder.prefix, wish)
    async with working(**options):
        return await ended(jobs, holder, job.job_id)


async def register(registrar, holder, *codes, content=None):
    verdicts = await registrar.create(
        holder.actor,
        [
            Registration(Identifier(holder.prefix, code), content or wish().content.values)
            for code in codes
        ],
        Method.SINGLE,
    )
    assert all(verdict.error is None for verdict in verdicts)


def outcomes(job):
    return job.created, job.unchanged, job.revived, job.refused


async def test_a_block_registers_its_serials(jobs, working, lamps, database, catalogue, told):
    job = await jobs.add_block(lamps.actor, lamps.prefix, wish())
    assert (job.state, job.kind, job.total, job.done) == (JobState.QUEUED, JobKind.BLOCK, 2500, 0)
    async with working():
        job = await ended(jobs, lamps, job.job_id)
    assert (job.state, job.done, outcomes(job)) == (JobState.DONE, 2500, (2500, 0, 0, 0))
    assert None not in (job.started_at, job.finished_at)
    assert await suffixes(database) == BLOCK
    assert await counted(database) == 2500
    assert told.created == 2500
    found = await catalogue.find(Identifier(lamps.prefix, "SN000017"))
    assert '"https://example.com"' in found.row.public


async def test_chunks_are_batches_of_the_method(jobs, working, lamps, database):
    await run(jobs, working, lamps, wish())
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT method, created, actor, request_id FROM batch ORDER BY batch_id"
        )
    told = [tuple(row) for row in rows]
    mine = (lamps.actor.name, lamps.actor.request_id)
    assert told == [(Method.BLOCK, count, *mine) for count in (1000, 1000, 500)]


async def test_the_same_block_again_changes_nothing(jobs, working, lamps, database):
    await run(jobs, working, lamps, wish())
    job = await run(jobs, working, lamps, wish())
    assert (job.state, outcomes(job)) == (JobState.DONE, (0, 2500, 0, 0))
    assert await counted(database) == 2500


async def test_what_differs_is_refused_and_harms_no_other(
    jobs, working, lamps, registrar, database
):
    await register(registrar, lamps, "SN000005", "SN001500", content=values(URL="other"))
    await register(registrar, lamps, "SN000006")
    await registrar.withdraw(lamps.actor, Identifier(lamps.prefix, "SN000006"))
    await register(registrar, lamps, "SN000007")
    job = await run(jobs, working, lamps, wish())
    assert outcomes(job) == (2496, 1, 0, 3)
    refusals = await jobs.refusals(lamps.actor, job.job_id, 0, 100)
    assert [(one.line, one.identifier, one.rule) for one in refusals] == [
        (5, f"{lamps.prefix}/SN000005", "identifier-exists"),
        (6, f"{lamps.prefix}/SN000006", "identifier-withdrawn"),
        (1500, f"{lamps.prefix}/SN001500", "identifier-exists"),
    ]
    assert await suffixes(database) == BLOCK
    assert await counted(database) == 2500


async def test_withdrawn_ones_are_revived_when_asked(jobs, working, lamps, registrar, database):
    await register(registrar, lamps, "SN000006")
    await registrar.withdraw(lamps.actor, Identifier(lamps.prefix, "SN000006"))
    job = await run(jobs, working, lamps, wish(revive=True))
    assert outcomes(job) == (2499, 0, 1, 0)
    assert await counted(database) == 2500


async def test_a_code_of_another_pattern_in_between(jobs, working, lamps, registrar, database):
    await register(registrar, lamps, "SN000005-B")
    job = await run(jobs, working, lamps, wish())
    assert outcomes(job) == (2500, 0, 0, 0)
    assert await counted(database) == 2501


async def test_spellings_are_kept(jobs, working, lamps, database, catalogue):
    job = await run(jobs, working, lamps, wish("sn-{serial:03d}", 12))
    assert outcomes(job) == (12, 0, 0, 0)
    assert await suffixes(database) == [f"sn-{serial:03d}" for serial in range(1, 13)]
    found = await catalogue.find(Identifier(lamps.prefix, "SN-003"))
    assert (found.row.suffix, found.row.shown) == ("SN-003", "sn-003")


async def test_dates_and_check_digits(jobs, working, lamps, database):
    await run(jobs, working, lamps, wish("{yyyy}{mm}{serial:04d}{check:mod10}", 3))
    assert [code[:-1] for code in await suffixes(database)] == [
        "2026030001",
        "2026030002",
        "2026030003",
    ]


async def test_secrets_are_sealed_each_for_its_record(jobs, working, lamps, database, catalogue):
    secret = normalise([ValueIn(index=3, type="HS_SECKEY", data="geheim")], now=datetime.now(UTC))
    job = await run(jobs, working, lamps, wish(count=3, content=Content(secret)))
    assert outcomes(job) == (3, 0, 0, 0)
    view = await catalogue.view(lamps.actor, Identifier(lamps.prefix, "SN000002"))
    assert [value.data.value for value in view.listed] == ["geheim"]
    async with database.connection() as connection:
        row = await connection.fetchrow("SELECT content, parameters FROM job")
    assert b"geheim" not in row["content"]
    assert "geheim" not in row["parameters"]


@pytest.mark.parametrize(
    ("changes", "error", "field"),
    [
        ({"pattern": "{random:8}"}, InvalidInput, "pattern"),
        ({"pattern": "SN{serial"}, InvalidPattern, "pattern"),
        ({"count": 0}, InvalidInput, "count"),
        ({"count": 100_000_001, "pattern": "{serial:010d}"}, InvalidInput, "count"),
        ({"start": 0}, InvalidInput, "start"),
        ({"start": 999_999, "count": 2}, CodesExhausted, "count"),
        ({"pattern": "a\u200b{serial:03d}", "count": 1}, InvalidInput, None),
    ],
)
async def test_what_cannot_be_a_block_is_no_job(jobs, lamps, database, changes, error, field):
    with pytest.raises(error) as raised:
        await jobs.add_block(lamps.actor, lamps.prefix, wish(**changes))
    if field is not None:
        assert raised.value.field == field
    assert await jobs.page(lamps.actor, prefix=None, state=None, after=None, limit=10) == []
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM code_counter") == 0


async def test_who_may_have_a_block(jobs, lamps, active_prefix, operator):
    other = await active_prefix()
    with pytest.raises(NotPrefixOwner):
        await jobs.add_block(other.actor, lamps.prefix, wish())
    with pytest.raises(NotPermitted):  # an operator may withdraw, never write
        await jobs.add_block(operator, lamps.prefix, wish())
    with pytest.raises(PrefixNotFound):
        await jobs.add_block(lamps.actor, "99.999.9", wish())


async def test_later_reservations_begin_behind_the_block(jobs, lamps, database, once):
    codes = Codes(
        database,
        once,
        case_sensitive=False,
        now=lambda: datetime(2026, 3, 2, tzinfo=UTC),
        random_bytes=lambda count: bytes(count),
    )
    await jobs.add_block(lamps.actor, lamps.prefix, wish(start=100, count=50))
    # The job has not even begun: its serials are spoken for all the same.
    reserved = await codes.reserve(lamps.actor, lamps.prefix, CodeWish("sn{serial:06d}", 2))
    assert reserved.handles == [f"{lamps.prefix}/sn000150", f"{lamps.prefix}/sn000151"]


async def test_a_block_below_the_counter_moves_nothing(jobs, lamps, database):
    await jobs.add_block(lamps.actor, lamps.prefix, wish(start=100, count=50))
    await jobs.add_block(lamps.actor, lamps.prefix, wish(start=1, count=50))
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT next_serial FROM code_counter") == 150


async def test_without_a_start_blocks_follow_each_other(jobs, working, lamps, database):
    for _ in range(2):
        await run(jobs, working, lamps, wish(start=None, count=3))
    assert await suffixes(database) == [f"SN{serial:06d}" for serial in range(1, 7)]


async def test_the_same_request_again_makes_no_second_job(jobs, lamps):
    once = Once.of(lamps.actor.name, "order-1", b"body")
    first = await jobs.add_block(lamps.actor, lamps.prefix, wish(start=None), once)
    assert await jobs.add_block(lamps.actor, lamps.prefix, wish(start=None), once) == first


async def test_a_prefix_stopped_meanwhile_ends_the_job(
    jobs, working, lamps, prefixes, operator, database
):
    job = await jobs.add_block(lamps.actor, lamps.prefix, wish(count=200_000))
    async with working(chunk=500):
        await until_done(jobs, lamps, job.job_id, 500)
        await prefixes.stop(operator, lamps.prefix, "by order")
        job = await ended(jobs, lamps, job.job_id)
    assert (job.state, job.error.kind) == (JobState.FAILED, "prefix-not-active")
    assert job.done == job.created == await counted(database) < 200_000


def test_the_day_is_that_of_the_wish():
    assert wish().on == DAY
