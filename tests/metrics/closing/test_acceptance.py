"""A day that its records do not bear out, closed because an operator answers for it."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from metrics.closing.acceptance.accepting import NoAlarm, accept
from metrics.closing.daily import DailyTotals
from metrics.counting.day import DAY as A_DAY
from metrics.counting.day import SECOND
from metrics.log.statement import Statement
from metrics.log.verification.days import DayCheck
from metrics.log.verification.said import read
from metrics.log.verification.statements import answered_for
from metrics.year import flag
from metrics.year.book import YearBook
from registry.access.actor import console
from registry.errors import InvalidInput
from tests.metrics.closing.conftest import NEXT, Office, at
from tests.metrics.counting.conftest import DAY, Ask, hashed

MIDNIGHT = A_DAY // SECOND
WHY = "磁盘更换时丢失一条记录，已核对备份"


async def _accept(office: Office, day=DAY, reason: str = WHY):
    return await accept(office.bureau.database, console(), day, reason)


async def _statements(office: Office) -> list[dict]:
    async with office.bureau.database.connection() as connection:
        rows = await connection.fetch("SELECT body FROM statement_owed ORDER BY statement_id")
    found = [msgspec.json.decode(row["body"]) for row in rows]
    return [one for one in found if one["kind"] == "daily-totals"]


@pytest.fixture
async def lost(office: Office) -> Office:
    """Of three identifiers one is gone, and the journal has a request less than the sums."""
    await office.register("A", "B", "C")
    worker = await office.bureau.worker()
    await worker.note(Ask(10), until=2 * MIDNIGHT)
    await office.count_the_day()
    await office.bureau.execute("DELETE FROM identifier WHERE suffix = 'A'")
    await office.bureau.execute("UPDATE resolution_hour SET requests = requests + 1")
    assert await office.closer.close() is None
    return office


async def test_it_is_closed_and_says_so(lost: Office) -> None:
    found = await _accept(lost)
    assert [one.text for one in found.differences] == [
        "88.118.1: live identifiers should be 3, there are 2",
        "88.118.1: identifiers ever should be 3, there are 2",
        "the journal has 1 requests, the sums 2",
    ]
    totals = await lost.closer.close()
    assert isinstance(totals, DailyTotals)
    assert (totals.created, totals.total, totals.corrected) == (3, 2, -1)
    (stated,) = await _statements(lost)
    assert (stated["total"], stated["corrected"]) == (2, -1)
    assert stated["accepted"] == {
        "by": "console",
        "reason": WHY,
        "differences": [
            {"subject": "requests", "places": 1, "stated": 2, "there": 1, "more": 0, "fewer": 1},
            {
                "subject": "live identifiers",
                "places": 1,
                "stated": 3,
                "there": 2,
                "more": 0,
                "fewer": 1,
            },
            {
                "subject": "identifiers ever",
                "places": 1,
                "stated": 3,
                "there": 2,
                "more": 0,
                "fewer": 1,
            },
        ],
    }
    assert "88.118.1" not in str(stated), "the log is public"
    audited = await lost.bureau.fetchval(
        "SELECT detail FROM audit WHERE action = 'day.difference-accepted'"
    )
    assert WHY in audited
    assert (
        await lost.bureau.fetchval("SELECT count(*) FROM close_alarm WHERE ended_at IS NULL") == 0
    )


async def test_it_holds_for_one_day(lost: Office) -> None:
    """The next day is borne out again, and a new loss keeps it open again."""
    await _accept(lost)
    assert await lost.closer.close() is not None
    await lost.register("D", when=at(MIDNIGHT + 100))
    totals = await lost.close(NEXT)
    assert totals is not None
    assert (totals.total, totals.corrected, totals.accepted) == (3, 0, None)
    assert "accepted" not in (await _statements(lost))[1]
    await lost.register("E", "F", when=at(2 * MIDNIGHT + 100))
    await lost.bureau.execute("DELETE FROM identifier WHERE suffix = 'E'")
    third = NEXT + timedelta(days=1)
    async with lost.bureau.database.connection() as connection:
        await connection.execute("UPDATE journal_writer SET seen_at = now() - interval '1 hour'")
    assert await lost.close(third) is None
    with pytest.raises(NoAlarm):
        await _accept(lost, DAY)


async def test_another_difference_is_not_accepted(lost: Office) -> None:
    await _accept(lost)
    await lost.bureau.execute("DELETE FROM identifier WHERE suffix = 'B'")
    assert await lost.closer.close() is None
    assert "there are 1" in await lost.bureau.fetchval("SELECT detail FROM close_alarm")
    assert len((await _accept(lost)).differences) == 3
    assert await lost.closer.close() is not None


async def test_nothing_is_accepted_of_a_day_that_turns_out_well(lost: Office) -> None:
    await _accept(lost)
    await lost.bureau.execute("UPDATE resolution_hour SET requests = 1")
    await lost.bureau.execute(
        """INSERT INTO identifier (batch_id, prefix_id, suffix, public_values)
           SELECT batch_id, 1, 'A', '[]' FROM batch"""
    )
    assert await lost.closer.close() is not None
    assert "accepted" not in (await _statements(lost))[0]
    assert await lost.bureau.fetchval("SELECT count(*) FROM close_acceptance") == 0


async def test_only_what_keeps_a_day_open_can_be_accepted(office: Office) -> None:
    with pytest.raises(NoAlarm):
        await _accept(office)
    for reason in ("short", "x" * 501, "a reason on\ntwo lines"):
        with pytest.raises(InvalidInput):
            await _accept(office, reason=reason)


async def test_the_year_flags_it(lost: Office) -> None:
    await _accept(lost)
    assert await lost.closer.close() is not None
    told = await YearBook(lost.bureau.database, hashed).numbers(DAY.year, look_through=False)
    assert told.flags[0] == next(flag.accepted([(DAY, WHY)]))
    assert WHY in told.flags[0].text


async def test_an_auditor_sees_a_correction_borne_out(lost: Office) -> None:
    await lost.bureau.execute("UPDATE resolution_hour SET requests = 1")
    assert await lost.closer.close() is None
    await _accept(lost)
    assert await lost.closer.close() is not None
    await lost.register("D", when=at(MIDNIGHT + 100))
    assert await lost.close(NEXT) is not None
    first, second = await _statements(lost)
    before = {**first, "day": str(DAY - timedelta(days=1)), "total": 0, "created": 0}

    def faults(*told: dict) -> set[str]:
        entries = [
            Statement("daily-totals", at(MIDNIGHT), _content(one)).text.encode() for one in told
        ]
        said, faulty = read("statements", entries)
        assert not faulty
        return {one.rule for one in DayCheck("statements", None, None).run(said)}

    assert not faults(before, first, second)
    assert faults(before, {**first, "corrected": 0}, second) == {"daily-total"}
    (remark,) = answered_for([Statement("daily-totals", at(0), _content(first)).text.encode()])
    assert str(DAY) in remark
    assert WHY in remark
    silent = {name: value for name, value in first.items() if name != "accepted"}
    assert faults(before, silent, second) == {"daily-correction"}


def _content(told: dict) -> dict:
    return {name: value for name, value in told.items() if name not in {"kind", "at", "version"}}
