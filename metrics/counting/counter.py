"""The keeper's counting: a round takes what all writers have noted up to a time, and puts it into
the sums.

A round is one transaction, which moves the writers' positions and adds to the sums: kill the
keeper anywhere, and nothing is counted twice. It goes up to the oldest watermark of the writers
that are alive, so records are judged in the order of their times, across all of them, and never
beyond the end of the open day. A writer that has been silent for a while is not waited for. What it
brings later is late: as long as its day is open, the day is summed up anew; after that it is listed
as late and does not count.

However much comes late at once, as from a host that was cut off for days, a round holds about as
many records as any other: those of closed days are taken some at a time, and where the open day is
summed up anew, it is read piece by piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from metrics.counting import store
from metrics.counting.day import SECOND, end_of, start_of
from metrics.counting.owners import OwnerTable
from metrics.counting.reason import Owners
from metrics.counting.recount import Recount, before_day
from metrics.counting.repeat import WINDOW
from metrics.counting.store import State, Writer
from metrics.counting.stream import Part, Piece
from metrics.counting.sums import NOTHING, Sums, digests, judge
from metrics.crew import Crew
from metrics.journal.entry import RECORD_BYTES, Records, records_of
from registry.database import Connection
from registry.keeper.fence import Fence, unfenced

PATIENCE = 120.0  # seconds without a sign of life after which a writer is not waited for
# A writer that has just begun is in the table before its first record, by this much at least, and
# the clocks of hosts may differ by as much.
MARGIN = 2 * SECOND
ROUND_RECORDS = 100_000
MUCH = 2000  # records, of which a round is not for the process that answers requests


@dataclass(frozen=True, slots=True)
class Round:
    """What a round did."""

    records: int
    until: int
    more: bool = False  # whether it left some for the next one
    summed_anew: bool = False


@dataclass(frozen=True, slots=True)
class _Taken:
    """What a round takes: raw records, of each piece some, and where the writers stand then."""

    raw: list[bytes]
    positions: dict[int, int]

    @property
    def count(self) -> int:
        return sum(map(len, self.raw)) // RECORD_BYTES

    def any_before(self, time: int) -> bool:
        return any((records_of(one)["time"] < time).any() for one in self.raw)


class Counter:
    """For one task. Between rounds it remembers who asked for what in the last 30 seconds, which it
    could read again. Large rounds are worked out by the `crew`."""

    def __init__(
        self,
        owners: OwnerTable,
        *,
        crew: Crew | None = None,
        patience: float = PATIENCE,
        margin: int = MARGIN,
        most: int = ROUND_RECORDS,
        fence: Fence = unfenced,
    ) -> None:
        self._owners = owners
        self._crew = crew or Crew()
        self._fence = fence
        self._patience = patience
        self._margin = margin
        self._most = most
        self._lead: tuple[int, Records] | None = None  # what comes before a time

    async def round(self, tx: Connection) -> Round:
        """Count what can be counted now. Raises TermOver."""
        await self._fence(tx)
        state = await store.lock_state(tx)
        now, writers = await store.writers(tx, self._patience)
        reach = self._reach(state, now, writers)
        if reach <= state.counted_until:
            return Round(0, state.counted_until)
        counted = {one.writer: one.counted for one in writers}
        late = await self._take_late(tx, state, counted) or await self._take_in(tx, state, counted)
        if late:
            return late
        # Records of one moment can't be parted.
        until = await store.waiting(tx, state.counted_until, reach, self._most)
        taken = _take(await store.uncounted(tx, until), counted, until)
        if taken.any_before(state.counted_until):
            return Round(0, state.counted_until)  # came late a moment ago: the next round's
        await store.move(tx, until, taken.positions)
        await self._add(tx, state, until, taken)
        return Round(taken.count, until, more=until < reach)

    def _reach(self, state: State, now: int, writers: list[Writer]) -> int:
        """The time up to which can be counted."""
        marks = [one.watermark for one in writers if one.live]
        return min([now - self._margin, end_of(state.open_day), *marks])

    async def _take_late(
        self, tx: Connection, state: State, counted: dict[int, int]
    ) -> Round | None:
        """List some records of closed days as late; None where there are none."""
        start = start_of(state.open_day)
        taken = _take(await store.uncounted(tx, start, self._most), counted, start)
        if not taken.raw:
            return None
        await store.move(tx, state.counted_until, taken.positions)
        await self._sum_up(tx, state, NOTHING, taken, state.counted_until)
        return Round(taken.count, state.counted_until, more=True)

    async def _take_in(self, tx: Connection, state: State, counted: dict[int, int]) -> Round | None:
        """Sum the open day up anew with what came late to it; None where nothing did."""
        ends = await store.ends_before(tx, state.counted_until)
        positions = {writer: end for writer, end in ends.items() if writer in counted}
        for piece in await store.across(tx, state.counted_until):
            if piece.writer in counted:
                positions |= _take([piece], counted, state.counted_until).positions
        found = sum(end - counted[writer] for writer, end in positions.items())
        if not found:
            return None
        await store.move(tx, state.counted_until, positions)
        self._lead = None
        await self._sum_anew(tx, state, state.counted_until)
        return Round(found, state.counted_until, more=True, summed_anew=True)

    async def _add(self, tx: Connection, state: State, until: int, taken: _Taken) -> None:
        lead = await self._lead_of(tx, state)
        self._lead = None  # until this is committed
        if taken.raw:
            lead = await self._sum_up(tx, state, lead, taken, until)
        self._lead = (until, lead)

    async def _sum_up(
        self, tx: Connection, state: State, lead: Records, taken: _Taken, until: int
    ) -> Records:
        """The lead of what comes from `until` on."""
        for one in taken.raw:
            await self._owners.covering(tx, records_of(one))
        start = start_of(state.open_day)
        task = _Task(lead, taken.raw, self._owners.known, start, until)
        much = len(lead) + taken.count > MUCH
        done = await self._crew.do(_work_out, task, much=much)
        await store.add(tx, state.open_day, done.sums)
        await store.add_resolved(tx, state.open_day, *done.resolved)
        return done.lead

    async def _lead_of(self, tx: Connection, state: State) -> Records:
        """The last 30 seconds before this round."""
        if self._lead is not None and self._lead[0] == state.counted_until:
            return self._lead[1]
        after = state.counted_until - WINDOW
        before = await before_day(tx, state.open_day, after)
        counted = Part(await store.closed_positions(tx, state.yesterday), await store.positions(tx))
        found = counted.select(await store.pieces(tx, after, state.counted_until))
        today = [
            one[
                (one["time"] >= max(after, start_of(state.open_day)))
                & (one["time"] < state.counted_until)
            ]
            for one in found
        ]
        return np.concatenate([NOTHING, before, *today])

    async def _sum_anew(self, tx: Connection, state: State, until: int) -> None:
        """Make the open day's sums from its records, since some came late."""
        part = Part(await store.closed_positions(tx, state.yesterday), await store.positions(tx))
        await store.clear(tx, state.open_day)
        noted = partial(store.add_resolved, tx, state.open_day)
        recount = Recount(tx, self._owners, state.open_day, part, most=self._most, noted=noted)
        await store.add(tx, state.open_day, await recount.sums(until))


class _Task(NamedTuple):
    """What is to be judged and summed up: raw records from before a time, of a day's beginning."""

    lead: Records
    raw: Sequence[bytes]
    owners: Owners
    start: int
    until: int


class _Done(NamedTuple):
    """Its sums, which identifiers were counted, and the lead of the next round."""

    sums: Sums
    resolved: tuple[list[int], list[int]]
    lead: Records


def _work_out(task: _Task) -> _Done:
    records = np.concatenate([NOTHING, *map(records_of, task.raw)])
    reasons, lead = judge(task.lead, records, task.owners, task.start, task.until)
    sums = Sums()
    sums.add(records, reasons, task.start)
    return _Done(sums, digests(records, reasons), lead)


def _take(pieces: list[Piece], counted: dict[int, int], until: int) -> _Taken:
    """Of each writer's records those before a time that have not been counted."""
    taken: list[bytes] = []
    positions: dict[int, int] = {}
    for piece in pieces:
        if piece.writer not in counted:
            continue  # it has begun since: the next round's
        start = max(piece.position, counted[piece.writer])
        fit = int(np.searchsorted(piece.between(start, piece.end)["time"], until))
        if fit:
            taken.append(piece.slice(start, start + fit))
            positions[piece.writer] = start + fit
    return _Taken(taken, positions)
