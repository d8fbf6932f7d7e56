"""COUNTER's vector through real journals: 15 pairs under and 15 over 30 s make 45, wherever the two
of a pair stand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from metrics.closing.closer import Closer
from metrics.counting import store as counting
from metrics.counting.counter import Counter
from metrics.counting.day import DAY as A_DAY
from metrics.counting.day import SECOND
from metrics.counting.owners import OwnerTable
from metrics.counting.reason import Reason
from metrics.counting.recount import Recount, part_of
from metrics.journal import store
from metrics.journal.berth import Berth
from metrics.journal.entry import Outcome, Surface
from metrics.journal.journal import Journal
from metrics.journal.shipper import Shipper
from tests.metrics.counting.conftest import DAY, PREFIX, START, Bureau
from tests.metrics.journal.conftest import ANYONE, SMALL, Clock

NODE = "0000"
NEXT = DAY + timedelta(days=1)
PAIRS, UNDER, OVER = 30, 29.999, 30.0


@dataclass
class Process:
    journal: Journal
    shipper: Shipper
    folder: Path

    def note(self, name: str) -> None:
        self.journal.note(
            self.journal.digest(name), ANYONE, Outcome.FOUND, Surface.V1, prefix_id=PREFIX
        )

    @property
    def segment(self) -> int:
        """The number of the file that is written."""
        return max(int(path.stem) for path in self.folder.glob("*.journal"))


@pytest.fixture
async def processes(bureau: Bureau, tmp_path: Path) -> tuple[Clock, list[Process]]:
    clock, made = Clock(START), []
    for _ in range(2):
        async with bureau.database.connection() as connection:
            writer = await store.add_writer(connection, "host", 1, clock.now)
        berth = Berth.make(tmp_path, NODE, writer)
        journal = Journal(
            berth.folder, node=NODE, writer=writer, key=b"k" * 32, clock=clock, segment_bytes=SMALL
        )
        made.append(Process(journal, Shipper(bureau.database, journal, berth, NODE), berth.folder))
    return clock, made


@pytest.mark.parametrize("across", [False, True], ids=["one process", "two processes"])
@pytest.mark.parametrize("ship_between", [False, True])
@pytest.mark.parametrize("straddling", [7, 22], ids=["pair under", "pair over"])
async def test_pairs_straddle_segments_and_midnight(
    bureau: Bureau,
    processes: tuple[Clock, list[Process]],
    across: bool,
    ship_between: bool,
    straddling: int,
) -> None:
    """Every pair has the end of a segment file between its two, and one has midnight."""
    clock, (first, other) = processes
    second = other if across else first
    begin = START + A_DAY - 10 * SECOND - straddling * 100 * SECOND

    async def ship() -> None:
        for process in (first, other):
            await process.shipper.ship()

    for number in range(PAIRS):
        clock.now = begin + number * 100 * SECOND
        first.note(f"N{number}")
        if ship_between:
            await ship()
            await _count(bureau)
        first.journal.rotate()
        second.journal.rotate()
        clock.now += round((UNDER if number < PAIRS // 2 else OVER) * SECOND)
        second.note(f"N{number}")
    clock.now += 60 * SECOND
    await ship()
    await _count(bureau)
    assert first.segment == PAIRS
    today, tomorrow = await bureau.totals(), await bureau.totals(NEXT)
    assert _sum(today, Reason.COUNTED) + _sum(tomorrow, Reason.COUNTED) == 45
    assert _sum(today, Reason.REPEAT) + _sum(tomorrow, Reason.REPEAT) == 15
    # The straddling pair's first is the day's last; its second is the next day's first.
    over = max(0, straddling - 15)
    assert _sum(today, Reason.COUNTED) == straddling + 1 + over
    assert _sum(today, Reason.REPEAT) == min(straddling, 15)
    async with bureau.database.connection() as connection:
        part = await part_of(connection, DAY)
        recounted = await Recount(connection, OwnerTable(), DAY, part).sums()
        assert recounted == await counting.sums_of(connection, DAY)
    for process in (first, other):
        process.journal.close()


def _sum(totals: dict[Reason, int], reason: Reason) -> int:
    return totals.get(reason, 0)


async def _count(bureau: Bureau) -> None:
    """Count what can be counted, close the day if it is over, and go on as a new keeper."""
    await bureau.rounds()
    await Closer(bureau.database, bytes).close()
    bureau.counter = Counter(OwnerTable())
    await bureau.rounds()
