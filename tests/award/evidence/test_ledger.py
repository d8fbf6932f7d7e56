"""Evidence out of a database whose days were closed by the closer itself."""

from __future__ import annotations

from datetime import date, timedelta

from award.evidence.certified import CertifiedYear, contradictions
from award.evidence.ledger import Ledger
from metrics.year.book import YearBook
from tests.metrics.closing.conftest import NEXT, Office
from tests.metrics.counting.conftest import DAY, hashed
from tests.metrics.year.busy import bureau, busy, database, office

__all__ = ["bureau", "busy", "database", "office"]


async def of(office: Office, year: int, *, demo: bool = False) -> CertifiedYear:
    book = YearBook(office.bureau.database, hashed)
    return (await Ledger(office.bureau.database, book, (), demo=demo).years([year]))[year]


async def test_a_year_of_the_ledger_adds_up(busy: Office) -> None:
    year = await of(busy, DAY.year)

    assert not list(contradictions(year))
    assert (year.through, year.complete, year.demo) == (NEXT, False, False)
    assert (year.registrations.gross, year.registrations.deleted) == (4, 1)
    assert year.registrations.imported == 1
    assert year.registrations.by_method["stream"] == 3
    assert (year.registrations.resolved, year.resolutions.identifiers) == (1, 1)
    assert "never-resolved" in {one.id for one in year.flags}
    chain = {one.reason: one.number for one in year.resolutions.exclusions if one.number}
    assert chain == {"not-found": 1, "robot": 1, "repeat": 1}
    assert year.resolutions.received - year.resolutions.excluded == year.resolutions.counted == 2
    assert {one.network for one in year.sources} == {"198.51.100.0/24", "2001:db8:1::/48"}
    standing = year.before(NEXT)
    assert (standing.gross, standing.net, standing.counted) == (3, 2, 1)
    assert year.log is None


async def test_the_open_day_is_told_apart(busy: Office) -> None:
    book = YearBook(busy.bureau.database, hashed)
    found = await Ledger(busy.bureau.database, book, (), demo=False).provisional()
    assert found.day == NEXT + timedelta(days=1)
    assert (found.registrations, found.received, found.counted) == (1, 1, 1)
    assert (await of(busy, DAY.year)).registrations.gross == 4


async def test_what_the_node_sees_of_itself(busy: Office) -> None:
    told = (await of(busy, DAY.year)).observed
    assert "企业 1 家" in told["check-3"]
    assert "尚无见证" in told["check-6"]
    assert f"自 {DAY} 至 {NEXT} 逐日结账 2 日，无一日缺失" in told["check-7"]
    assert "未设置报送地址" in told["check-8"]
    assert "备库 0 个；无未处理的结账告警" in told["check-9"]


async def test_a_year_without_closed_days(office: Office) -> None:
    year = await of(office, 2020, demo=True)
    assert (year.through, year.registrations.gross, year.demo) == (None, 0, True)
    assert not list(contradictions(year))
    assert year.before(date(2021, 1, 1)).gross == 0
