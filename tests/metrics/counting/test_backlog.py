"""A host that was cut off for days brings its journal when all others have long been counted."""

from __future__ import annotations

from datetime import timedelta

import pytest

from metrics.closing.audit import audit
from metrics.counting import counter as counting
from metrics.counting import recount, store
from metrics.counting.counter import Counter
from metrics.counting.day import DAY as A_DAY
from metrics.counting.day import SECOND
from metrics.counting.owners import OwnerTable
from metrics.counting.reason import Reason
from tests.metrics.closing.conftest import NEXT, Office, office
from tests.metrics.counting.conftest import DAY, Ask, Worker, bureau, database

__all__ = ["bureau", "database", "office"]

MIDNIGHT = A_DAY // SECOND
THIRD = NEXT + timedelta(days=1)
PIECE, MOST = 200, 800


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many records were in memory at a time."""
    sizes: list[int] = []
    judge = counting.judge

    def noting(lead, records, *given):
        sizes.append(len(records) + len(lead))
        return judge(lead, records, *given)

    monkeypatch.setattr(counting, "judge", noting)
    monkeypatch.setattr(recount, "judge", noting)
    return sizes


async def _asks(worker: Worker, day: int, count: int, client: str) -> None:
    """A day's requests, evenly, each for an identifier of its own."""
    step = MIDNIGHT / count
    for start in range(0, count, PIECE):
        asks = [
            Ask(day * MIDNIGHT + step * number, f"{client}{day}.{number % 700}", client)
            for number in range(start, min(start + PIECE, count))
        ]
        await worker.note(*asks)


@pytest.fixture
async def behind(office: Office) -> Office:
    """Two days are closed and half of the third is counted; the other host has been silent."""
    office.bureau.counter = Counter(OwnerTable(), most=MOST)
    here, away = await office.bureau.worker(), await office.bureau.worker()
    await office.bureau.execute(
        "UPDATE journal_writer SET seen_at = now() - interval '1 day' WHERE writer_id = $1",
        away.writer,
    )
    for day in range(3):
        await _asks(here, day, 400, "here")
    await here.note(until=2.5 * MIDNIGHT)
    assert await office.close(DAY) is not None
    assert await office.close(NEXT) is not None
    await office.bureau.rounds()
    for day, count in enumerate((5_000, 6_000, 9_000)):
        await _asks(away, day, count, "away")
    await here.note(until=3 * MIDNIGHT)
    return office


async def test_a_backlog_is_taken_in_bounded_rounds(behind: Office, judged: list[int]) -> None:
    await behind.bureau.execute("UPDATE journal_writer SET watermark = (SELECT max(watermark)"
                                " FROM journal_writer)")  # fmt: skip
    rounds = []
    while (told := await behind.bureau.round()).records:
        rounds.append(told)
    late = [one for one in rounds if one.until == rounds[0].until and not one.summed_anew]
    assert sum(one.records for one in late) == 11_000
    assert max(one.records for one in late) <= MOST + PIECE
    assert [one.summed_anew for one in rounds].count(True) == 1, "the open day is made anew once"
    assert max(judged) <= max(2 * MOST, recount.LATE_PIECES * PIECE) + PIECE
    totals = await behind.bureau.totals(THIRD)
    assert totals == {Reason.LATE: 11_000, Reason.COUNTED: 9_400}
    await _agrees(behind)


async def _agrees(office: Office) -> None:
    """journal = ledger = sum, day by day, for the open day and once it is closed."""
    database = office.bureau.database
    for day in (DAY, NEXT, THIRD):
        assert (await audit(database, day)).sound, day
    noted = await office.bureau.fetchval("SELECT sum(count) FROM journal_piece")
    assert noted == await office.bureau.fetchval("SELECT sum(requests) FROM resolution_hour")
    assert noted == await office.bureau.fetchval("SELECT sum(requests) FROM resolution_total")
    totals = await office.close(THIRD)
    assert totals is not None
    assert totals.records == 20_400
    found = await audit(database, THIRD)
    assert (found.sound, found.closed) == (True, True)


async def test_a_round_that_fails_begins_again(behind: Office, monkeypatch) -> None:
    """Killed anywhere in a backlog, nothing is in the sums twice."""
    await behind.bureau.execute("UPDATE journal_writer SET watermark = (SELECT max(watermark)"
                                " FROM journal_writer)")  # fmt: skip
    move = store.move

    async def failing(tx, until, positions):
        await move(tx, until, positions)
        raise RuntimeError

    done = 0
    while True:
        with monkeypatch.context() as patched:
            patched.setattr(store, "move", failing)
            try:
                told = await behind.bureau.round()
            except RuntimeError:
                done += 1
            else:
                assert told.records == 0
                break
        assert (await behind.bureau.round()).records
    assert done > 10
    await _agrees(behind)
