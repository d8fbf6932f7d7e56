"""Verdicts on the lines of a chunk, packed: a byte for each outcome, reasons as JSON, compressed.

A chunk of which all was created takes some forty bytes, so a hundred million serials take little
more than one megabyte. What a line named is not kept: it is read again where it came from.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from registry.record.bulk import Refusal, Tally
from registry.record.registration import Outcome

_CODES = {
    Outcome.CREATED: ord("c"),
    Outcome.UNCHANGED: ord("u"),
    Outcome.REVIVED: ord("v"),
    Outcome.REFUSED: ord("r"),
}
_OUTCOMES = {code: outcome for outcome, code in _CODES.items()}
_LEVEL = 1  # outcomes repeat: more effort gains nothing


class Reason(msgspec.Struct, frozen=True, array_like=True):
    """Why a line was refused."""

    line: int
    rule: str | None
    field: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What became of the lines of one chunk, in their order."""

    outcomes: Sequence[Outcome]
    reasons: dict[int, Reason]  # by line


def context_of(job_id: int, position: int) -> str:
    """What refusals are sealed for."""
    return f"job/{job_id}/verdicts/{position}"


def packed_outcomes(lines: Sequence[int], tally: Tally) -> bytes:
    """The outcome of each of these lines."""
    codes = bytearray([_CODES[Outcome.CREATED]]) * len(lines)
    if tally.found or tally.refusals:
        places = {number: place for place, number in enumerate(lines)}
        for number, outcome in tally.found.items():
            codes[places[number]] = _CODES[outcome]
        for refusal in tally.refusals:
            codes[places[refusal.number]] = _CODES[Outcome.REFUSED]
    return zlib.compress(codes, _LEVEL)


def packed_refusals(refusals: Sequence[Refusal]) -> bytes | None:
    if not refusals:
        return None
    reasons = [
        Reason(number, error.rule, error.field, error.detail) for number, _, error in refusals
    ]
    return zlib.compress(msgspec.json.encode(reasons), _LEVEL)


def unpacked(outcomes: bytes, refusals: bytes | None) -> Verdicts:
    reasons: list[Reason] = []
    if refusals is not None:
        reasons = msgspec.json.decode(zlib.decompress(refusals), type=list[Reason])
    told = [_OUTCOMES[code] for code in zlib.decompress(outcomes)]
    return Verdicts(told, {reason.line: reason for reason in reasons})
