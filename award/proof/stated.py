"""Whether the statements in a report's package bear its counts out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from award.evidence.certified import CertifiedYear, Day
from metrics.log.fault import LogFault
from metrics.log.note import VerifierKey
from metrics.log.statement import (
    COUNTING_RULES,
    DAILY,
    LEAF_KEY,
    LOG_CLOSED,
    LOG_KEYS,
    REPORT_ISSUED,
    Statement,
)
from metrics.log.verification.said import Said

NUMBERS = {
    "registrations": ("created", "新增"),
    "received": ("received", "收到"),
    "answered": ("answered", "成功响应"),
    "counted": ("counted", "计入"),
    "deleted": ("gone", "当年新增中的注销"),
}
LATER = {"gone"}  # statements of before do not tell it


class Objection(NamedTuple):
    """What the statements do not bear out. `lacking`: something is not stated, or not yet."""

    text: str
    lacking: bool = False


@dataclass(frozen=True, slots=True)
class Stated:
    """The statements that are shown, in the order of their log."""

    said: tuple[Said, ...]

    @classmethod
    def read(cls, leaves: Mapping[int, bytes]) -> Stated:
        """Raises LogFault where one is none, or could be written in another way: then readers of
        other makes would read something else."""
        said = [Said(at, Statement.parse(leaves[at])) for at in sorted(leaves)]
        for one in said:
            if one.statement.text.encode() != leaves[one.index]:
                raise LogFault(f"第 {one.index} 份声明不是唯一的写法", rule="statement")
        return cls(tuple(said))

    def of(self, kind: str) -> list[Said]:
        return [one for one in self.said if one.statement.kind == kind]

    @property
    def signing(self) -> list[VerifierKey]:
        """Every key that the node has stated to sign with. Raises LogFault."""
        texts = [
            text
            for one in self.of(LOG_KEYS)
            for text in one.statement.content.get("keys", ())
            if isinstance(text, str)
        ]
        return [VerifierKey.parse(text) for text in texts]

    def days(self, year: int) -> dict[date, Said]:
        """The daily statements of a year. Raises LogFault where a day is stated twice."""
        found: dict[date, Said] = {}
        for one in self.of(DAILY):
            day = date.fromisoformat(one.text("day"))
            if day.year != year:
                continue
            if day in found:
                raise LogFault(f"{day} 有两份日结声明", rule="daily-totals")
            found[day] = one
        return found


def objections(
    stated: Stated, years: Sequence[CertifiedYear], replaces: str | None
) -> Iterator[Objection]:
    """Whatever the statements do not bear out, in Chinese, each in one sentence. Raises LogFault,
    ValueError and TypeError where a statement is not made as it must be."""
    first = stated.of(LEAF_KEY)
    if not first or first[0].index != 0:
        yield Objection("缺少对登记密钥 K 的承诺（声明日志的第一片叶子）", lacking=True)
    for year in years:
        yield from _of_year(stated, year)
    yield from _of_rules(stated, years)
    if replaces is not None and not any(
        one.text("sha256") == replaces for one in stated.of(REPORT_ISSUED)
    ):
        yield Objection("缺少所取代版本的签发声明", lacking=True)


def remarks(stated: Stated, years: Sequence[CertifiedYear]) -> Iterator[str]:
    """What whoever reads the report should know besides."""
    for year in years:
        for day, one in stated.days(year.year).items():
            accepted = one.statement.content.get("accepted")
            if isinstance(accepted, Mapping):
                yield f"{day} 日结时台账与记录不符，运营方以“{accepted.get('reason')}”接受了差异"


def _of_year(stated: Stated, year: CertifiedYear) -> Iterator[Objection]:
    said = stated.days(year.year)
    yield from _without_gaps(sorted(said), year)
    counted = {one.day: one for one in year.days}
    for day, one in said.items():
        yield from _of_day(one, counted.get(day, Day(day, 0, 0, 0, 0, 0)))
    for day in sorted(counted.keys() - said.keys()):
        yield Objection(f"缺少 {day} 的日结声明", lacking=True)
    yield from _of_sums(said.values(), year)
    yield from _of_closed(stated, year)


def _without_gaps(days: Sequence[date], year: CertifiedYear) -> Iterator[Objection]:
    if year.through is None:
        return
    if not days or days[-1] != year.through:
        yield Objection(f"缺少 {year.through} 的日结声明", lacking=True)
    for before, after in pairwise(days):
        if before + timedelta(days=1) != after:
            yield Objection(f"{before} 与 {after} 之间缺少日结声明", lacking=True)


def _of_day(one: Said, counted: Day) -> Iterator[Objection]:
    for name, (stated_name, title) in NUMBERS.items():
        if stated_name in LATER and stated_name not in one.statement.content:
            continue
        told, stated = getattr(counted, name), one.number(stated_name)
        if told != stated:
            yield Objection(f"{counted.day} 的{title}：报告为 {told:,}，日结声明为 {stated:,}")


def _of_sums(said: Iterable[Said], year: CertifiedYear) -> Iterator[Objection]:
    """What the report tells of the whole year alone: the chain, and what was brought or revived."""
    reasons: Counter[str] = Counter()
    moved: Counter[str] = Counter()
    for one in said:
        requests: Any = one.statement.content.get("requests", {})
        reasons.update({str(reason): int(number) for reason, number in requests.items()})
        moved.update({name: one.number(name) for name in ("imported", "revived")})
    for link in year.resolutions.exclusions:
        if link.number != reasons[link.reason]:
            yield Objection(
                f"{year.year} 年剔除“{link.title}”：报告为 {link.number:,}，"
                f"日结声明合计 {reasons[link.reason]:,}"
            )
    found = year.registrations
    for title, told, name in (("迁入", found.imported, "imported"),
                              ("恢复", found.revived, "revived")):  # fmt: skip
        if told != moved[name]:
            yield Objection(f"{year.year} 年{title}：报告为 {told:,}，日结声明合计 {moved[name]:,}")


def _of_closed(stated: Stated, year: CertifiedYear) -> Iterator[Objection]:
    """A year's log that was closed is the one the report rests on."""
    if year.log is None:
        return
    name = year.log.origin.rpartition("/")[2]
    for one in stated.of(LOG_CLOSED):
        if one.text("log") == name and one.number("size") != year.log.size:
            yield Objection(
                f"{name} 封存时有 {one.number('size'):,} 片叶子，"
                f"报告所依检查点为 {year.log.size:,} 片"
            )


def _of_rules(stated: Stated, years: Sequence[CertifiedYear]) -> Iterator[Objection]:
    """The rules of every day were stated."""
    known = {one.text("definitions") for one in stated.of(COUNTING_RULES)}
    needed = {one.text("definitions") for year in years for one in stated.days(year.year).values()}
    for version in sorted(needed - known):
        yield Objection(f"缺少计数规则 {version} 的声明", lacking=True)
