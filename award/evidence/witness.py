"""The independent witness: what Prometheus says the workers' own counters grew by, and how far the
certified counts are from it. Prometheus alone certifies nothing: its counters reset and its sums
are extrapolated."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

import msgspec

from award.evidence.certified import CertifiedYear

TOLERANCE = Decimal("0.02")
_PLACES = Decimal("0.000001")


class WitnessedDay(msgspec.Struct, frozen=True, array_like=True):
    """None where Prometheus has no sample of the day."""

    day: date
    registrations: int | None
    resolutions: int | None


class Witness(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the counters grew by between the two ends, day by day."""

    source: str  # host and port, no credentials
    first: date
    last: date
    queries: tuple[str, ...]  # as they were asked, for who wants to ask again
    days: tuple[WitnessedDay, ...]

    @property
    def registrations(self) -> int:
        return sum(one.registrations or 0 for one in self.days)

    @property
    def resolutions(self) -> int:
        return sum(one.resolutions or 0 for one in self.days)

    @property
    def silent(self) -> int:
        """Days without any sample."""
        return sum(one.registrations is None and one.resolutions is None for one in self.days)


class Comparison(msgspec.Struct, frozen=True):
    """One series by both. `difference` is their distance by the larger of them."""

    title: str
    certified: int
    witnessed: int
    difference: Decimal
    within: bool


class Agreement(StrEnum):
    WITHIN = "within"
    BEYOND = "beyond"
    NONE = "none"  # there is no witness

    @property
    def chinese(self) -> str:
        return _CHINESE[self]


_CHINESE = {
    Agreement.WITHIN: "相互印证，差异在容许范围之内",
    Agreement.BEYOND: "差异超出容许范围，不予认证",
    Agreement.NONE: "无独立交叉核对",
}


class CrossCheck(msgspec.Struct, frozen=True, kw_only=True):
    tolerance: Decimal
    agreement: Agreement
    comparisons: tuple[Comparison, ...] = ()
    witness: Witness | None = None


def cross_check(
    year: CertifiedYear, witness: Witness | None, tolerance: Decimal = TOLERANCE
) -> CrossCheck:
    """Hold a year's counts against what the witness saw."""
    if witness is None:
        return CrossCheck(tolerance=tolerance, agreement=Agreement.NONE)
    comparisons = (
        _compare("新增标识注册量", year.registrations.gross, witness.registrations, tolerance),
        _compare("收到的解析请求", year.resolutions.received, witness.resolutions, tolerance),
    )
    within = all(one.within for one in comparisons)
    return CrossCheck(
        tolerance=tolerance,
        agreement=Agreement.WITHIN if within else Agreement.BEYOND,
        comparisons=comparisons,
        witness=witness,
    )


def _compare(title: str, certified: int, witnessed: int, tolerance: Decimal) -> Comparison:
    larger = max(certified, witnessed)
    exact = Decimal(abs(certified - witnessed)) / larger if larger else Decimal(0)
    shown = exact.quantize(_PLACES, ROUND_HALF_UP)
    return Comparison(title, certified, witnessed, shown, exact <= tolerance)
