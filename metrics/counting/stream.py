"""Reading the journal back from the database."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from metrics.journal.entry import RECORD_BYTES, Records, records_of

Positions = Mapping[int, int]  # by writer


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

    def between(self, start: int, end: int) -> Records:
        """Those of its records that stand from `start` up to `end` in the writer's journal."""
        whole = records_of(self.raw)
        return whole[max(0, start - self.position) : max(0, end - self.position)]


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
    """Records, compressed column by column: neighbours resemble each other there."""
    columns = np.frombuffer(raw, np.uint8).reshape(-1, RECORD_BYTES).T
    return zlib.compress(columns.tobytes(), 6)


def unpack(packed: bytes) -> bytes:
    columns = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(RECORD_BYTES, -1)
    return columns.T.tobytes()
