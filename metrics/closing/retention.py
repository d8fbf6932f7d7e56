"""Keeping journals: compressed once their day is closed, and removed when nothing needs them.

The law wants 180 days. What stands behind an award is kept until the operator releases its year,
after payment and audit, and at the longest as many days as the settings say.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import partial

from metrics.closing import store
from metrics.counting.day import SHANGHAI, start_of
from metrics.counting.recount import part_of
from metrics.counting.repeat import WINDOW
from metrics.counting.stream import Piece, pack
from registry.database import Connection, Database

BY_LAW = timedelta(days=180)


class Retention:
    """For the keeper's one task, which gives it a database behind its fence. `days` is the longest
    that a journal is kept."""

    def __init__(
        self,
        database: Database,
        now: Callable[[], datetime],
        days: int,
    ) -> None:
        self._database = database
        self._now = now
        self._longest = timedelta(days=days)

    async def work(self) -> None:
        """Compress what was closed, and remove what is old enough."""
        async with self._database.connection() as connection:
            days = await store.unpacked(connection)
        for day in days:
            await self.pack(day)
        today = self._now().astimezone(SHANGHAI).date()
        await self._forget(None, today - self._longest)
        async with self._database.connection() as connection:
            released = await store.released(connection)
        for year in released:
            last = min(date(year + 1, 1, 1), today - BY_LAW)
            await self._forget(date(year, 1, 1), last)

    async def pack(self, day: date) -> None:
        """Put a closed day's pieces together by writer and hour, and compress them."""
        async with self._database.connection() as connection:
            part = await part_of(connection, day)
        for writer, end in part.end.items():
            start = part.start.get(writer, 0)
            while start < end:
                start = await self._database.transaction(
                    partial(_pack, writer=writer, start=start, end=end)
                )
        await self._database.transaction(lambda tx: store.note_packed(tx, day))

    async def _forget(self, since: date | None, before: date) -> None:
        """Remove days. The end of the last one stays for a while: what repeats it is the next
        day's, and could not be recounted without."""
        after = 0 if since is None else start_of(since)
        until = start_of(before) - WINDOW
        while await self._database.transaction(lambda tx: store.forget(tx, after, until)):
            pass


async def _pack(tx: Connection, writer: int, start: int, end: int) -> int:
    """Pack pieces that follow each other within an hour; the position after them."""
    pieces = await store.hour_of(tx, writer, start, end)
    if not pieces:
        return end
    run = [pieces[0]]
    for piece in pieces[1:]:
        if piece.position != run[-1].end:
            break
        run.append(piece)
    if len(run) > 1 or not run[0].packed:
        raw = b"".join(piece.raw for piece in run)
        count = sum(piece.count for piece in run)
        packed = Piece(writer, run[0].position, count, True, pack(raw))
        await store.replace_pieces(tx, packed)
    return run[-1].end
