"""The journal of a closed day: its hash, by which it can be held to what was stated."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date

from metrics.closing import store
from metrics.counting.recount import part_of
from metrics.counting.stream import Part
from registry.database import Connection


@dataclass(frozen=True, slots=True)
class JournalDay:
    records: int
    digest: bytes


async def digest_of(tx: Connection, part: Part) -> JournalDay:
    """SHA-256 over a part of the journal: for each writer, by number, a line with its number and
    the first position, then its records as they were noted. Within a transaction."""
    digest, records, writer = hashlib.sha256(), 0, None
    async for piece in store.part(tx, part):
        start = max(piece.position, part.start.get(piece.writer, 0))
        found = piece.between(start, part.end[piece.writer])
        if not len(found):
            continue
        if piece.writer != writer:
            writer = piece.writer
            digest.update(f"{writer} {start}\n".encode())
        digest.update(found.tobytes())
        records += len(found)
    return JournalDay(records, digest.digest())


async def journal_of(tx: Connection, day: date) -> JournalDay:
    """A closed day's journal as it is now. Within a transaction."""
    return await digest_of(tx, await part_of(tx, day))
