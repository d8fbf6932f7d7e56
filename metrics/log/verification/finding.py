"""What verification finds: faults, each with the first place where it shows, and the figures."""

from __future__ import annotations

import msgspec


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """A rule that does not hold. `leaf` is the first bad leaf where the fault lies in one."""

    log: str
    rule: str
    detail: str
    leaf: int | None = None
    path: str | None = None


class Witnessed(msgspec.Struct, frozen=True):
    """A witness that cosigned, and when (Unix seconds)."""

    name: str
    time: int


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """A log after all of it was read."""

    name: str
    origin: str
    size: int
    root: str
    cosigned: tuple[Witnessed, ...] = ()
    checkpoints: int = 0  # older ones that were found to be its beginning
    backfilled: int = 0
    prefixes: int = 0  # blinded ones, told apart
    days: dict[str, int] = {}  # leaves by day in Shanghai
    demonstration: bool = False


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Everything. It holds good if there are no findings."""

    logs: tuple[Figures, ...]
    findings: tuple[Finding, ...]
    remarks: tuple[str, ...] = ()
    matched: int | None = None  # identifiers of a dump that were matched to their leaves
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        return not self.findings
