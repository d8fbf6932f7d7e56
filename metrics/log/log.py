"""The logs of a node: one for statements, one for the registrations of each year in Shanghai."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from zoneinfo import ZoneInfo

from metrics.log.checkpoint import Checkpoint

SHANGHAI = ZoneInfo("Asia/Shanghai")


class Kind(IntEnum):
    STATEMENTS = 1
    REGISTRATIONS = 2


@dataclass(frozen=True, slots=True)
class Log:
    """A log as the database has it. `generation` counts successors: see `succession`."""

    log_id: int
    kind: Kind
    year: int  # 0 for statements
    generation: int
    name: str  # in URLs, and the end of its origin
    size: int
    root: bytes
    closed_at: datetime | None = None

    def over(self, closed_until: datetime) -> bool:
        """Whether no registration can fall into its year any more, and it is still open."""
        ended = self.kind is Kind.REGISTRATIONS and closed_until >= year_end(self.year)
        return ended and self.closed_at is None

    def checkpoint(self, origin: str) -> Checkpoint:
        """Of all leaves, under the node's origin."""
        return Checkpoint(f"{origin}/{self.name}", self.size, self.root)


def name_of(kind: Kind, year: int, generation: int) -> str:
    """statements, registrations-2026, and for a successor registrations-2026-2."""
    name = "statements" if kind is Kind.STATEMENTS else f"registrations-{year}"
    return name if generation == 1 else f"{name}-{generation}"


def year_of(at: datetime) -> int:
    """The year in Shanghai."""
    return at.astimezone(SHANGHAI).year


def year_end(year: int) -> datetime:
    """The moment at which a year in Shanghai is over."""
    return datetime(year + 1, 1, 1, tzinfo=SHANGHAI).astimezone(UTC)
