"""A year's numbers from closed days."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from metrics.counting.day import start_of
from metrics.counting.reason import Reason
from metrics.year import store
from metrics.year.book import YearBook
from metrics.year.numbers import TITLES, YearNumbers
from tests.metrics.closing.conftest import NEXT, Office, at
from tests.metrics.counting.conftest import DAY, Ask, hashed
from tests.metrics.year.busy import MIDNIGHT, bureau, busy, database, office

__all__ = ["bureau", "busy", "database", "office"]


async def _numbers(office: Office, *, look_through: bool = True) -> YearNumbers:
    return await YearBook(office.bureau.database, hashed).numbers(2026, look_through=look_through)


async def test_the_numbers_are_those_of_closed_days(busy: Office) -> None:
    told = await _numbers(busy)
    assert (told.through, told.complete) == (NEXT, False)
    found = told.registrations
    assert (found.gross, found.deleted, found.net, found.imported) == (4, 1, 3, 1)
    assert (found.related, found.unrelated, found.total) == (0, 4, 4)
    assert found.by_method == {"single": 1, "stream": 3}
    assert found.resolved == 1
    assert told.resolutions.counted == 2
    assert told.resolutions.identifiers == 1
    assert [day.counted for day in told.days] == [1, 1]
    assert [day.created for day in told.days] == [3, 1]
    assert {one.network for one in told.networks if one.counted} == {
        "198.51.100.0/24",
        "2001:db8:1::/48",
    }


async def test_the_chain_reconciles(busy: Office) -> None:
    found = (await _numbers(busy)).resolutions
    links = {link.reason: link.requests for link in found.chain}
    assert found.received - sum(links.values()) == found.counted
    assert {name for name, number in links.items() if number} == {"not-found", "robot", "repeat"}
    assert found.answered == found.counted + links["robot"] + links["repeat"]
    assert sum(day.received for day in (await _numbers(busy)).days) == found.received


async def test_days_without_service_count_in_the_mean(busy: Office) -> None:
    days = (NEXT - date(2026, 1, 1)).days + 1
    told = (await _numbers(busy)).resolutions.daily_mean
    assert told == f"{2 / days:.2f}"


async def test_related_parties_of_any_day_are_taken_out(busy: Office) -> None:
    await busy.bureau.execute(
        """INSERT INTO related_party (enterprise_id, related, since, reason, marked_by)
           VALUES (1, true, '2026-01-01', 'ours', 'op'), (1, false, '2026-02-01', 'sold', 'op')"""
    )
    told = await _numbers(busy)
    assert (told.registrations.related, told.registrations.unrelated) == (4, 0)
    assert told.resolutions.unrelated == 0
    assert "related-parties" in {one.flag for one in told.flags}
    await busy.bureau.execute("UPDATE related_party SET since = since - 365")
    assert (await _numbers(busy)).registrations.related == 0


async def test_flags_of_a_small_node(busy: Office) -> None:
    flags = {one.flag: one.text for one in (await _numbers(busy)).flags}
    assert flags.keys() == {"one-source", "never-resolved", "one-enterprise"}
    assert "3 个（75.0%）" in flags["never-resolved"]


async def test_without_looking_through_it_says_so(busy: Office) -> None:
    told = await _numbers(busy, look_through=False)
    assert told.registrations.resolved is None
    assert "never-resolved" not in {one.flag for one in told.flags}


async def test_a_year_without_closed_days(office: Office) -> None:
    told = await YearBook(office.bureau.database, hashed).numbers(2031, look_through=True)
    assert (told.through, told.complete, told.days, told.flags) == (None, False, [], [])
    assert told.resolutions.daily_mean == "0.00"


async def test_every_reason_has_a_title() -> None:
    assert TITLES.keys() == set(Reason) - {Reason.COUNTED}
    assert timedelta(days=1) + DAY == NEXT


EVE = (date(2025, 12, 31) - DAY).days * MIDNIGHT  # seconds from the tests' day
NEW_YEAR = EVE + MIDNIGHT


@pytest.fixture
async def turning(office: Office) -> Office:
    """The last day of a year is open."""
    await office.bureau.execute("UPDATE day_ledger SET closed_until = $1", at(EVE))
    await office.bureau.execute(
        "UPDATE count_state SET open_day = '2025-12-31', counted_until = $1",
        start_of(date(2025, 12, 31)),
    )
    await office.register("A", "B", "C", when=at(EVE + 5))
    await office.register("D", when=at(NEW_YEAR + 5))
    return office


async def _identifiers(office: Office, year: int) -> tuple[int, int | None]:
    told = await YearBook(office.bureau.database, hashed).numbers(year, look_through=True)
    return told.resolutions.identifiers, told.registrations.resolved


async def test_an_identifier_is_resolved_once_in_each_year(turning: Office) -> None:
    worker = await turning.bureau.worker(EVE)
    asked = [
        Ask(day + seconds, identifier=f"88.118.1/{suffix}")
        for day, suffixes in ((EVE, "ABA"), (NEW_YEAR, "BCDB"))
        for seconds, suffix in zip((100, 200, 300, 400), suffixes, strict=False)
    ]
    await worker.note(*asked, until=NEW_YEAR + 2 * MIDNIGHT)
    for day in (date(2025, 12, 31), date(2026, 1, 1)):
        assert await turning.close(day) is not None
    assert await _identifiers(turning, 2025) == (2, 2)  # of A, B, C
    assert await _identifiers(turning, 2026) == (3, 1)  # B, C, D; only D is new


async def test_what_turns_out_to_be_a_repeat_of_last_years_is_taken_out_again(
    turning: Office,
) -> None:
    """A late record between makes the chain that began last year go on into this one."""
    one, late = await turning.bureau.worker(EVE), await turning.bureau.worker(EVE)
    await turning.bureau.execute("UPDATE journal_writer SET seen_at = now() - interval '1 hour'")
    before, after = NEW_YEAR - 20, NEW_YEAR + 30
    await one.note(Ask(before, "88.118.1/A"), Ask(after, "88.118.1/A"), until=NEW_YEAR + 200)
    assert await turning.close(date(2025, 12, 31)) is not None
    await turning.bureau.rounds()
    assert await turning.bureau.fetchval("SELECT count(*) FROM resolved_identifier") == 2
    await late.note(Ask(NEW_YEAR + 5, "88.118.1/A"), until=NEW_YEAR + 300)
    await one.note(until=NEW_YEAR + 2 * MIDNIGHT)
    await late.note(until=NEW_YEAR + 2 * MIDNIGHT)
    assert await turning.close(date(2026, 1, 1)) is not None
    assert await _identifiers(turning, 2025) == (1, 1)
    assert await _identifiers(turning, 2026) == (0, 0)


async def test_many_are_looked_through_some_at_a_time(
    busy: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = await _numbers(busy)
    monkeypatch.setattr(store, "AT_ONCE", 2)
    assert await _numbers(busy) == whole
