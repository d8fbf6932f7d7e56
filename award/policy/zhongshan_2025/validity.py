"""When the policy is in force: 第十七条 and 第十八条."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TypeAlias

from award.policy.case import Case
from award.policy.clause import clause
from award.policy.finding import (
    Outcome,
    by_verdict,
    met,
    not_in_force,
    not_met,
    unknown,
)
from award.policy.zhongshan_2025.facts import Facts

Asked: TypeAlias = Case[Facts]


def start(case: Asked) -> date | None:
    """The first day of validity; None while the day of issue is not told (our copy lacks it)."""
    if case.facts.law.issued is None:
        return None
    return case.facts.law.issued + timedelta(days=case.parameters.number("start_after_issue"))


def filing_day(case: Asked) -> date:
    """The day of submission, or the day on which the question is asked before there is one."""
    return case.facts.stages.submitted or case.on


@clause("filed", "在有效期内申报")
def filed(case: Asked) -> Outcome:
    """第十七条、第十八条：（大意）自发布之日起 30 日后实施，有效期至 2025 年 12 月 31 日；
    2025 年内成功申报 … 可于 2026 年进行兑现。

    Nothing can be filed later. Reading `filed`: does 成功申报 mean submitted, or admitted?
    """
    until, stages = case.parameters.date("valid_until"), case.facts.stages
    begun = start(case)
    if begun is not None and filing_day(case) < begun:
        return not_in_force(f"细则自 {begun} 起施行，{filing_day(case)} 尚未生效")
    if stages.submitted is None:
        return _not_filed(case, until)
    if stages.submitted > until:
        return not_in_force(f"{stages.submitted} 提交申报，细则有效期已于 {until} 届满")
    if begun is None:
        return unknown("未填写细则发布日期（law.issued），无法确定生效日期")
    if late := _paid_late(case):
        return late
    return case.readings.choose(
        "filed", _admitted(case, None), _admitted(case, until), by=by_verdict
    )


def _not_filed(case: Asked, until: date) -> Outcome:
    if case.on > until:
        return not_in_force(f"截至 {case.on} 未申报，细则有效期已于 {until} 届满，不能再申报")
    return unknown("尚未填写提交申报的日期（stages.submitted）")


def _paid_late(case: Asked) -> Outcome | None:
    """第十八条 lets what was filed in the last year be paid in the next, and no later."""
    last, paid = case.parameters.date("payable_until"), case.facts.stages.paid
    if paid is not None and paid > last:
        return not_in_force(f"拨付日期 {paid} 晚于兑现期限 {last}")
    if paid is None and case.on > last:
        return not_in_force(f"截至 {case.on} 未拨付，兑现期限 {last} 已过")
    return None


def _admitted(case: Asked, until: date | None) -> Outcome:
    stages = case.facts.stages
    if stages.refused is not None and stages.refused <= case.on:
        return not_met(f"申报于 {stages.refused} 未获受理", stages.document)
    if stages.admitted is None or stages.admitted > case.on:
        if until is not None and case.on > until:
            return not_in_force(f"截至 {until} 未获受理", stages.document)
        return unknown("已提交，尚无受理日期（stages.admitted）", stages.document)
    if until is not None and stages.admitted > until:
        return not_in_force(f"受理日期 {stages.admitted} 晚于 {until}", stages.document)
    return met(f"{stages.submitted} 提交，{stages.admitted} 受理", stages.document)
