"""What counting costs: resolutions with a journal and without, and a keeper's round."""

from __future__ import annotations

import os
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np

from loadtests.resolution import CACHED, drive
from metrics.counting.sums import NOTHING, Sums, judge
from metrics.journal.entry import RECORD, Kind, Outcome

PAIRS = 6
SECONDS = 2.0  # of a turn
REST = 2.5  # seconds after a turn, in which what it left is shipped and counted
RECORDS = 1_000_000


class Side(NamedTuple):
    """A node under test and its process."""

    url: str
    pid: int


class Turn(NamedTuple):
    rate: float
    processor: float  # the process's microseconds for an answer


class Cost(NamedTuple):
    """Medians of each side, and of what both came to in turns that followed one another."""

    noted: Turn
    unnoted: Turn
    rate: float  # noted through unnoted
    processor: float


def cost(noted: Side, unnoted: Side, pattern: str) -> Cost:
    """Short turns, two at a time, each side first in every other pair: what else the machine does
    meets both alike."""
    for side in (noted, unnoted):
        drive(side.url, pattern, CACHED, 1.0)
    pairs = []
    for number in range(PAIRS):
        order = (noted, unnoted) if number % 2 else (unnoted, noted)
        turns = {side: _turn(side, pattern) for side in order}
        pairs.append((turns[noted], turns[unnoted]))
    with_it, without = zip(*pairs, strict=True)
    return Cost(
        _median(with_it),
        _median(without),
        median(one.rate / other.rate for one, other in pairs),
        median(one.processor / other.processor for one, other in pairs),
    )


def _turn(side: Side, pattern: str) -> Turn:
    before = _processor_seconds(side.pid)
    rate = drive(side.url, pattern, CACHED, SECONDS).rate
    spent = _processor_seconds(side.pid) - before
    time.sleep(REST)
    return Turn(rate, spent / (rate * SECONDS) * 1e6)


def _median(turns: tuple[Turn, ...]) -> Turn:
    return Turn(median(one.rate for one in turns), median(one.processor for one in turns))


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def round_rate() -> float:
    """Records a second that a keeper judges and sums up."""
    chance = np.random.default_rng(1)
    records = np.zeros(RECORDS, RECORD)
    records["time"] = np.sort(chance.integers(0, 3600 * 10**9, RECORDS))
    for name, many in (("identifier", 50_000), ("client", 2_000), ("address", 2_000)):
        records[name] = _picked(chance, many)
    records["prefix"] = chance.integers(1, 300, RECORDS)
    records["outcome"], records["kind"] = Outcome.FOUND, Kind.EXTERNAL
    owners = np.ones(301, np.uint32)
    started = time.perf_counter()
    for part in np.array_split(records, RECORDS // 100_000):
        Sums().add(part, judge(NOTHING, part, owners, 0).reasons, 0)
    return RECORDS / (time.perf_counter() - started)


def _picked(chance: np.random.Generator, many: int) -> np.ndarray:
    """A value for each record, out of so many."""
    values = np.frombuffer(chance.bytes(16 * many), "V16")
    return values[chance.integers(0, many, RECORDS)]
