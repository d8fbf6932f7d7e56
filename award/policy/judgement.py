"""A judgement: what one set of readings leads to, clause by clause, amount by amount."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from award.policy.finding import Finding, Verdict


class Step(msgspec.Struct, frozen=True):
    """One line of a derivation, in Chinese, with what it comes to in yuan (where it does)."""

    text: str
    amount: Decimal | None = None


class Amount(msgspec.Struct, frozen=True):
    """A sum of money that may be granted at most.

    `value` is None while something is unknown; `potential` is what it comes to if all that is
    unknown turns out well. Where the verdict is another than met or unknown, both are 0 and
    `reason` says why.
    """

    id: str
    title: str
    verdict: Verdict
    value: Decimal | None
    potential: Decimal
    reason: str
    steps: tuple[Step, ...] = ()


class Judgement(msgspec.Struct, frozen=True):
    findings: tuple[Finding, ...]
    amounts: tuple[Amount, ...]  # in the order of their clauses
    total: Amount


def amount_of(
    name: str, title: str, verdict: Verdict, potential: Decimal, reason: str, steps: list[Step]
) -> Amount:
    """An amount under a verdict: whole, nothing, or not known yet."""
    if verdict is Verdict.MET:
        return Amount(name, title, verdict, potential, potential, reason, tuple(steps))
    if verdict is Verdict.UNKNOWN:
        return Amount(name, title, verdict, None, potential, reason, tuple(steps))
    nothing = Decimal(0)
    return Amount(name, title, verdict, nothing, nothing, reason, tuple(steps))
