"""5-3: the award for the first year with more than 100 million registrations and, on average, more
than 30,000 resolutions a day."""

from __future__ import annotations

from datetime import date

from award.evidence.certified import Standing, days_of
from award.money import yuan
from award.policy.clause import clause
from award.policy.finding import (
    Finding,
    Outcome,
    Verdict,
    by_verdict,
    met,
    not_met,
    unknown,
    weigh,
)
from award.policy.judgement import Amount, Step, amount_of
from award.policy.zhongshan_2025.construction import received
from award.policy.zhongshan_2025.facts import EarlierYear, Kind
from award.policy.zhongshan_2025.gates import reason_of
from award.policy.zhongshan_2025.validity import Asked, filing_day, start

TITLE = "注册解析量奖励"


@clause("registrations", "年度新增标识注册量超 1 亿")
def registrations(case: Asked) -> Outcome:
    """第四条（五）：首次实现年度新增标识注册量超 1 亿

    超 is strictly more. Reading `registrations`: gross, or net of those deleted by year end?
    """
    found = _standing(case)
    if found is None:
        return unknown(f"没有 {case.year} 年的认证计数")
    return case.readings.choose(
        "registrations",
        _registered(case, found.gross, "新增"),
        _registered(case, found.net, "新增减注销"),
        by=by_verdict,
    )


def _registered(case: Asked, number: int, said: str) -> Outcome:
    threshold = case.parameters.number("volume_registrations")
    return _over(case, number, threshold, f"{case.year} 年{said}标识 {number:,} 个")


@clause("resolutions", "日均解析量超 3 万次")
def resolutions(case: Asked) -> Outcome:
    """第四条（五）：日均解析量超 3 万次

    The sum of the year is held against 30,000 times its days, so that nothing is rounded; days
    without service count zero. Reading `resolutions`: after exclusions, or all answered?
    """
    found = _standing(case)
    if found is None:
        return unknown(f"没有 {case.year} 年的认证计数")
    return case.readings.choose(
        "resolutions",
        _resolved(case, found.counted, "计入"),
        _resolved(case, found.answered, "成功响应"),
        by=by_verdict,
    )


def _resolved(case: Asked, number: int, said: str) -> Outcome:
    days = days_of(case.year)
    threshold = case.parameters.number("volume_resolutions_daily") * days
    return _over(
        case,
        number,
        threshold,
        f"{case.year} 年{said}解析 {number:,} 次（{days} 天，日均约 {number / days:,.0f} 次）",
    )


def _over(case: Asked, number: int, threshold: int, said: str) -> Outcome:
    if number > threshold:
        return met(f"{said}，超过阈值 {threshold:,}")
    if not _settled(case):
        return unknown(f"{said}，尚未超过阈值 {threshold:,}，年度未结束")
    return not_met(f"{said}，未超过阈值 {threshold:,}")


def _settled(case: Asked) -> bool:
    """Whether the numbers can grow no more: the year is closed, or the filing has fixed them."""
    counted = case.counted
    if counted is not None and counted.complete:
        return True
    submitted = case.facts.stages.submitted
    return submitted is not None and submitted <= date(case.year, 12, 31) and submitted < case.on


def _standing(case: Asked) -> Standing | None:
    """What had been counted when the application was filed."""
    return case.counted.before(filing_day(case)) if case.counted else None


@clause("year-completed", "达标年度已届满")
def year_completed(case: Asked) -> Outcome:
    """第四条（五）：首次实现年度 … 日均解析量超 3 万次

    A year's average is final when it has ended, or as soon as the sums exceed the whole year's
    thresholds. Reading `performance-year`: must the whole year lie within validity?
    """
    completed = _completed(case)
    return case.readings.choose(
        "performance-year", completed, _within_validity(case, completed), by=by_verdict
    )


def _completed(case: Asked) -> Outcome:
    last, filing = date(case.year, 12, 31), filing_day(case)
    if filing > last:
        return met(f"{case.year} 年于申报（{filing}）前届满")
    exceeded = (registrations(case), resolutions(case))
    if weigh(exceeded) is Verdict.MET:
        return met(f"申报（{filing}）时累计数已超过全年阈值")
    if weigh(exceeded) is Verdict.UNKNOWN:
        return unknown(f"{case.year} 年尚未结束，累计数尚未超过全年阈值")
    return not_met(f"申报（{filing}）时 {case.year} 年尚未届满，累计数未超过全年阈值")


def _within_validity(case: Asked, completed: Outcome) -> Outcome:
    if completed.verdict is not Verdict.MET:
        return completed
    begun, until = start(case), case.parameters.date("valid_until")
    if begun is None:
        return unknown("未填写细则发布日期（law.issued），无法确定年度是否整年有效")
    if begun > date(case.year, 1, 1) or until < date(case.year, 12, 31):
        return not_met(f"{case.year} 年未整年处于有效期 {begun} 至 {until} 内")
    return met(f"{case.year} 年整年处于有效期 {begun} 至 {until} 内")


@clause("first", "首次达到")
def first(case: Asked) -> Outcome:
    """第四条（五）：对首次实现年度新增标识注册量超 1 亿、日均解析量超 3 万次的节点，给予一次性奖励

    Once in the node's life. Reading `first`: the first ever, or the first under this policy?
    """
    if received(case, Kind.VOLUME) > 0:
        return not_met(f"一次性奖励，此前已获 {yuan(received(case, Kind.VOLUME))}")
    in_service = case.facts.node.in_service
    if in_service is None:
        return unknown("未填写节点启用日期（node.in_service）")
    begun = start(case)
    ever = _first_since(case, in_service.year)
    under = _first_since(case, max(begun.year, in_service.year)) if begun else ever
    return case.readings.choose("first", ever, under, by=by_verdict)


def _first_since(case: Asked, year: int) -> Outcome:
    earlier = {one: _reached(case, one) for one in range(year, case.year)}
    reached = [one for one, verdict in earlier.items() if verdict is Verdict.MET]
    if reached:
        return not_met(f"{reached[0]} 年已首次达到")
    missing = [str(one) for one, verdict in earlier.items() if verdict is Verdict.UNKNOWN]
    if missing:
        return unknown(f"缺少 {'、'.join(missing)} 年的认证计数或申报材料（history）")
    if not earlier:
        return met(f"{case.year} 年之前没有应计的年度")
    return met(f"{year} 至 {case.year - 1} 年均未达到")


def _reached(case: Asked, year: int) -> Verdict:
    """Whether an earlier year met both conditions, by what is certified, else by declaration."""
    certified = case.years.get(year)
    if certified is not None:
        found = certified.standing
        many = case.readings.choose(
            "registrations", _many(case, found.gross), _many(case, found.net)
        )
        often = case.readings.choose(
            "resolutions", _often(case, year, found.counted), _often(case, year, found.answered)
        )
        return Verdict.MET if many and often else Verdict.NOT_MET
    declared = next((one for one in case.facts.history if one.year == year), None)
    return _declared(case, declared) if declared else Verdict.UNKNOWN


def _declared(case: Asked, earlier: EarlierYear) -> Verdict:
    both = _many(case, earlier.registrations) and _often(case, earlier.year, earlier.resolutions)
    return Verdict.MET if both else Verdict.NOT_MET


def _many(case: Asked, number: int) -> bool:
    return number > case.parameters.number("volume_registrations")


def _often(case: Asked, year: int, number: int) -> bool:
    return number > case.parameters.number("volume_resolutions_daily") * days_of(year)


def conditions(case: Asked) -> tuple[Finding, ...]:
    return registrations(case), resolutions(case), year_completed(case), first(case)


def volume(case: Asked, gates: tuple[Finding, ...], conditions: tuple[Finding, ...]) -> Amount:
    """5-3 before any cap above it. Reading `volume-acceptance`: need the node be accepted?"""
    needed = case.readings.choose(
        "volume-acceptance",
        (*gates, *conditions),
        (*(gate for gate in gates if gate.id != "accepted"), *conditions),
        by=weigh,
    )
    verdict = weigh(needed)
    cap = case.parameters.yuan("volume_cap")
    steps = [Step(f"一次性奖励最高不超过 {yuan(cap)}", cap)]
    reason = reason_of(needed, verdict) or steps[0].text
    return amount_of("5-3", TITLE, verdict, cap, reason, steps if verdict.payable else [])
