"""Recounting: a day's sums from its records, as if they had never been made."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date, timedelta
from typing import TypeAlias

import numpy as np

from metrics.counting import store
from metrics.counting.day import HOUR, end_of, start_of
from metrics.counting.owners import OwnerTable
from metrics.counting.repeat import WINDOW
from metrics.counting.stream import Part
from metrics.counting.sums import NOTHING, Sums, digests, judge
from metrics.journal.entry import Records
from registry.database import Connection

ONE_DAY = timedelta(days=1)


MOST = 2_000_000  # records at a time, more or less
LATE_PIECES = 20  # at a time

# Told of prefixes and shortened hashes of identifiers that were counted, some at a time.
Noted: TypeAlias = Callable[[list[int], list[int]], Awaitable[None]]


class Recount:
    """Of one day, an hour at a time, or less of it where it has very many records: so memory holds
    no more than so many, however many come late."""

    def __init__(
        self,
        connection: Connection,
        owners: OwnerTable,
        day: date,
        part: Part,
        *,
        most: int = MOST,
        noted: Noted | None = None,
    ) -> None:
        """`part` says which records are the day's: those between the close before it and its own,
        or those counted so far. `noted` hears which identifiers were counted."""
        self._connection = connection
        self._owners = owners
        self._day = day
        self._part = part
        self._most = most
        self._noted = noted

    async def sums(self, until: int | None = None) -> Sums:
        """The day's sums, or those up to a time."""
        start = start_of(self._day)
        until = end_of(self._day) if until is None else until
        sums = Sums()
        async for late in self._late(start):
            await self._take(sums, NOTHING, late, start)
        lead = await before_day(self._connection, self._day, start - WINDOW)
        async for begin, end in self._stretches(start, until):
            records = await self._between(begin, end)
            lead = await self._take(sums, lead, records, end)
        return sums

    async def _take(self, sums: Sums, lead: Records, records: Records, until: int) -> Records:
        """The lead of what comes from `until` on."""
        start = start_of(self._day)
        owners = await self._owners.covering(self._connection, records)
        reasons, lead = judge(lead, records, owners, start, until)
        sums.add(records, reasons, start)
        if self._noted is not None and len(records):
            await self._noted(*digests(records, reasons))
        return lead

    async def _between(self, begin: int, end: int) -> Records:
        pieces = await store.pieces(self._connection, begin, end)
        found = self._part.select(pieces)
        within = [one[(one["time"] >= begin) & (one["time"] < end)] for one in found]
        return np.concatenate([NOTHING, *within])

    async def _stretches(self, start: int, until: int) -> AsyncIterator[tuple[int, int]]:
        """Times that follow each other, none with too many records."""
        for begin in range(start, until, HOUR):
            end = min(begin + HOUR, until)
            parts = await store.about(self._connection, begin, end) // self._most + 1
            step = -(-(end - begin) // parts)
            for part in range(begin, end, step):
                yield part, min(part + step, end)

    async def _late(self, start: int) -> AsyncIterator[Records]:
        """Those records of the part that are older than the day, some at a time."""
        after = (0, -1)
        while pieces := await store.late_pieces(
            self._connection, self._part, start, after, LATE_PIECES
        ):
            found = self._part.select(pieces)
            yield np.concatenate([NOTHING, *(one[one["time"] < start] for one in found)])
            after = (pieces[-1].writer, pieces[-1].position)


async def part_of(connection: Connection, day: date) -> Part:
    """The records of a closed day."""
    return Part(
        await store.closed_positions(connection, day - ONE_DAY),
        await store.closed_positions(connection, day),
    )


async def before_day(connection: Connection, day: date, after: int) -> Records:
    """The records of the day before from a time on, but not those that came late to it."""
    start = start_of(day)
    if after >= start:
        return NOTHING
    part = await part_of(connection, day - ONE_DAY)
    found = part.select(await store.pieces(connection, after, start))
    return np.concatenate(
        [NOTHING, *(one[(one["time"] >= after) & (one["time"] < start)] for one in found)]
    )
