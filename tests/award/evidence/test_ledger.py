"""Evidence out of a database whose days were closed by the closer itself."""

from __future__ import annotations

from datetime import date

from award.evidence.certified import contradictions
from award.evidence.ledger import Ledger
from metrics.counting.day import DAY as A_DAY
from metrics.counting.day import SECOND
from metrics.journal.entry import Kind, Outcome
from metrics.year.book import YearBook
from registry.record.registration import Method
from tests.metrics.closing.conftest import NEXT, Office, at, bureau, database, office
from tests.metrics.counting.conftest import DAY, Ask, hashed

__all__ = ["bureau", "database", "office"]

MIDNIGHT = A_DAY // SECOND


async def test_a_year_of_the_ledger_adds_up(office: Office) -> None:
    worker = await office.bureau.worker()
    await office.register("A", "B", "C", method=Method.STREAM)
    await office.register("D", method=Method.IMPORT)
    await office.change("C", 2)
    await worker.note(
        Ask(10, identifier="88.118.1/A", address="198.51.100.1"),
        Ask(20, identifier="88.118.1/A", address="198.51.100.1"),
        Ask(40, identifier="88.118.1/NO", outcome=Outcome.NOT_FOUND),
        Ask(50, identifier="88.118.1/B", kind=Kind.ROBOT),
        Ask(MIDNIGHT + 10, identifier="88.118.1/A", address="2001:db8:1:2::3"),
        until=MIDNIGHT + 100,
    )
    assert await office.close() is not None
    await office.register("E", when=at(MIDNIGHT + 50))
    await worker.note(Ask(2 * MIDNIGHT + 5, identifier="88.118.1/B"), until=2 * MIDNIGHT + 100)
    assert await office.close(NEXT) is not None

    book = YearBook(office.bureau.database, hashed)
    year = await Ledger(office.bureau.database, book, (), demo=False).year(DAY.year)

    assert not list(contradictions(year))
    assert (year.through, year.complete, year.demo) == (NEXT, False, False)
    assert (year.registrations.gross, year.registrations.deleted) == (4, 1)
    assert year.registrations.imported == 1
    assert year.registrations.by_method["stream"] == 3
    chain = {one.reason: one.number for one in year.resolutions.exclusions if one.number}
    assert chain == {"not-found": 1, "robot": 1, "repeat": 1}
    assert year.resolutions.received - year.resolutions.excluded == year.resolutions.counted == 2
    assert {one.network for one in year.sources} == {"198.51.100.0/24", "2001:db8:1::/48"}
    standing = year.before(NEXT)
    assert (standing.gross, standing.net, standing.counted) == (3, 2, 1)
    assert year.log is None


async def test_a_year_without_closed_days(office: Office) -> None:
    book = YearBook(office.bureau.database, hashed)
    year = await Ledger(office.bureau.database, book, (), demo=True).year(2020)
    assert (year.through, year.registrations.gross, year.demo) == (None, 0, True)
    assert not list(contradictions(year))
    assert year.before(date(2021, 1, 1)).gross == 0
