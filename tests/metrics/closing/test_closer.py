from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from metrics.closing import journal
from metrics.closing.daily import DailyTotals
from metrics.counting import store
from metrics.counting.counter import Counter
from metrics.counting.day import DAY as A_DAY
from metrics.counting.day import SECOND
from metrics.counting.owners import OwnerTable
from metrics.counting.reason import Reason
from metrics.counting.recount import Recount, part_of
from metrics.journal.entry import Outcome
from registry.record.registration import Method
from registry.record.store import DAY_LOCK
from tests.metrics.closing.conftest import NEXT, Office, at
from tests.metrics.counting.conftest import DAY, Ask, Bureau

MIDNIGHT = A_DAY // SECOND


async def _recounted(bureau: Bureau, day=DAY):
    async with bureau.database.connection() as connection:
        return await Recount(connection, OwnerTable(), day, await part_of(connection, day)).sums()


async def _ledger(bureau: Bureau, day=DAY):
    async with bureau.database.connection() as connection:
        return await store.sums_of(connection, day)


async def _lines(office: Office) -> list[tuple]:
    async with office.bureau.database.connection() as connection:
        rows = await connection.fetch(
            """SELECT day, created, imported, revived, deleted, total, gone
                 FROM registration_day ORDER BY day"""
        )
    return [tuple(row) for row in rows]


async def test_a_day_is_closed_when_it_is_over_and_counted(office: Office) -> None:
    assert await office.closer.close() is None
    await office.register("A", "B")
    await office.register("C", method=Method.IMPORT)
    totals = await office.close()
    assert totals is not None
    assert (totals.created, totals.imported, totals.total) == (2, 1, 3)
    assert await office.bureau.fetchval("SELECT open_day FROM count_state") == NEXT
    assert await office.bureau.fetchval("SELECT closed_until FROM day_ledger") == at(MIDNIGHT)


async def test_every_day_bears_the_identity_out(office: Office) -> None:
    await office.register("A", "B", "C", "D")
    await office.change("A", 2)
    await office.change("B", 2)
    await office.change("B", 3)
    await office.change("C", 1)
    day2 = at(MIDNIGHT + 100)
    await office.register("E", when=day2)
    await office.register("F", when=day2, method=Method.IMPORT)
    await office.change("A", 3, day2)
    await office.change("F", 2, day2)
    assert await office.close() is not None
    assert await office.close(NEXT) is not None
    assert await _lines(office) == [
        (DAY, 4, 0, 1, 2, 3, 1),
        (NEXT, 1, 1, 1, 1, 5, -1),  # what was imported is not new, so it can't be gone either
    ]


async def test_the_last_moment_belongs_to_the_day(office: Office) -> None:
    await office.register("A", when=at(0))
    await office.register("B", when=at(MIDNIGHT - 0.000001))
    await office.register("C", when=at(MIDNIGHT))
    totals = await office.close()
    assert totals is not None
    assert totals.created == 2


async def test_methods_are_told_apart(office: Office) -> None:
    await office.register("A", "B", method=Method.STREAM)
    await office.register("C", method=Method.BLOCK)
    await office.close()
    async with office.bureau.database.connection() as connection:
        rows = await connection.fetch("SELECT method, created FROM registration_method")
    assert {tuple(row) for row in rows} == {(Method.STREAM, 2), (Method.BLOCK, 1)}


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("DELETE FROM identifier WHERE suffix = 'A'", "live identifiers should be 3, there are 2"),
        ("UPDATE identifier SET revision = -2 WHERE suffix = 'A'", "should be 3, there are 2"),
        ("UPDATE batch SET created = created + 1", "should be 4, there are 3"),
        ("UPDATE resolution_hour SET requests = requests + 1", "has 1 requests, the sums 2"),
        ("DELETE FROM journal_piece", "has 0 requests, the sums 1"),
    ],
)
async def test_what_is_not_borne_out_stays_open(office: Office, damage: str, told: str) -> None:
    await office.register("A", "B", "C")
    worker = await office.bureau.worker()
    await worker.note(Ask(10), until=MIDNIGHT)
    await office.count_the_day()
    await office.bureau.execute(damage)
    assert await office.closer.close() is None
    assert await office.closer.close() is None
    assert await office.bureau.fetchval("SELECT count(*) FROM day_close") == 0
    assert await office.bureau.fetchval("SELECT open_day FROM count_state") == DAY
    assert told in await office.bureau.fetchval("SELECT detail FROM close_alarm")
    assert await office.bureau.fetchval("SELECT count(*) FROM close_alarm") == 1


async def test_an_alarm_ends_when_the_sums_are_borne_out(office: Office) -> None:
    await office.register("A")
    await office.bureau.execute("UPDATE batch SET created = 2")
    assert await office.close() is None
    await office.bureau.execute("UPDATE batch SET created = 1")
    assert await office.closer.close() is not None
    assert await office.bureau.fetchval("SELECT ended_at IS NOT NULL FROM close_alarm")


async def test_it_waits_for_who_registers_but_not_long(office: Office) -> None:
    await office.count_the_day()
    async with office.bureau.database.connection() as other, other.transaction():
        await other.execute("SELECT pg_advisory_xact_lock_shared($1)", DAY_LOCK)
        assert await office.closer.close() is None
    assert await office.closer.close() is not None


async def test_a_pair_that_straddles_midnight_counts_on_the_first_day(office: Office) -> None:
    worker = await office.bureau.worker()
    await worker.note(Ask(MIDNIGHT - 10), Ask(MIDNIGHT + 10), Ask(MIDNIGHT + 50))
    await worker.note(until=MIDNIGHT + 100)
    assert await office.close() is not None
    office.bureau.counter = Counter(OwnerTable())  # a new keeper reads yesterday's end again
    await office.bureau.round()
    assert await office.bureau.totals() == {Reason.COUNTED: 1}
    assert await office.bureau.totals(NEXT) == {Reason.REPEAT: 1, Reason.COUNTED: 1}
    await worker.note(until=2 * MIDNIGHT)
    assert await office.close(NEXT) is not None
    for day in (DAY, NEXT):
        assert await _recounted(office.bureau, day) == await _ledger(office.bureau, day)


async def test_counting_does_not_go_beyond_an_open_day(office: Office) -> None:
    worker = await office.bureau.worker()
    await worker.note(Ask(MIDNIGHT - 1), Ask(MIDNIGHT + 60), until=MIDNIGHT + 100)
    await office.count_the_day()
    assert await office.bureau.totals() == {Reason.COUNTED: 1}
    assert await office.bureau.fetchval("SELECT counted FROM journal_writer") == 1


async def test_what_comes_after_the_close_is_late(office: Office) -> None:
    one, late = await office.bureau.worker(), await office.bureau.worker()
    await office.bureau.execute("UPDATE journal_writer SET seen_at = now() - interval '1 hour'")
    await one.note(Ask(100), until=MIDNIGHT + 100)
    assert await office.close() is not None
    await late.note(Ask(200), Ask(MIDNIGHT + 20), until=MIDNIGHT + 200)
    await one.note(until=MIDNIGHT + 200)
    await office.bureau.rounds()
    assert await office.bureau.totals() == {Reason.COUNTED: 1}
    assert await office.bureau.totals(NEXT) == {Reason.LATE: 1, Reason.COUNTED: 1}
    for worker in (one, late):
        await worker.note(until=2 * MIDNIGHT)
        await worker.end()
    assert await office.close(NEXT) is not None
    for day in (DAY, NEXT):
        assert await _recounted(office.bureau, day) == await _ledger(office.bureau, day)
    assert await office.bureau.fetchval("SELECT bool_and(settled) FROM journal_writer")


async def test_the_statement_is_owed_with_the_close(office: Office) -> None:
    await office.register("A")
    worker = await office.bureau.worker()
    await worker.note(Ask(10), Ask(20, outcome=Outcome.NOT_FOUND), until=MIDNIGHT)
    totals = await office.close()
    assert isinstance(totals, DailyTotals)
    stated, body = await _statements(office)
    assert (stated["kind"], stated["definitions"]) == ("counting-rules", body["definitions"])
    assert (stated["repeat_milliseconds"], stated["chain"][-1]) == (30_000, "counted")
    assert body["kind"] == "daily-totals"
    assert body["day"] == DAY.isoformat()
    assert (body["created"], body["total"]) == (1, 1)
    assert body["requests"] == {"counted": 1, "not-found": 1}
    assert (body["received"], body["answered"], body["counted"]) == (2, 1, 1)
    assert "88.118.1" not in str(body), "the log is public"
    async with office.bureau.database.connection() as connection, connection.transaction():
        held = await journal.journal_of(connection, DAY)
    assert (held.records, held.digest.hex()) == (2, body["journal"])


async def test_rules_are_stated_once(office: Office) -> None:
    await office.count_the_day()
    assert await office.close() is not None
    await office.count_the_day(NEXT)
    assert await office.close(NEXT) is not None
    kinds = [one["kind"] for one in await _statements(office)]
    assert kinds == ["counting-rules", "daily-totals", "daily-totals"]


async def _statements(office: Office) -> list[dict[str, Any]]:
    async with office.bureau.database.connection() as connection:
        rows = await connection.fetch("SELECT body FROM statement_owed ORDER BY statement_id")
    return [msgspec.json.decode(row["body"]) for row in rows]


async def test_two_closers_close_once(office: Office) -> None:
    await office.register("A")
    await office.count_the_day()
    told = await asyncio.gather(office.closer.close(), office.closer.close())
    assert sum(one is not None for one in told) == 1
    assert await office.bureau.fetchval("SELECT count(*) FROM day_close") == 1
    assert await office.bureau.fetchval("SELECT count(*) FROM close_alarm") == 0


async def test_many_days_are_closed_one_after_the_other(office: Office) -> None:
    await office.register("A")
    for number in range(5):
        assert await office.close(DAY + timedelta(days=number)) is not None
    assert [line[5] for line in await _lines(office)] == [1] * 5
