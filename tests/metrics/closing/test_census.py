"""Days are held against what they touched, and all of it against everything now and then."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest

from metrics.closing import store
from metrics.closing.acceptance.accepting import accept
from metrics.closing.acceptance.difference import Subject
from metrics.closing.census import census
from metrics.counting.day import DAY as A_DAY
from metrics.counting.day import SECOND, end_of, moment, start_of
from registry.access.actor import console
from registry.database import Connection
from registry.record.registration import Method
from tests.metrics.closing.conftest import NEXT, Office, at
from tests.metrics.counting.conftest import DAY

MIDNIGHT = A_DAY // SECOND
TODAY = at(MIDNIGHT + 100)  # the second day


@pytest.fixture
async def second(office: Office) -> Office:
    """A day is closed, and the next one has all kinds of movements."""
    await office.register("A", "B", "C", "D")
    await office.change("D", 2)
    assert await office.close() is not None
    await office.register("E", "F", "G", when=TODAY)
    await office.register("H", when=TODAY, method=Method.IMPORT)
    await office.change("B", 2, TODAY)
    await office.change("D", 3, TODAY)
    await office.change("F", 2, TODAY)
    return office


async def test_a_days_rows_bear_it_out(second: Office) -> None:
    totals = await second.close(NEXT)
    assert totals is not None
    assert (totals.created, totals.imported, totals.revived, totals.deleted) == (3, 1, 1, 2)
    assert totals.total == 6


async def test_what_comes_after_the_day_is_not_the_days(second: Office) -> None:
    after = at(2 * MIDNIGHT + 5)
    await second.register("I", when=after)
    for suffix, action in (("E", 2), ("F", 3), ("B", 3), ("D", 2), ("G", 2), ("G", 3), ("A", 2)):
        await second.change(suffix, action, after)
    totals = await second.close(NEXT)
    assert totals is not None
    assert totals.total == 6


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("DELETE FROM identifier WHERE suffix = 'E'", "new identifiers should be 4, there are 3"),
        ("DELETE FROM identifier WHERE suffix = 'B'", "live identifiers should be 7, there are 6"),
        ("UPDATE identifier SET revision = -9 WHERE suffix = 'G'", "should be 6, there are 5"),
        ("UPDATE identifier SET revision = 9 WHERE suffix = 'F'", "should be 6, there are 7"),
        ("UPDATE identifier SET revision = -9 WHERE suffix = 'D'", "should be 6, there are 5"),
        ("UPDATE batch SET created = 9 WHERE created = 3", "new identifiers should be 10"),
        ("UPDATE revision SET action = 2 WHERE action = 3", "should be 4, there are 6"),
        (
            "INSERT INTO identifier (batch_id, prefix_id, suffix) "
            "SELECT max(batch_id), 1, 'Z' FROM batch",
            "new identifiers should be 4, there are 5",
        ),
    ],
)
async def test_what_a_day_touched_keeps_it_open(second: Office, damage: str, told: str) -> None:
    await second.count_the_day(NEXT)
    await second.bureau.execute(damage)
    assert await second.closer.close() is None
    assert told in await second.bureau.fetchval("SELECT detail FROM close_alarm")


async def test_a_day_reads_no_more_than_it_touched(second: Office) -> None:
    """What nobody touched is not looked at when the day is closed; a census finds it."""
    await second.bureau.execute("DELETE FROM identifier WHERE suffix = 'A'")
    assert await second.close(NEXT) is not None
    taken = await census.take(second.bureau.database)
    assert [one.text for one in taken.differences] == [
        "88.118.1: live identifiers should be 6, there are 5",
        "88.118.1: identifiers ever should be 8, there are 7",
    ]
    assert (taken.through, taken.rows) == (NEXT, 7)


async def test_the_end_of_a_year_looks_at_everything(second: Office) -> None:
    last = date(DAY.year, 12, 31)
    await second.bureau.execute("DELETE FROM identifier WHERE suffix = 'A'")
    day = NEXT
    while day < last:
        await second.bureau.execute(
            "UPDATE count_state SET counted_until = $1", end_of(day)
        )  # nobody asked anything
        assert await second.closer.close() is not None, day
        day += timedelta(days=1)
    await second.bureau.execute("UPDATE count_state SET counted_until = $1", end_of(last))
    assert await second.closer.close() is None
    detail = await second.bureau.fetchval("SELECT detail FROM close_alarm WHERE ended_at IS NULL")
    assert "identifiers ever should be 8, there are 7" in detail
    await accept(second.bureau.database, console(), last, "一条旧记录丢失，已查明")
    totals = await second.closer.close()
    assert totals is not None
    assert totals.total == 5
    assert (await census.take(second.bureau.database)).differences == ()


async def test_what_was_accepted_of_a_day_is_nothing_new_later(second: Office) -> None:
    await second.count_the_day(NEXT)
    await second.bureau.execute("DELETE FROM identifier WHERE suffix = 'E'")
    assert await second.closer.close() is None
    found = await accept(second.bureau.database, console(), NEXT, "一条记录丢失，已查明")
    assert {one.subject for one in found.differences} == {Subject.LIVE, Subject.NEW}
    assert await second.closer.close() is not None
    assert (await census.take(second.bureau.database)).differences == ()
    assert await second.close(NEXT + timedelta(days=1)) is not None


async def test_before_the_first_close_the_batches_say_what_there_is(office: Office) -> None:
    await office.register("A", "B", when=at(-100))
    await office.register("C")
    taken = await census.take(office.bureau.database)
    assert (taken.through, taken.rows, taken.differences) == (None, 3, ())


@pytest.mark.parametrize("seed", range(3))
async def test_days_and_everything_agree(office: Office, seed: int) -> None:
    """Days of any movements, each seen from after all of them, give what all records give."""
    chance = random.Random(seed)
    live: set[str] = set()
    gone: set[str] = set()
    days = [DAY + timedelta(days=number) for number in range(4)]
    for number in range(len(days)):
        for step in range(30):
            when = at(number * MIDNIGHT + 60 * step)
            kind = chance.random()
            if kind < 0.4 or not live:
                made = [f"{number}.{step}.{one}" for one in range(chance.randrange(1, 4))]
                await office.register(*made, when=when)
                live.update(made)
            elif kind < 0.75 or not gone:
                chosen = chance.choice(sorted(live))
                await office.change(chosen, 2, when)
                live.remove(chosen)
                gone.add(chosen)
            else:
                chosen = chance.choice(sorted(gone))
                await office.change(chosen, 3, when)
                gone.remove(chosen)
                live.add(chosen)

    async def look(tx: Connection) -> None:
        totals: dict[int, int] = {}
        for day in days:
            start, end = moment(start_of(day)), moment(end_of(day))
            moved = await store.movements(tx, start, end)
            part = await census.day_findings(tx, start, end, totals, moved)
            totals = {prefix: one.live.there for prefix, one in part.items()}
            whole = await census.all_findings(tx, end, totals)
            for found in (*part.values(), *whole.values()):
                assert list(found.differences) == []
        assert totals == {1: len(live)}

    await office.bureau.database.transaction(look)
