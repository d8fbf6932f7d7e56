"""Flags: what a person should look at before the year is taken for what it says. Each tells its
numbers; none takes anything off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from metrics.year.numbers import Day, Flag, Share
from metrics.year.scan import Seen
from metrics.year.store import Line

SHOWN = 5  # days named in one flag


def accepted(days: Sequence[tuple[date, str]]) -> Iterator[Flag]:
    """Days that were closed though their records did not bear their sums out."""
    for day, reason in days:
        yield Flag("accepted-difference", f"{day} 日结时台账与记录不符，运营方接受了差异：{reason}")


def concentrated(days: Sequence[tuple[date, int]]) -> Iterator[Flag]:
    """One source > 50% of a day."""
    if days:
        named = "、".join(f"{day}（{percent}%）" for day, percent in days[:SHOWN])
        more = f" 等 {len(days)} 天" if len(days) > SHOWN else ""
        yield Flag("one-source", f"单一来源占当日计入解析量一半以上：{named}{more}")


def peaks(days: Sequence[Day], length: int) -> Iterator[Flag]:
    """A day > 3 × the mean of the year + 100. `length` is how many days the mean is over."""
    mean = sum(day.counted for day in days) / length if length else 0.0
    high = [day for day in days if day.counted > 3 * mean + 100]
    if high:
        named = "、".join(f"{day.day}（{day.counted:,}）" for day in high[:SHOWN])
        more = f" 等 {len(high)} 天" if len(high) > SHOWN else ""
        yield Flag("peak-day", f"单日计入解析量超过日均 {mean:,.1f} 的 3 倍加 100：{named}{more}")


def unresolved(gross: int, seen: Seen | None) -> Iterator[Flag]:
    """Registrations never resolved."""
    if seen is not None and seen.resolved < gross:
        never = gross - seen.resolved
        yield Flag(
            "never-resolved",
            f"新增标识中有 {never:,} 个（{100 * never / gross:.1f}%）从未被计入解析",
        )


def runs(lines: Sequence[Line], seen: Seen | None) -> Iterator[Flag]:
    """Suffixes in one arithmetic run: more than half of a prefix's, and more than a hundred."""
    if seen is None:
        return
    found = [
        f"{line.prefix}（{seen.runs[line.prefix_id]:,} / {line.created:,}）"
        for line in lines
        if line.created and seen.runs.get(line.prefix_id, 0) > max(100, line.created // 2)
    ]
    if found:
        yield Flag("arithmetic-run", f"标识后缀为连续等差编号：{'、'.join(found)}")


def dominant(shares: Sequence[Share]) -> Iterator[Flag]:
    """One enterprise > 50% of the year."""
    for what, numbers in (
        ("新增标识注册量", [share.created for share in shares]),
        ("计入解析量", [share.counted for share in shares]),
    ):
        if numbers and 2 * max(numbers) > sum(numbers):
            share = shares[numbers.index(max(numbers))]
            percent = 100 * max(numbers) / sum(numbers)
            yield Flag("one-enterprise", f"{share.name} 占全年{what}的 {percent:.1f}%")


def related(shares: Sequence[Share]) -> Iterator[Flag]:
    """Related parties > 10%."""
    for what, all_, theirs in (
        (
            "新增标识注册量",
            sum(share.created for share in shares),
            sum(share.created for share in shares if share.related),
        ),
        (
            "计入解析量",
            sum(share.counted for share in shares),
            sum(share.counted for share in shares if share.related),
        ),
    ):
        if 10 * theirs > all_:
            yield Flag("related-parties", f"关联方占全年{what}的 {100 * theirs / all_:.1f}%")
