"""Shipping: what this process noted, and what dead processes of this machine left, goes into the
database.

Records go in the order in which they were noted, and a position says how many have gone, in the
same transaction. Before that they are on the disk, so a file never holds less than the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import count, pairwise
from pathlib import Path

import asyncpg
import numpy as np
import structlog

from metrics.journal import store
from metrics.journal.berth import Berth, Owner, orphans
from metrics.journal.entry import RECORD_BYTES, records_of
from metrics.journal.journal import Journal, Stretch
from metrics.journal.segment import ForeignFile
from metrics.journal.store import PieceRow
from registry.database import DATABASE_AWAY, Connection, Database

PERIOD = 1.0  # seconds: what a power cut can cost
PIECE_RECORDS = 50_000
ROTATE_EVERY = 3600  # periods
HOUR = 3600 * 10**9  # nanoseconds
ORPHANS_EVERY = 2  # periods

log = structlog.get_logger()


class Shipper:
    """Ships for one process."""

    def __init__(
        self, database: Database, journal: Journal, berth: Berth, node: str, period: float = PERIOD
    ) -> None:
        self._database = database
        self._journal = journal
        self._berth = berth
        self._root = berth.folder.parent
        self._node = node
        self._period = period
        self._shipped = 0
        self._sure = True  # that the database has no more than that
        self._foreign: set[Path] = set()

    async def run(self) -> None:
        """Ship until cancelled. While the database is away the files hold what is noted."""
        for turn in count():
            try:
                self._journal.prepare()
                if turn % ROTATE_EVERY == ROTATE_EVERY - 1:
                    self._journal.rotate()
                await self.ship()
                if turn % ORPHANS_EVERY == 0:
                    await self.adopt()
            except (asyncpg.PostgresError, *DATABASE_AWAY) as error:
                log.warning("journal-not-shipped", error=type(error).__name__)
            await asyncio.sleep(self._period)

    async def ship(self, *, ended: bool = False) -> None:
        """Ship all that has been noted until now."""
        if not self._sure:
            self._shipped = max(self._shipped, await self._held())
        self._sure = False  # what fails here may be committed all the same
        position, moment = self._journal.mark()
        for segment in self._journal.unsynced(self._shipped):
            await asyncio.to_thread(segment.sync)
        while self._shipped < position:
            end = min(position, self._shipped + PIECE_RECORDS)
            for piece in pieces_of(self._journal.stretch(self._shipped, end)):
                # All that is older than the piece's last record is here then.
                await self._send(self._journal.writer, [piece], piece.last_time, ended=False)
                self._shipped = piece.position + piece.count
        await self._send(self._journal.writer, [], moment, ended=ended)
        self._sure = True
        for segment in self._journal.let_go(self._shipped):
            await _aside(segment.remove)

    async def _held(self) -> int:
        """How many of this process's records the database has."""
        writer = self._journal.writer
        known = await self._database.transaction(partial(store.shipped, writer=writer))
        return 0 if known is None else known[1]

    async def finish(self) -> None:
        """Ship the rest, once nothing more is noted, and remove the files. Where the database is
        away they stay, for the next process."""
        try:
            await self.ship(ended=True)
        except (asyncpg.PostgresError, *DATABASE_AWAY) as error:
            log.warning("journal-not-shipped", error=type(error).__name__)
            self._journal.close()
            self._berth.release()
        else:
            self._journal.close()
            self._berth.remove()

    async def adopt(self) -> None:
        """Ship what processes left that were killed."""
        for writer, berth in orphans(self._root, self._node):
            try:
                done = await self._adopt(writer, berth)
            except BaseException:
                berth.release()
                raise
            if done:
                berth.remove()
                log.info("journal-adopted", writer=writer)
            else:
                berth.release()

    async def _adopt(self, writer: int, berth: Berth) -> bool:
        """Ship the rest of a dead writer's journal; whether that went well."""
        if berth.folder in self._foreign:
            return False
        known = await self._database.transaction(partial(store.shipped, writer=writer))
        try:
            if known is None:
                raise ForeignFile(f"the database knows no writer {writer}")
            nonce, start = known
            left = berth.stretches(Owner(self._node, writer, nonce), start)
            stretch = await asyncio.to_thread(next, left, None)
        except ForeignFile as error:
            self._foreign.add(berth.folder)  # said once, and left alone
            log.error("journal-foreign", folder=berth.folder.name, reason=str(error))
            return False
        while stretch is not None:
            for piece in pieces_of(stretch):
                await self._send(writer, [piece], piece.last_time, ended=False)
            stretch = await asyncio.to_thread(next, left, None)
        await self._send(writer, [], 0, ended=True)
        return True

    async def _send(
        self, writer: int, pieces: list[PieceRow], watermark: int, *, ended: bool
    ) -> None:
        async def work(tx: Connection) -> None:
            await store.ship(tx, writer, pieces, watermark=watermark, ended=ended)

        await self._database.transaction(work)


async def _aside(work: Callable[[], None]) -> None:
    """Do it in a thread, since a file system may take its time. It has ended when this returns,
    even where this is cancelled."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        raise


def pieces_of(stretch: Stretch) -> list[PieceRow]:
    """A stretch in pieces of a size that can be sent. None spans a full hour, so that a reader
    knows where to look for a time."""
    times = records_of(stretch.records)["time"]
    hours = (np.flatnonzero(np.diff(times // HOUR)) + 1).tolist()
    cuts = sorted({*range(0, len(times), PIECE_RECORDS), *hours, len(times)})
    return [
        _piece(
            Stretch(
                stretch.position + start,
                stretch.records[start * RECORD_BYTES : end * RECORD_BYTES],
            )
        )
        for start, end in pairwise(cuts)
    ]


def _piece(stretch: Stretch) -> PieceRow:
    times = records_of(stretch.records)["time"]
    return PieceRow(stretch.position, len(times), int(times[0]), int(times[-1]), stretch.records)
