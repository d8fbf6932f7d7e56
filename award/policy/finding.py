"""Findings: what the law says of one point, with its words, the reason and the evidence."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    """Three ways of not being met are three results: none stands for another."""

    MET = "met"
    NOT_MET = "not-met"
    UNKNOWN = "unknown"
    NOT_IN_FORCE = "not-in-force"

    @property
    def chinese(self) -> str:
        return _CHINESE[self]

    @property
    def payable(self) -> bool:
        """Whether money may come of it, surely or perhaps."""
        return self in (Verdict.MET, Verdict.UNKNOWN)


_CHINESE = {
    Verdict.MET: "符合",
    Verdict.NOT_MET: "不符合",
    Verdict.UNKNOWN: "待核实",
    Verdict.NOT_IN_FORCE: "不在有效期",
}


class Outcome(msgspec.Struct, frozen=True):
    """A verdict with its reason in Chinese and what it rests on."""

    verdict: Verdict
    reason: str
    evidence: tuple[str, ...] = ()


class Finding(msgspec.Struct, frozen=True):
    """An outcome under the clause it answers."""

    id: str
    article: str
    title: str
    quote: str  # the clause's own words
    verdict: Verdict
    reason: str
    evidence: tuple[str, ...] = ()


def met(reason: str, *evidence: str) -> Outcome:
    return Outcome(Verdict.MET, reason, tuple(one for one in evidence if one))


def not_met(reason: str, *evidence: str) -> Outcome:
    return Outcome(Verdict.NOT_MET, reason, tuple(one for one in evidence if one))


def unknown(reason: str, *evidence: str) -> Outcome:
    return Outcome(Verdict.UNKNOWN, reason, tuple(one for one in evidence if one))


def not_in_force(reason: str, *evidence: str) -> Outcome:
    return Outcome(Verdict.NOT_IN_FORCE, reason, tuple(one for one in evidence if one))


def by_verdict(outcome: Outcome) -> Verdict:
    """What two outcomes must share for a choice between them to change nothing."""
    return outcome.verdict


def weigh(findings: Iterable[Finding]) -> Verdict:
    """All of them together: one that fails decides, else one that is unknown."""
    verdicts = [one.verdict for one in findings]
    for deciding in (Verdict.NOT_IN_FORCE, Verdict.NOT_MET, Verdict.UNKNOWN):
        if deciding in verdicts:
            return deciding
    return Verdict.MET
