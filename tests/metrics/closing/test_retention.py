from __future__ import annotations

from datetime import UTC, datetime

import pytest

from metrics.closing import journal, store
from metrics.closing.audit import audit
from metrics.closing.retention import Retention
from metrics.counting.day import DAY as A_DAY
from metrics.counting.day import SECOND
from metrics.counting.reason import Reason
from tests.metrics.closing.conftest import NEXT, Office
from tests.metrics.closing.test_closer import _ledger, _recounted
from tests.metrics.counting.conftest import DAY, Ask

MIDNIGHT = A_DAY // SECOND


@pytest.fixture
async def closed(office: Office) -> Office:
    one, other = await office.bureau.worker(), await office.bureau.worker()
    for number in range(40):
        await one.note(*(Ask(100 * number + n, identifier=f"N{n}") for n in range(5)))
    other.position = 3
    await other.note(Ask(50, client="bob"), until=MIDNIGHT)
    await one.note(Ask(MIDNIGHT - 1), Ask(MIDNIGHT + 1), until=MIDNIGHT + 1)
    assert await office.close() is not None
    return office


def _retention(office: Office, today: datetime, days: int = 1826) -> Retention:
    return Retention(office.bureau.database, lambda: today, days)


async def _held(office: Office) -> journal.JournalDay:
    async with office.bureau.database.connection() as connection, connection.transaction():
        return await journal.journal_of(connection, DAY)


async def test_packed_journals_say_the_same(closed: Office) -> None:
    before = await _held(closed)
    pieces = await closed.bureau.fetchval("SELECT count(*) FROM journal_piece")
    await _retention(closed, datetime(2026, 3, 11, tzinfo=UTC)).work()
    assert await closed.bureau.fetchval("SELECT count(*) FROM journal_piece") < pieces
    assert await closed.bureau.fetchval("SELECT count(*) FROM journal_piece WHERE packed") == 4
    assert await closed.bureau.fetchval("SELECT packed_at IS NOT NULL FROM day_close")
    assert await _held(closed) == before
    assert await _recounted(closed.bureau) == await _ledger(closed.bureau)


async def test_journals_are_kept_as_long_as_the_settings_say(closed: Office) -> None:
    await _retention(closed, datetime(2027, 3, 9, tzinfo=UTC), days=365).work()
    assert (await _held(closed)).records == 202
    await _retention(closed, datetime(2027, 3, 11, tzinfo=UTC), days=365).work()
    assert (await _held(closed)).records == 1, "what the next day may repeat stays with it"
    await _retention(closed, datetime(2027, 3, 12, tzinfo=UTC), days=365).work()
    assert (await _held(closed)).records == 0
    left = await closed.bureau.fetchval("SELECT count(*) FROM journal_piece")
    assert left == 1, "what has not been counted stays"


async def test_a_released_years_journal_goes_after_180_days(closed: Office) -> None:
    async with closed.bureau.database.connection() as connection:
        await store.release(connection, 2026, "operator")
    await _retention(closed, datetime(2026, 9, 6, tzinfo=UTC)).work()
    assert (await _held(closed)).records == 202
    await _retention(closed, datetime(2026, 9, 7, tzinfo=UTC)).work()
    assert (await _held(closed)).records == 1
    await _retention(closed, datetime(2026, 9, 8, tzinfo=UTC)).work()
    assert (await _held(closed)).records == 0


async def test_the_oldest_day_kept_can_be_recounted(office: Office) -> None:
    worker = await office.bureau.worker()
    await worker.note(Ask(100), Ask(MIDNIGHT - 10), Ask(MIDNIGHT + 10), until=2 * MIDNIGHT)
    assert await office.close() is not None
    assert await office.close(NEXT) is not None
    await _retention(office, datetime(2027, 3, 11, tzinfo=UTC), days=365).work()
    found = await audit(office.bureau.database, NEXT)
    assert found.recount == found.ledger == {Reason.REPEAT: 1}
    assert found.sound
    assert (await audit(office.bureau.database, DAY)).missing == 1
