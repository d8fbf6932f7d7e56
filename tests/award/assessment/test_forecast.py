"""Forecasts and what-ifs."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec
import pytest

from award.assessment.forecast import of_year
from award.assessment.what_if import InvalidWhatIf, _with_counts, suppose
from award.evidence.certified import contradictions
from award.policy.policy import load
from tests.award.build import ON, M, certified, facts

THRESHOLDS = {"registrations": 100 * M, "resolutions": 10_950_000}


def test_a_steady_year_is_told_to_the_day() -> None:
    """400,000 a day: 100 million are exceeded on day 251."""
    year = certified(2025, 400_000 * 100, 40_000 * 100, through=date(2025, 4, 10))
    registrations, resolutions = of_year(year, THRESHOLDS)
    assert registrations.expected == 400_000 * 365
    assert registrations.low == registrations.high == registrations.expected
    crossing = date(2024, 12, 31) + timedelta(days=251)
    assert registrations.crossing.expected == crossing
    assert (registrations.crossing.earliest, registrations.crossing.latest) == (crossing, crossing)
    assert resolutions.expected == 40_000 * 365
    assert resolutions.crossing.expected == date(2024, 12, 31) + timedelta(days=274)


def test_an_unsteady_year_has_an_interval() -> None:
    year = certified(2025, 70 * M, 0, through=date(2025, 9, 30))
    days = [
        type(one)(one.day, one.registrations * (2 if at % 14 < 7 else 0), 0, 7, 0, 0)
        for at, one in enumerate(year.days)
    ]
    year = msgspec.structs.replace(year, days=tuple(days))
    (found, _) = of_year(year, THRESHOLDS)
    assert found.low < found.expected < found.high
    assert found.low >= found.so_far


def test_what_has_happened_is_certain() -> None:
    year = certified(2025, 110 * M, 0, through=date(2025, 6, 30))
    registrations, resolutions = of_year(year, THRESHOLDS)
    assert registrations.crossing.certain
    assert registrations.crossing.expected is not None
    assert resolutions.crossing.expected is None
    assert resolutions.expected == 0


@pytest.mark.parametrize("through", [date(2025, 1, 6), None])
def test_too_little_to_tell(through: date | None) -> None:
    year = certified(2025, 10, 0, through=date(2025, 1, 6))
    if through is None:
        year = msgspec.structs.replace(year, through=None)
    assert of_year(year, THRESHOLDS) == []


def test_what_if() -> None:
    policy = load("zhongshan_2025")
    years = {2024: certified(2024, 100 * M, 10_980_000)}
    told = facts(np=2 * M, invested=4 * M)

    def total(*changes: str) -> object:
        return suppose(policy, told, 2024, years, ON, changes).judgement.total.value

    assert total() == 2 * M
    assert total("national=50万元") == 1_500_000  # the premise binds
    assert total("national=50万元", "investment=100万元") == 2_500_000
    assert total("registrations=1") == 2 * M
    assert total("registrations=1", "resolutions=1") == 4 * M
    assert total("city=200万元") == 0
    assert total("planned=1亿元") == 2 * M


def test_a_supposed_year_still_adds_up() -> None:
    years = {2024: certified(2024, 100 * M, 10_980_000)}
    for name in ("registrations", "resolutions"):
        assert not list(contradictions(_with_counts(years, 2024, name, 5)))


@pytest.mark.parametrize(
    "text", ["", "money=1", "investment", "investment=-1", "registrations=1.5", "resolutions="]
)
def test_what_ifs_that_are_none(text: str) -> None:
    policy = load("zhongshan_2025")
    with pytest.raises(InvalidWhatIf, match="假设"):
        suppose(policy, facts(), 2024, {2024: certified(2024)}, ON, [text])
