"""An assessment: the primary judgement, the strictest and the most lenient total, and what each
reading alone changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from award.evidence.certified import CertifiedYear
from award.policy.judgement import Amount, Judgement
from award.policy.policy import Policy
from award.policy.reading import Reading, Readings, Side, combinations


class Total(msgspec.Struct, frozen=True):
    """A total under some combination of readings. `value` is None where it is not known yet."""

    value: Decimal | None
    potential: Decimal
    readings: tuple[str, ...]  # those taken the other way


class Effect(msgspec.Struct, frozen=True):
    """One reading, and the total if it alone is taken the other way."""

    reading: Reading
    matters: bool  # whether any combination of the others makes a difference of it
    total: Decimal | None
    potential: Decimal


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    policy: str
    policy_title: str
    policy_clause: str
    policy_digest: str
    remark: str  # what every sum of it means
    year: int
    on: date
    judgement: Judgement  # under the primary choice of every reading
    strictest: Total
    lenient: Total
    effects: tuple[Effect, ...]


def assess(
    policy: Policy, facts: Any, year: int, years: Mapping[int, CertifiedYear], on: date
) -> Assessment:
    """A pure function: the same input gives the same assessment, today and in ten years."""

    def judge(readings: Readings) -> Judgement:
        return policy.judge(policy.case(facts, year, years, on, readings))

    outcomes = [(sides, one.total) for sides, one in combinations(policy.known, judge)]
    totals = [Total(amount.value, amount.potential, _others(sides)) for sides, amount in outcomes]
    mattered = {name for sides, _ in outcomes for name in sides}
    return Assessment(
        policy=policy.name,
        policy_title=policy.title,
        policy_clause=policy.clause,
        policy_digest=policy.digest,
        remark=policy.remark,
        year=year,
        on=on,
        judgement=judge(Readings(policy.known, {})),
        strictest=strictest(totals),
        lenient=most_lenient(totals),
        effects=tuple(
            _effect(one, judge(Readings(policy.known, {one.id: Side.OTHER})).total, mattered)
            for one in policy.readings
        ),
    )


def strictest(totals: Iterable[Total]) -> Total:
    """The least of all. An unknown one may come to nothing, so it is least unless one is zero."""
    totals = list(totals)
    known = [one for one in totals if one.value is not None]
    least = min(known, key=_value, default=None)
    unknown = [one for one in totals if one.value is None]
    if least is not None and (not unknown or least.value == 0):
        return least
    return min(unknown, key=lambda one: one.potential)


def most_lenient(totals: Iterable[Total]) -> Total:
    """The most of all. An unknown one is most where it could come to more than any known."""
    totals = list(totals)
    known = max((one for one in totals if one.value is not None), key=_value, default=None)
    unknown = max(
        (one for one in totals if one.value is None), key=lambda one: one.potential, default=None
    )
    if known is None or (unknown is not None and unknown.potential > _value(known)):
        assert unknown is not None
        return unknown
    return known


def _value(total: Total) -> Decimal:
    assert total.value is not None
    return total.value


def _others(sides: Mapping[str, Side]) -> tuple[str, ...]:
    return tuple(name for name, side in sides.items() if side is Side.OTHER)


def _effect(reading: Reading, total: Amount, mattered: set[str]) -> Effect:
    return Effect(reading, reading.id in mattered, total.value, total.potential)
