"""Sums over records: what the tables hold, and what a recount must give again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metrics.counting.day import HOUR
from metrics.counting.reason import ANSWERED, Owners, Reason, Reasons, reasons_of
from metrics.counting.repeat import WINDOW, Chains
from metrics.journal.client import packed_address
from metrics.journal.entry import RECORD, Records

NOTHING: Records = np.zeros(0, RECORD)
NEVER = 2**63 - 1  # later than any record, nanoseconds


class Cell(NamedTuple):
    """Requests of one hour, prefix and reason."""

    hour: int
    prefix_id: int
    reason: Reason


class Source(NamedTuple):
    """A prefix, and who asked for something under it."""

    prefix_id: int
    address: bytes

    @classmethod
    def shown(cls, prefix_id: int, address: str) -> Source:
        """From the address as people write it; :: is none."""
        return cls(prefix_id, packed_address(address))


@dataclass(slots=True)
class Sums:
    """Of one day, or of a part of it."""

    cells: Counter[Cell] = field(default_factory=Counter)
    requests: Counter[Source] = field(default_factory=Counter)
    answered: Counter[Source] = field(default_factory=Counter)
    counted: Counter[Source] = field(default_factory=Counter)

    def add(self, records: Records, reasons: Reasons, start: int) -> None:
        """Take in records of the day that began at `start`."""
        hours = np.maximum((records["time"] - start) // HOUR, 0)  # late ones: the first hour
        # Hour, prefix and reason as one number, which sorts faster than three.
        cells = hours << 40 | records["prefix"].astype(np.int64) << 8 | reasons
        for cell, count in zip(*_counted(cells), strict=True):
            hour, prefix_id, reason = cell >> 40, cell >> 8 & 0xFFFFFFFF, cell & 0xFF
            self.cells[Cell(hour, prefix_id, Reason(reason))] += count
        here = records["prefix"] != 0
        self._add_sources(records[here], reasons[here])

    def _add_sources(self, records: Records, reasons: Reasons) -> None:
        if not len(records):
            return
        addresses = np.ascontiguousarray(records["address"])
        halves = addresses.view(np.uint64).reshape(-1, 2)
        prefixes = records["prefix"]
        # By one number that stands for address and prefix. Should two sources have the same, one of
        # them comes in several lots, which are added up all the same.
        order = np.argsort(halves[:, 0] + halves[:, 1] * np.uint64(prefixes.max() + 1) + prefixes)
        keys = np.column_stack([prefixes.astype(np.uint64), halves])[order]
        first = np.flatnonzero(np.r_[True, (keys[1:] != keys[:-1]).any(axis=1)])
        columns = (
            np.ones(len(records), np.int64),
            np.isin(reasons, ANSWERED).astype(np.int64),
            (reasons == Reason.COUNTED).astype(np.int64),
        )
        sums = [np.add.reduceat(column[order], first).tolist() for column in columns]
        for place, requests, answered, counted in zip(order[first].tolist(), *sums, strict=True):
            source = Source(int(prefixes[place]), addresses[place].tobytes())
            self.requests[source] += requests
            self.answered[source] += answered
            self.counted[source] += counted

    def merge(self, other: Sums) -> None:
        """Take in the sums of further records of the same day."""
        self.cells.update(other.cells)
        self.requests.update(other.requests)
        self.answered.update(other.answered)
        self.counted.update(other.counted)

    @property
    def totals(self) -> Counter[Reason]:
        """Requests by reason."""
        found: Counter[Reason] = Counter()
        for cell, count in self.cells.items():
            found[cell.reason] += count
        return found


class Judgement(NamedTuple):
    """What became of records. `lead` is what may make those that come from `until` on repeats."""

    reasons: Reasons
    lead: Records


def judge(
    lead: Records, records: Records, owners: Owners, start: int, until: int = NEVER
) -> Judgement:
    """Of records of the day that began at `start`. `lead` are those of the 30 seconds before, which
    have been judged and may make these repeats."""
    both = np.concatenate([lead, records])
    reasons = reasons_of(both, owners)
    late = np.flatnonzero(records["time"] < start) + len(lead)
    reasons[late] = Reason.LATE
    candidates = np.flatnonzero(reasons == Reason.COUNTED)
    found = both[candidates]
    chains = Chains(found)
    reasons[candidates[chains.repeats]] = Reason.REPEAT
    latest = found[chains.latest]
    return Judgement(reasons[len(lead) :], latest[latest["time"] >= until - WINDOW])


def digests(records: Records, reasons: Reasons) -> tuple[list[int], list[int]]:
    """Prefixes and shortened hashes of the identifiers that were counted, each once."""
    counted = records[reasons == Reason.COUNTED]
    raw = np.ascontiguousarray(counted["identifier"]).view(np.int64).reshape(-1, 2)[:, 0]
    pairs = np.unique(np.stack([counted["prefix"].astype(np.int64), raw], axis=1), axis=0)
    return pairs[:, 0].tolist(), pairs[:, 1].tolist()


def _counted(values: NDArray[np.int64]) -> tuple[list[int], list[int]]:
    """Different values, and how often each is there."""
    found, counts = np.unique(values, return_counts=True)
    return found.tolist(), counts.tolist()
