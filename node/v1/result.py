"""What became of identifiers, as v1 tells it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from node.http.problem import Problem, problem_of
from node.v1.operation import Call
from node.v1.stream import named
from registry.errors import BiaoshiError
from registry.record.registration import Outcome, Verdict

SURFACE = "v1"


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one identifier. `batch` is the batch that first registered it."""

    handle: str
    outcome: Outcome
    revision: int | None = None
    batch: int | None = None
    problem: Problem | None = None


class Results(msgspec.Struct, frozen=True):
    """The verdicts of a list, in its order, and how many of each kind."""

    results: list[Result]
    totals: dict[str, int]


def result_of(verdict: Verdict) -> Result:
    return Result(
        handle=verdict.identifier.text,
        outcome=verdict.outcome,
        revision=verdict.revision or None,
        batch=verdict.batch or None,
        problem=problem_of(verdict.error) if verdict.error else None,
    )


def unread(raw: msgspec.Raw, error: BiaoshiError) -> Result:
    """The result of an item that could not be read."""
    return Result(named(bytes(raw)), Outcome.REFUSED, problem=problem_of(error))


def totals_of(results: Iterable[Result]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for result in results:
        totals[result.outcome] = totals.get(result.outcome, 0) + 1
    return totals


def count(call: Call, results: Iterable[Result]) -> None:
    for outcome, number in totals_of(results).items():
        call.wiring.instruments.verdicts.labels(SURFACE, outcome).inc(number)
