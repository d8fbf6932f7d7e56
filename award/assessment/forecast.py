"""A forecast to the year's end from the daily series: an estimate with its interval and its
assumptions, never a finding."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from datetime import date, timedelta

import msgspec

from award.evidence.certified import CertifiedYear, Day, every_day

WINDOW = 84  # days looked back on: twelve whole weeks
WEEK = 7
Z = 1.96  # 95 %
ASSUMPTIONS = (
    f"其余各日与最近 {WINDOW} 天（不足则为全部已结账日）同分布，不考虑季节与新接入的企业",
    "按周合计估计波动，区间为 95% 预测区间，含均值的估计误差",
    "仅供参考，不作为认证与奖励的依据",
)


class Crossing(msgspec.Struct, frozen=True):
    """The day on which a sum first exceeds its threshold; None: not in this year."""

    expected: date | None
    earliest: date | None
    latest: date | None
    certain: bool = False  # it has happened already


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """Of one series."""

    name: str
    title: str
    threshold: int  # to be exceeded
    so_far: int
    expected: int
    low: int
    high: int
    crossing: Crossing


def forecast(
    year: CertifiedYear, name: str, title: str, threshold: int, of: Callable[[Day], int]
) -> Forecast | None:
    """None where not even a week has been counted."""
    if year.through is None:
        return None
    numbers = _series(year, of)
    if len(numbers) < WEEK:
        return None
    so_far, left = sum(numbers), (date(year.year, 12, 31) - year.through).days
    mean, spread = _rate(numbers[-WINDOW:])
    margin = Z * spread(left)
    crossed = _crossed(year.year, numbers, threshold)
    return Forecast(
        name=name,
        title=title,
        threshold=threshold,
        so_far=so_far,
        expected=so_far + round(mean * left),
        low=so_far + max(round(mean * left - margin), 0),
        high=so_far + round(mean * left + margin),
        crossing=Crossing(crossed, crossed, crossed, certain=True)
        if crossed
        else _crossing(year.through, left, threshold - so_far, mean, spread),
    )


def of_year(year: CertifiedYear, thresholds: dict[str, int]) -> list[Forecast]:
    """Of both series that thresholds are set for."""
    series: dict[str, tuple[str, Callable[[Day], int]]] = {
        "registrations": ("新增标识注册量", lambda day: day.registrations),
        "resolutions": ("计入解析量", lambda day: day.counted),
    }
    made = (
        forecast(year, name, *series[name][:1], threshold, series[name][1])
        for name, threshold in thresholds.items()
        if name in series
    )
    return [one for one in made if one is not None]


def _series(year: CertifiedYear, of: Callable[[Day], int]) -> list[int]:
    """A number for every day up to the last closed one: days without service are zero."""
    assert year.through is not None
    known = {one.day: of(one) for one in year.days}
    return [known.get(day, 0) for day in every_day(year.year, year.through)]


def _rate(numbers: Sequence[int]) -> tuple[float, Callable[[int], float]]:
    """The mean of a day, and the standard error of a sum of days to come."""
    weeks = [
        sum(numbers[at : at + WEEK])
        for at in range(len(numbers) % WEEK, len(numbers) - WEEK + 1, WEEK)
    ]
    mean = statistics.fmean(numbers)
    variance = statistics.variance(weeks) / WEEK if len(weeks) > 1 else mean * mean * WEEK

    def spread(days: int) -> float:
        return math.sqrt(variance * days * (1 + days / len(numbers)))

    return mean, spread


def _crossed(year: int, numbers: Sequence[int], threshold: int) -> date | None:
    total = 0
    for at, number in enumerate(numbers):
        total += number
        if total > threshold:
            return date(year, 1, 1) + timedelta(days=at)
    return None


def _crossing(
    through: date, left: int, missing: int, mean: float, spread: Callable[[int], float]
) -> Crossing:
    def first(bound: Callable[[int], float]) -> date | None:
        for days in range(1, left + 1):
            if bound(days) > missing:
                return through + timedelta(days=days)
        return None

    return Crossing(
        first(lambda days: mean * days),
        first(lambda days: mean * days + Z * spread(days)),
        first(lambda days: mean * days - Z * spread(days)),
    )
