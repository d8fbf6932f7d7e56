"""FICTITIOUS rules: another threshold (at least, not more than), a sum that grows, a new fact."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from award.facts.project import Company, Node
from award.money import share_of
from award.policy.case import Case
from award.policy.clause import clause
from award.policy.finding import Outcome, Verdict, met, not_met, unknown
from award.policy.judgement import Judgement, Step, amount_of
from award.policy.parameter import Parameters, read
from award.policy.policy import Policy, digest_of, text_of
from award.policy.reading import Reading

PACKAGE = "tests.award.policies.fictitious_2028"
READINGS = (Reading("bonus", "上浮是否适用于全部奖励？", "适用", "不适用"),)


class Facts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    node: Node
    company: Company
    green_factory: bool | None = None  # what no other policy asks for


@clause("registrations", "注册量")
def registrations(case: Case[Facts]) -> Outcome:
    """虚构第一条：年度新增标识注册量不少于 2 亿"""
    if case.counted is None:
        return unknown("没有计数")
    number = case.counted.registrations.gross
    least = case.parameters.number("registrations")
    return met(f"{number}") if number >= least else not_met(f"{number} 少于 {least}")


def judge(case: Case[Facts]) -> Judgement:
    finding = registrations(case)
    number = case.counted.registrations.gross if case.counted else 0
    amount = case.parameters.yuan("per_million") * (number // 1_000_000)
    bonus = share_of(amount, case.parameters.ratio("green_bonus"))
    added = case.readings.choose("bonus", bonus if case.facts.green_factory else Decimal(0),
                                 Decimal(0))  # fmt: skip
    total = amount + added if finding.verdict is Verdict.MET else Decimal(0)
    step = Step("每百万个", amount)
    given = amount_of("1", "注册量奖励", finding.verdict, total, finding.reason, [step])
    return Judgement((finding,), (given,), given)


def change(facts: Facts, name: str, amount: Decimal, on: date) -> Facts:
    raise KeyError(name)


def thresholds(parameters: Parameters, year: int) -> Mapping[str, int]:
    return {"registrations": parameters.number("registrations") - 1}


def describe() -> Policy:
    changes: dict[str, Any] = {}
    return Policy(
        name="fictitious_2028",
        title="虚构的后继政策（仅供测试）",
        clause="虚构第一条",
        remark="虚构。",
        valid_until=date(2030, 12, 31),
        facts=Facts,
        template='[node]\nname = "虚构节点"\nprefix = "88.1"\n[company]\nname = "虚构公司"\n',
        parameters=read(text_of(PACKAGE, "parameters.toml")),
        readings=READINGS,
        judge=judge,
        change=change,
        changes=changes,
        thresholds=thresholds,
        digest=digest_of(PACKAGE),
    )
