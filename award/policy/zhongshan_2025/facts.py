"""What must be known besides the counts. What is left out is not known: never taken for yes or no.

`template.toml` beside this file is the manual, in Chinese.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from enum import StrEnum

import msgspec

from award.facts.project import Company, Node
from award.money import Rate, Yuan, net_of

_ZERO = Decimal(0)


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the facts file; unknown names are refused."""


class Standing(StrEnum):
    PLATFORM = "平台公司"
    BENCHMARK = "标杆平台公司"
    NONE = "未认定"


class Level(StrEnum):
    NATIONAL = "国家"
    PROVINCIAL = "省"
    CITY = "市"
    TOWN = "镇街"


class Acceptor(StrEnum):
    MINISTRY = "国家工信部"
    ENTRUSTED = "国家工信部委托单位"
    OTHER = "其他单位"


class Kind(StrEnum):
    """What an award under （五） was for."""

    CONSTRUCTION = "节点建设"
    VOLUME = "注册解析量"


class Law(Table, frozen=True, kw_only=True):
    issued: date | None = None


class Recognition(Table, frozen=True, kw_only=True):
    standing: Standing | None = None
    recognised: date | None = None
    document: str = ""
    former_public_service: bool | None = None
    benchmark_place: bool | None = None


class Acceptance(Table, frozen=True, kw_only=True):
    accepted: bool | None = None
    by: Acceptor | None = None
    day: date | None = None
    document: str = ""


class Stages(Table, frozen=True, kw_only=True):
    """The application's way, 第六条."""

    submitted: date | None = None
    preliminary: date | None = None
    admitted: date | None = None
    refused: date | None = None
    reviewed: date | None = None
    planned: date | None = None
    paid: date | None = None
    document: str = ""

    def __post_init__(self) -> None:
        way = (self.submitted, self.preliminary, self.admitted, self.reviewed, self.planned,
               self.paid)  # fmt: skip
        given = [day for day in way if day is not None]
        if given != sorted(given):
            raise ValueError("申报各环节的日期应依次不早于前一环节")
        if self.refused and (self.admitted or self.paid):
            raise ValueError("refused 与 admitted、paid 不能同时填写")


class Completion(Table, frozen=True, kw_only=True):
    finished: bool | None = None
    day: date | None = None
    document: str = ""


class Declarations(Table, frozen=True, kw_only=True):
    """第八条、第九条、第十六条. true: it is so declared, with evidence."""

    no_serious_violation: bool | None = None
    no_dishonesty: bool | None = None
    no_overdue_project: bool | None = None
    not_listed_as_defaulter: bool | None = None
    no_major_tax_case: bool | None = None
    no_energy_violation: bool | None = None
    no_major_accident: bool | None = None
    single_application: bool | None = None
    evidence: str = ""


class Investment(Table, frozen=True, kw_only=True):
    """One invoice. `net` without VAT, or `gross` with its rate of VAT."""

    name: str
    invoice: str
    gross: Yuan | None = None
    vat: Rate | None = None
    net: Yuan | None = None
    paid: date | None = None  # None: planned, not spent
    also_used_for: str = ""

    def __post_init__(self) -> None:
        if (self.gross is None) == (self.net is None):
            raise ValueError("gross（含税）与 net（不含税）应填且只填一个")
        if self.gross is not None and self.vat is None:
            raise ValueError("填写 gross（含税）时须同时填写税率 vat")

    @property
    def amount(self) -> Decimal:
        """Net of VAT."""
        if self.net is not None:
            return Decimal(self.net)
        assert self.gross is not None
        assert self.vat is not None
        return net_of(self.gross, self.vat)


class Subsidy(Table, frozen=True, kw_only=True):
    """Fiscal money for the node of any level, but for awards under this policy."""

    level: Level
    name: str
    amount: Yuan
    approved: date | None = None
    paid: date | None = None
    document: str = ""

    def __post_init__(self) -> None:
        if self.approved is None and self.paid is None:
            raise ValueError("approved（批复日期）与 paid（到账日期）至少填一个")

    @property
    def matched(self) -> bool:
        return self.level in (Level.NATIONAL, Level.PROVINCIAL)


class Fiscal(Table, frozen=True, kw_only=True):
    """Whether the lists of fiscal money and of awards are complete."""

    complete: bool | None = None


class Award(Table, frozen=True, kw_only=True):
    """What the company has had under 方向一 already. `kind` where it was （五）."""

    clause: str  # （一）…（五）
    day: date
    amount: Yuan
    kind: Kind | None = None
    document: str = ""

    def __post_init__(self) -> None:
        if self.clause not in ("（一）", "（二）", "（三）", "（四）", "（五）"):
            raise ValueError("clause 应为 （一）、（二）、（三）、（四）、（五） 之一")
        if (self.clause == "（五）") != (self.kind is not None):
            raise ValueError("kind 仅在且须在 clause 为 （五） 时填写")


class EarlierYear(Table, frozen=True, kw_only=True):
    """A year before this system, by declared evidence."""

    year: int
    registrations: int
    resolutions: int
    document: str = ""


class Checklist(Table, frozen=True, kw_only=True):
    """第五条 1: what the recognition asks for."""

    independent_in_zhongshan: bool | None = None
    invited_or_agreed: bool | None = None
    enterprises_committed: int | None = None
    managers_committed: int | None = None
    intellectual_property: bool | None = None
    platform_layers: bool | None = None
    node_functions: bool | None = None
    stays_five_years: bool | None = None
    shares_data: bool | None = None
    security_procedures: bool | None = None
    data_in_zhongshan: bool | None = None
    premises_area: int | None = None
    staff: int | None = None
    staff_qualified: int | None = None


class Facts(Table, frozen=True, kw_only=True):
    node: Node
    company: Company
    law: Law = Law()
    recognition: Recognition = Recognition()
    acceptance: Acceptance = Acceptance()
    stages: Stages = Stages()
    completion: Completion = Completion()
    declarations: Declarations = Declarations()
    fiscal: Fiscal = Fiscal()
    checklist: Checklist = Checklist()
    investment: tuple[Investment, ...] = ()
    subsidy: tuple[Subsidy, ...] = ()
    award: tuple[Award, ...] = ()
    history: tuple[EarlierYear, ...] = ()

    def __post_init__(self) -> None:
        invoices = [one.invoice for one in self.investment]
        twice = {one for one in invoices if invoices.count(one) > 1}
        if twice:
            raise ValueError(f"发票号 {', '.join(sorted(twice))} 重复出现在 investment 中")
        years = [one.year for one in self.history]
        if len(years) != len(set(years)):
            raise ValueError("history 中同一年份只能出现一次")

    def spent(self, on: date) -> Decimal:
        paid = (one for one in self.investment if one.paid is not None and one.paid <= on)
        return sum((one.amount for one in paid), _ZERO)

    def planned(self) -> Decimal:
        return sum((one.amount for one in self.investment), _ZERO)

    def granted(self, on: date, *, paid_only: bool) -> Iterator[Subsidy]:
        """Subsidies had by a day: approved or paid, or paid alone."""
        for one in self.subsidy:
            days = [one.paid] if paid_only else [one.approved, one.paid]
            if any(day is not None and day <= on for day in days):
                yield one

    def awarded(self, on: date, kind: Kind | None = None) -> Iterator[Award]:
        """Awards under 方向一 had by a day; of （五） for one purpose where `kind` is given."""
        for one in self.award:
            if one.day <= on and (kind is None or one.kind is kind):
                yield one
