"""A certified year: what the node's own ledger and log say of one calendar year (Asia/Shanghai).

Plain data with a JSON form. `contradictions` lists whatever in it does not add up; a year with one
is no evidence.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

import msgspec

FORMAT = 1


class Registrations(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """New registrations of the year. Each identifier counts once in the life of the node."""

    gross: int
    deleted: int  # of those new in this year, by the year's end
    imported: int = 0  # brought over, not new here
    revived: int = 0
    related: int = 0  # of gross: by the operator's own and affiliated enterprises
    resolved: int | None = None  # of gross: resolved at least once; None where not counted
    by_method: dict[str, int] = {}

    @property
    def net(self) -> int:
        return self.gross - self.deleted

    @property
    def unrelated(self) -> int:
        return self.gross - self.related


class Exclusion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One link of the chain from received to counted."""

    reason: str  # stable name, such as not-found
    title: str  # as the report prints it, in Chinese
    number: int


class Resolutions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    received: int
    answered: int  # external requests found and answered
    exclusions: tuple[Exclusion, ...]  # in the order in which they are taken off
    counted: int  # after all of them
    identifiers: int | None = None  # different ones with a request counted in the year

    @property
    def excluded(self) -> int:
        return sum(one.number for one in self.exclusions)


class Day(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A closed day."""

    day: date
    registrations: int
    deleted: int  # of registrations of the same year
    received: int
    answered: int
    counted: int


class Provisional(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The open day so far. It is neither closed nor stated, so it counts for nothing yet: requests
    may still turn out to be repeats or late, and what was registered may be withdrawn."""

    day: date
    until: datetime  # requests are counted so far
    registrations: int
    received: int
    answered: int
    counted: int


class EnterpriseShare(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one enterprise has part in. Names are public (the register of enterprises is)."""

    name: str
    prefixes: tuple[str, ...]
    industry: str = ""  # GB/T 4754
    registrations: int = 0
    counted: int = 0
    related: bool = False


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where resolutions came from, desensitised: a /24 or /48 network."""

    network: str
    counted: int


class Flag(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something a person should look at. It excludes nothing."""

    id: str
    text: str


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A log's state. `note` is the signed checkpoint itself, with its cosignatures."""

    origin: str
    size: int
    root: str  # base64
    note: str
    cosigned_by: tuple[str, ...] = ()


class CertifiedYear(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything the award knows of a year's counts."""

    year: int
    through: date | None  # the last closed day; None where none is
    demo: bool
    definitions: str  # version of the counting rules
    registrations: Registrations
    resolutions: Resolutions
    days: tuple[Day, ...] = ()  # those without service may be missing: they count zero
    enterprises: tuple[EnterpriseShare, ...] = ()
    sources: tuple[Source, ...] = ()
    flags: tuple[Flag, ...] = ()
    log: Checkpoint | None = None  # of the year's registrations
    statements: Checkpoint | None = None
    observed: dict[str, str] = {}  # recognition items the node can see for itself
    format: int = FORMAT

    @property
    def complete(self) -> bool:
        """Whether every day of the year is closed."""
        return self.through == date(self.year, 12, 31)

    def before(self, day: date) -> Standing:
        """The sums of the days before `day`."""
        if day > date(self.year, 12, 31) and self.complete:
            return self.standing
        days = [one for one in self.days if one.day < day]
        return Standing(
            gross=sum(one.registrations for one in days),
            deleted=sum(one.deleted for one in days),
            counted=sum(one.counted for one in days),
            answered=sum(one.answered for one in days),
        )

    @property
    def standing(self) -> Standing:
        return Standing(
            gross=self.registrations.gross,
            deleted=self.registrations.deleted,
            counted=self.resolutions.counted,
            answered=self.resolutions.answered,
        )


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """The four numbers the thresholds are held against."""

    gross: int
    deleted: int
    counted: int
    answered: int

    @property
    def net(self) -> int:
        return self.gross - self.deleted


def days_of(year: int) -> int:
    return (date(year + 1, 1, 1) - date(year, 1, 1)).days


def contradictions(year: CertifiedYear) -> Iterator[str]:
    """Whatever does not add up, in Chinese, each in one sentence."""
    yield from _of_registrations(year)
    yield from _of_resolutions(year)
    yield from _of_days(year)
    yield from _of_log(year)


def _of_registrations(year: CertifiedYear) -> Iterator[str]:
    found = year.registrations
    numbers = (found.gross, found.deleted, found.imported, found.revived, found.related)
    if min(numbers) < 0:
        yield "新增标识注册量中有负数"
    if found.deleted > found.gross or found.related > found.gross:
        yield "注销量或关联方注册量大于新增注册量"
    if found.by_method and sum(found.by_method.values()) != found.gross:
        yield f"各注册方式之和 {sum(found.by_method.values()):,} 不等于新增注册量 {found.gross:,}"
    if year.enterprises:
        total = sum(one.registrations for one in year.enterprises)
        if total != found.gross:
            yield f"各企业注册量之和 {total:,} 不等于新增注册量 {found.gross:,}"


def _of_resolutions(year: CertifiedYear) -> Iterator[str]:
    found = year.resolutions
    if min(found.received, found.answered, found.counted, 0) < 0:
        yield "解析量中有负数"
    if found.received - found.excluded != found.counted:
        yield (
            f"剔除链不闭合：收到 {found.received:,} − 剔除 {found.excluded:,}"
            f" ≠ 计入 {found.counted:,}"
        )
    if not found.counted <= found.answered <= found.received:
        yield "计入量、成功响应量、收到量的大小关系不成立"


def _of_days(year: CertifiedYear) -> Iterator[str]:
    days = [one.day for one in year.days]
    if days != sorted(set(days)):
        yield "逐日数据的日期重复或乱序"
    if any(day.year != year.year for day in days):
        yield f"逐日数据含 {year.year} 年以外的日期"
    if days and (year.through is None or days[-1] > year.through):
        yield "逐日数据晚于最后一个已结账日"
    sums = {
        "新增注册量": (sum(one.registrations for one in year.days), year.registrations.gross),
        "收到的解析请求": (sum(one.received for one in year.days), year.resolutions.received),
        "成功响应量": (sum(one.answered for one in year.days), year.resolutions.answered),
        "计入解析量": (sum(one.counted for one in year.days), year.resolutions.counted),
    }
    for title, (daily, yearly) in sums.items():
        if daily != yearly:
            yield f"{title}：逐日之和 {daily:,} 不等于全年 {yearly:,}"


def _of_log(year: CertifiedYear) -> Iterator[str]:
    if year.log is None:
        return
    if not year.complete:  # the log goes on while days are open
        if year.log.size < year.registrations.gross:
            yield "登记日志的叶子数小于已结账的新增注册量"
    elif year.log.size != year.registrations.gross:
        yield (f"登记日志的叶子数 {year.log.size:,} 不等于新增注册量 {year.registrations.gross:,}")


def every_day(year: int, through: date) -> Iterator[date]:
    """The days of a year up to and with `through`."""
    day = date(year, 1, 1)
    while day.year == year and day <= through:
        yield day
        day += timedelta(days=1)
