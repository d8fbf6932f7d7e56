"""The ceilings above the single awards, and the total."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from award.money import yuan
from award.policy.finding import Verdict
from award.policy.judgement import Amount, Step, amount_of
from award.policy.zhongshan_2025.construction import fiscal, invested, received
from award.policy.zhongshan_2025.facts import Standing
from award.policy.zhongshan_2025.validity import Asked

TITLE = "最高可奖励金额"
_ZERO = Decimal(0)


def under_node_cap(case: Asked, volume: Amount, construction: Amount) -> Amount:
    """第四条（五）：每个节点项目奖励最高不超过 300 万元

    Reading `volume-cap`: does it hold for both awards of a node together?
    """
    cap = case.parameters.yuan("node_cap")
    room = max(cap - received(case) - construction.potential, _ZERO)
    joint = _limited(volume, room, f"两项奖励合计最高不超过 {yuan(cap)}，余")
    return case.readings.choose("volume-cap", volume, joint, by=_potential)


def under_premise(case: Asked, volume: Amount, construction: Amount) -> Amount:
    """第四条（五）：在各级财政资助总金额不超过投资总额的前提下

    Reading `volume-premise`: does it hold for the volume award too?
    """
    room = max(invested(case) - fiscal(case) - construction.potential, _ZERO)
    limited = _limited(volume, room, "以投资总额减去各级财政资助与节点建设奖励后的余地为限")
    return case.readings.choose("volume-premise", volume, limited, by=_potential)


def total(case: Asked, amounts: tuple[Amount, ...]) -> Amount:
    """第四条：每家标杆平台公司给予奖励最高不超过 1000 万元，每家平台公司给予奖励最高不超过
    500 万元

    Everything the company gets under （一）–（五）. Reading `direction-cap`: by year, or over the
    policy's life?
    """
    together = sum((one.potential for one in amounts), _ZERO)
    cap, title = _company_cap(case)
    others = case.readings.choose("direction-cap", _others(case, _year(case)), _others(case, None))
    room = max(cap - others, _ZERO)
    steps = [Step(one.title, one.value) for one in amounts]
    if others:
        steps.append(Step(f"方向一其他奖励 {yuan(others)}，{title}上限 {yuan(cap)}，余", room))
    else:
        steps.append(Step(f"{title}方向一奖励上限", cap))
    verdict = _verdict(amounts)
    reason = "" if verdict is Verdict.MET else _reasons(amounts, verdict)
    return amount_of("total", TITLE, verdict, min(together, room), reason, steps)


def _verdict(amounts: tuple[Amount, ...]) -> Verdict:
    """The sum is known when its parts are; it is nothing for a reason only when all are."""
    verdicts = [one.verdict for one in amounts]
    if Verdict.UNKNOWN in verdicts:
        return Verdict.UNKNOWN
    return Verdict.MET if Verdict.MET in verdicts else verdicts[0]


def _reasons(amounts: tuple[Amount, ...], verdict: Verdict) -> str:
    """Of what decides the total, each once."""
    deciding = [one for one in amounts if one.verdict is verdict]
    if verdict is Verdict.UNKNOWN:
        return "、".join(one.title for one in deciding) + "待核实"
    return "；".join(dict.fromkeys(one.reason for one in amounts))


def _company_cap(case: Asked) -> tuple[Decimal, str]:
    """A 标杆平台公司 with one of the year's places has the higher cap; while the place is unknown,
    so is the total, and the cap is what it would be."""
    facts = case.facts.recognition
    if facts.standing is Standing.BENCHMARK and facts.benchmark_place is not False:
        return case.parameters.yuan("benchmark_cap"), "标杆平台公司"
    return case.parameters.yuan("platform_cap"), "平台公司"


def _others(case: Asked, year: int | None) -> Decimal:
    awards = case.facts.awarded(case.on)
    return sum((one.amount for one in awards if year in (None, one.day.year)), _ZERO)


def _year(case: Asked) -> int:
    """The year this award would be of: that of its payment or plan, or of the question."""
    stages = case.facts.stages
    return (stages.paid or stages.planned or case.on).year


def _limited(amount: Amount, room: Decimal, said: str) -> Amount:
    """An amount held down to what room there is."""
    if amount.potential <= room:
        return amount
    steps = (*amount.steps, Step(said, room))
    value = room if amount.value is not None else None
    return msgspec.structs.replace(
        amount, value=value, potential=room, steps=steps, reason=amount.reason or said
    )


def _potential(amount: Amount) -> Decimal:
    return amount.potential
