"""Facts and counts for tests, so that a case is one readable line."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from award.evidence.certified import (
    CertifiedYear,
    Day,
    Exclusion,
    Registrations,
    Resolutions,
    days_of,
    every_day,
)
from award.facts.project import Company, Node
from award.money import Rate, Yuan
from award.policy.zhongshan_2025.facts import (
    Acceptance,
    Acceptor,
    Award,
    Checklist,
    Completion,
    Declarations,
    Facts,
    Fiscal,
    Investment,
    Kind,
    Law,
    Level,
    Recognition,
    Stages,
    Standing,
    Subsidy,
)

ON = date(2025, 12, 1)
M = 1_000_000

PASSED = Facts(
    node=Node(name="测试节点", prefix="88.118", in_service=date(2024, 1, 1)),
    company=Company(name="测试科技有限公司"),
    law=Law(issued=date(2022, 12, 2)),  # in force from 2023-01-01
    recognition=Recognition(
        standing=Standing.PLATFORM,
        recognised=date(2024, 5, 20),
        document="认定文件",
        former_public_service=False,
    ),
    acceptance=Acceptance(
        accepted=True, by=Acceptor.ENTRUSTED, day=date(2024, 3, 15), document="验收意见"
    ),
    stages=Stages(submitted=date(2025, 6, 30), admitted=date(2025, 7, 20)),
    completion=Completion(finished=True, day=date(2024, 3, 15), document="完成证明"),
    declarations=Declarations(
        no_serious_violation=True,
        no_dishonesty=True,
        no_overdue_project=True,
        not_listed_as_defaulter=True,
        no_major_tax_case=True,
        no_energy_violation=True,
        no_major_accident=True,
        single_application=True,
        evidence="信用报告",
    ),
    fiscal=Fiscal(complete=True),
    checklist=Checklist(enterprises_committed=60, managers_committed=30, staff=15),
)


def yuan(amount: int | str | Decimal) -> Yuan:
    return Yuan.parse(str(amount))


def facts(
    *,
    np: int | str = 0,
    invested: int | str | Decimal = 20 * M,
    other: int | str = 0,
    elsewhere: int | str = 0,
    **parts: Any,
) -> Facts:
    """All gates met; NP, I, O and X of the cases."""
    made = msgspec.structs.replace(
        PASSED,
        investment=(invoice(net=invested),),
        subsidy=(
            *([subsidy(np)] if yuan(np) else []),
            *([subsidy(other, Level.CITY)] if yuan(other) else []),
        ),
        award=(award(elsewhere, "（三）"),) if yuan(elsewhere) else (),
    )
    return msgspec.structs.replace(made, **parts)


def part(facts: Facts, name: str, **values: Any) -> Facts:
    """Facts with values of one table changed."""
    table = msgspec.structs.replace(getattr(facts, name), **values)
    return msgspec.structs.replace(facts, **{name: table})


def invoice(
    net: int | str | Decimal | None = None,
    gross: int | str | None = None,
    vat: str | None = None,
    number: str = "1",
    paid: date | None = date(2024, 2, 1),
) -> Investment:
    return Investment(
        name="系统",
        invoice=number,
        net=None if net is None else yuan(net),
        gross=None if gross is None else yuan(gross),
        vat=None if vat is None else Rate.parse(vat),
        paid=paid,
    )


def subsidy(
    amount: int | str | Decimal,
    level: Level = Level.NATIONAL,
    approved: date | None = date(2023, 8, 1),
    paid: date | None = date(2023, 12, 1),
) -> Subsidy:
    return Subsidy(level=level, name="资助", amount=yuan(amount), approved=approved, paid=paid)


def award(
    amount: int | str | Decimal,
    clause: str = "（五）",
    kind: Kind | None = None,
    day: date = date(2025, 5, 1),
) -> Award:
    return Award(clause=clause, day=day, amount=yuan(amount), kind=kind)


def certified(
    year: int,
    gross: int = 0,
    counted: int = 0,
    *,
    answered: int | None = None,
    deleted: int = 0,
    through: date | None = None,
    **more: Any,
) -> CertifiedYear:
    """A year that adds up, its sums spread over its days; whole unless `through` says otherwise."""
    last = through or date(year, 12, 31)
    days = list(every_day(year, last))
    found = counted if answered is None else answered
    received = found + 7 * len(days)
    columns = [spread(number, len(days)) for number in (gross, deleted, received, found, counted)]
    return CertifiedYear(
        year=year,
        through=last,
        demo=False,
        definitions="test",
        registrations=Registrations(gross=gross, deleted=deleted, by_method={"stream": gross}),
        resolutions=Resolutions(
            received=received,
            answered=found,
            exclusions=(
                Exclusion("not-found", "未找到", received - found),
                Exclusion("repeat", "30 秒内重复", found - counted),
            ),
            counted=counted,
        ),
        days=tuple(Day(day, *numbers) for day, *numbers in zip(days, *columns, strict=True)),
        **more,
    )


def spread(number: int, parts: int) -> list[int]:
    """As even as whole numbers can be."""
    return [number * (at + 1) // parts - number * at // parts for at in range(parts)]


def thirty_thousand_a_day(year: int) -> int:
    return 30_000 * days_of(year)
