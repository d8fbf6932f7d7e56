"""The award for building the node: 5-1 where there was national or provincial money, else 5-2."""

from __future__ import annotations

from decimal import Decimal

from award.money import share_of, yuan
from award.policy.clause import clause
from award.policy.finding import Finding, Outcome, met, not_met, unknown, weigh
from award.policy.judgement import Amount, Step, amount_of
from award.policy.zhongshan_2025.facts import Kind
from award.policy.zhongshan_2025.gates import reason_of
from award.policy.zhongshan_2025.validity import Asked

TITLE = "节点建设奖励"
_ZERO = Decimal(0)


def invested(case: Asked) -> Decimal:
    """第十五条：申报项目已投入金额、服务合同金额、建设金额均不含税金. Reading `invested`."""
    return case.readings.choose("invested", case.facts.spent(case.on), case.facts.planned())


def matched(case: Asked) -> Decimal:
    """National and provincial money granted. Reading `granted`."""
    approved, paid = (
        sum(
            (one.amount for one in case.facts.granted(case.on, paid_only=only) if one.matched),
            _ZERO,
        )
        for only in (False, True)
    )
    return case.readings.choose("granted", approved, paid)


def received(case: Asked, kind: Kind | None = None) -> Decimal:
    """What was awarded before under （五）, for one purpose where `kind` is given."""
    awards = (one for one in case.facts.awarded(case.on, kind) if one.kind is not None)
    return sum((one.amount for one in awards), _ZERO)


def fiscal(case: Asked) -> Decimal:
    """All fiscal money for the node, of every level, approved or paid, and what （五） gave before:
    to its construction, and where the premise covers the volume award (reading `volume-premise`)
    for its volume too."""
    subsidies = sum((one.amount for one in case.facts.granted(case.on, paid_only=False)), _ZERO)
    volume = case.readings.choose("volume-premise", _ZERO, received(case, Kind.VOLUME))
    return subsidies + received(case, Kind.CONSTRUCTION) + volume


@clause("premise", "各级财政资助总金额不超过投资总额")
def premise(case: Asked) -> Outcome:
    """第四条（五）：在各级财政资助总金额不超过投资总额的前提下"""
    if not case.facts.investment:
        return unknown("未填写投资明细（investment）")
    if case.facts.fiscal.complete is not True:
        return unknown("未声明已列全各级财政资助与已获奖励（fiscal.complete）")
    room = invested(case) - fiscal(case)
    said = f"投资总额 {yuan(invested(case))}，已获各级财政资助 {yuan(fiscal(case))}"
    if room <= 0:
        return not_met(f"{said}，已无奖励余地")
    return met(f"{said}，余地 {yuan(room)}")


def construction(case: Asked, gates: tuple[Finding, ...]) -> Amount:
    """5-1 or 5-2, within the premise."""
    findings = (*gates, premise(case))
    verdict = weigh(findings)
    granted = matched(case)
    name = "5-1" if granted > 0 else "5-2"
    reason = reason_of(findings, verdict)
    if not verdict.payable:
        return amount_of(name, TITLE, verdict, _ZERO, reason, [])
    amount, steps = _matching(case, granted) if granted > 0 else _share(case)
    room = max(invested(case) - fiscal(case), _ZERO)
    if amount > room:
        steps.append(Step("以投资总额减去各级财政资助后的余地为限", room))
    amount = min(amount, room)
    return amount_of(name, TITLE, verdict, amount, reason or steps[-1].text, steps)


def _matching(case: Asked, granted: Decimal) -> tuple[Decimal, list[Step]]:
    """第四条（五）：按照国家和省奖补总额的 1:1 配套给予奖励最高不超过 300 万元"""
    cap, before = case.parameters.yuan("matching_cap"), received(case, Kind.CONSTRUCTION)
    amount = max(min(granted, cap) - before, _ZERO)
    steps = [
        Step("国家和省奖补总额，1:1 配套", granted),
        Step(f"最高不超过 {yuan(cap)}", min(granted, cap)),
    ]
    if before:
        steps.append(Step(f"减去已获的节点建设奖励 {yuan(before)}", amount))
    return amount, steps


def _share(case: Asked) -> tuple[Decimal, list[Step]]:
    """第四条（五）：如未获得过国家和省奖补资金的，按照节点投资总额给予一次性最高不超过 30% 的奖励，
    每个节点项目奖励最高不超过 300 万元"""
    ratio, cap = case.parameters.ratio("investment_ratio"), case.parameters.yuan("investment_cap")
    share = share_of(invested(case), ratio)
    steps = [
        Step("未获得过国家和省奖补资金，节点投资总额（不含税）", invested(case)),
        Step(f"其 {ratio:.0%}，舍去不足一分的部分", share),
        Step(f"最高不超过 {yuan(cap)}", min(share, cap)),
    ]
    before = received(case, Kind.CONSTRUCTION)
    if before:
        steps.append(Step(f"一次性奖励，此前已获 {yuan(before)}，不再给予", _ZERO))
        return _ZERO, steps
    return min(share, cap), steps
