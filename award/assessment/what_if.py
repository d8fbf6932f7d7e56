"""What-ifs: an assessment with something changed, as `investment=50万元`, `resolutions=1000000`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from award.assessment.assessment import Assessment, assess
from award.evidence.certified import CertifiedYear, Day
from award.money import Yuan
from award.policy.policy import Policy
from registry.errors import InvalidInput

COUNTS = {"registrations": "追加新增注册（个）", "resolutions": "追加计入解析（次）"}


class InvalidWhatIf(InvalidInput):
    kind = "invalid-what-if"
    title = "The what-if cannot be understood"


def suppose(
    policy: Policy,
    facts: Any,
    year: int,
    years: Mapping[int, CertifiedYear],
    on: date,
    changes: Sequence[str],
) -> Assessment:
    """All changes together. Raises InvalidWhatIf."""
    supposed = dict(years)
    for text in changes:
        name, _, written = text.partition("=")
        if name in COUNTS:
            supposed[year] = _with_counts(supposed, year, name, _number(text, written))
        elif name in policy.changes:
            facts = policy.change(facts, name, _amount(text, written), on)
        else:
            known = "、".join([*policy.changes, *COUNTS])
            raise InvalidWhatIf(f"假设“{text}”：可用的名称为 {known}", field="what-if")
    return assess(policy, facts, year, supposed, on)


def _amount(text: str, written: str) -> Yuan:
    try:
        return Yuan.parse(written)
    except ValueError as error:
        raise InvalidWhatIf(f"假设“{text}”：{error}", field="what-if") from None


def _number(text: str, written: str) -> int:
    plain = written.replace(",", "")
    if not plain.isascii() or not plain.isdigit() or len(plain) > 12:
        raise InvalidWhatIf(f"假设“{text}”：应为整数", field="what-if")
    return int(plain)


def _with_counts(
    years: Mapping[int, CertifiedYear], year: int, name: str, number: int
) -> CertifiedYear:
    """As if so many more had come on the last closed day."""
    known = years.get(year)
    if known is None or known.through is None:
        raise InvalidWhatIf(f"{year} 年没有计数，无法假设", field="what-if")
    days = [*known.days] or [Day(known.through, 0, 0, 0, 0, 0)]
    last = days[-1]
    if name == "registrations":
        days[-1] = msgspec.structs.replace(last, registrations=last.registrations + number)
        found = known.registrations
        return msgspec.structs.replace(
            known,
            registrations=msgspec.structs.replace(found, gross=found.gross + number, by_method={}),
            days=tuple(days),
            enterprises=(),
            log=None,
        )
    days[-1] = Day(
        last.day,
        last.registrations,
        last.deleted,
        last.received + number,
        last.answered + number,
        last.counted + number,
    )
    seen = known.resolutions
    return msgspec.structs.replace(
        known,
        resolutions=msgspec.structs.replace(
            seen,
            received=seen.received + number,
            answered=seen.answered + number,
            counted=seen.counted + number,
        ),
        days=tuple(days),
    )
