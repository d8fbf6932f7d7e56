"""Where a node stands, as its database says at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from metrics.counting.reason import Reason
from metrics.log.log import Kind
from registry.record.registration import Method


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over a stretch of days. Sums of stretches that follow each other may be added."""

    created: Mapping[Method, int] = field(default_factory=dict)  # imports are not new
    revived: int = 0
    withdrawn: int = 0
    created_this_year: int = 0
    counted_this_year: int = 0  # resolutions

    def __add__(self, other: Sums) -> Sums:
        methods = self.created.keys() | other.created.keys()
        return Sums(
            {one: self.created.get(one, 0) + other.created.get(one, 0) for one in methods},
            self.revived + other.revived,
            self.withdrawn + other.withdrawn,
            self.created_this_year + other.created_this_year,
            self.counted_this_year + other.counted_this_year,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStanding:
    """One kind of log."""

    size: int = 0  # of all logs of this kind; of a log and its successors the last
    waiting: int = 0  # entries that are owed and not yet in it
    unpublished: int = 0  # entries in it that no published checkpoint covers
    owed_since: datetime | None = None  # the oldest entry that waits
    published_at: datetime | None = None  # the last checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    at: datetime
    year: int
    sums: Sums
    requests: Mapping[Reason, int]  # the most that each sum has been: it never goes back
    counted_until: datetime  # all that was journalled before is counted
    open_day_ends: datetime  # the first day that is not closed
    alarms: int  # closes that the sums don't bear out
    active_prefixes: int
    logs: Mapping[Kind, LogStanding]


@dataclass(frozen=True, slots=True)
class Closed:
    """The sums up to a closed day, which never change again."""

    last: date | None
    year: int
    sums: Sums


@dataclass(frozen=True, slots=True)
class Settled:
    """What moved since a closed day and before a time before which nothing can come any more."""

    closed: Closed
    until: datetime
    sums: Sums = field(default_factory=Sums)
