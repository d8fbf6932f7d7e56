"""Reading the journal back from the database."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from metrics.journal.entry import RECORD, RECORD_BYTES, Records, records_of

Positions = Mapping[int, int]  # by writer
_COLUMNS = RECORD.names or ()


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of a writer's records, one after the other."""

    writer: int
    position: int
    count: int
    packed: bool
    records: bytes

    @property
    def end(self) -> int:
        return self.position + self.count

    @property
    def raw(self) -> bytes:
        """The records as they were noted."""
        return unpack(self.records) if self.packed else self.records

    def slice(self, start: int, end: int) -> bytes:
        """Those of its records that stand from `start` up to `end` in the writer's journal."""
        first, last = max(0, start - self.position), max(0, end - self.position)
        return self.raw[first * RECORD_BYTES : last * RECORD_BYTES]

    def between(self, start: int, end: int) -> Records:
        """The same as an array."""
        return records_of(self.slice(start, end))


@dataclass(frozen=True, slots=True)
class Part:
    """A part of all journals: of each writer the records from a position up to another. Writers
    without an end have nothing in it, and those without a start begin at 0."""

    start: Positions
    end: Positions

    def select(self, pieces: Sequence[Piece]) -> list[Records]:
        """The records of the pieces that are in this part, a piece at a time."""
        return [
            piece.between(self.start.get(piece.writer, 0), self.end[piece.writer])
            for piece in pieces
            if piece.writer in self.end
        ]


def pack(raw: bytes) -> bytes:
    """Records, compressed column by column, since neighbours resemble each other there: hashes and
    addresses whole, numbers a byte of each record at a time."""
    return zlib.compress(b"".join(_column(records_of(raw), name) for name in _COLUMNS), 6)


def unpack(packed: bytes) -> bytes:
    columns = zlib.decompress(packed)
    records = np.empty(len(columns) // RECORD_BYTES, RECORD)
    start = 0
    for name in _COLUMNS:
        kind = RECORD[name]
        end = start + len(records) * kind.itemsize
        column = np.frombuffer(columns[start:end], np.uint8)
        if kind.kind != "V":
            column = np.ascontiguousarray(column.reshape(kind.itemsize, -1).T)
        records[name] = column.view(kind).reshape(-1)
        start = end
    return records.tobytes()


def _column(records: Records, name: str) -> bytes:
    column = np.ascontiguousarray(records[name])
    if RECORD[name].kind == "V":
        return column.tobytes()
    return column.view(np.uint8).reshape(len(records), -1).T.tobytes()
