"""Repeats: a request for the same identifier by the same client less than 30.000 seconds after
that client's previous one for it. The window slides and chains: a client that asks every 29 seconds
counts once, however long it goes on. Adapted from the COUNTER Code of Practice R5.1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metrics.counting.day import SECOND
from metrics.journal.entry import Records

WINDOW = 30 * SECOND
_ODD = np.uint64(0x9E3779B97F4A7C15)


class Chains:
    """Records by client and identifier, in the order of their times. They may be given in any
    order; of two at the very same time one is a repeat."""

    def __init__(self, records: Records) -> None:
        halves = _halves(records)
        times = records["time"]
        mixed = _mixed(halves)
        order = np.lexsort((times, mixed))
        same = _same(halves[order])
        if not (same == (mixed[order[1:]] == mixed[order[:-1]])).all():
            # Two pairs are one number, as happens once in a lifetime, and may alternate.
            order = np.lexsort((times, *halves.T))
            same = _same(halves[order])
        self._order = order
        self._same = same
        self._gaps = np.diff(times[order])

    @property
    def repeats(self) -> NDArray[np.bool_]:
        """Which of the records are repeats of others among them."""
        found = np.zeros(len(self._order), bool)
        found[self._order[1:]] = self._same & (self._gaps < WINDOW)
        return found

    @property
    def latest(self) -> NDArray[np.intp]:
        """Where each client's last request for each identifier stands. What comes later can only
        be a repeat of these."""
        ends = np.append(~self._same, True)[: len(self._order)]
        found: NDArray[np.intp] = self._order[ends]
        return found


def _same(halves: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Whether each but the first is of the client and identifier of the one before."""
    found: NDArray[np.bool_] = (halves[1:] == halves[:-1]).all(axis=1)
    return found


def _mixed(halves: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Client and identifier as one number, which sorts faster than four. Different ones may have
    the same."""
    found: NDArray[np.uint64] = halves[:, 0] * _ODD + halves[:, 2]
    return found


def _halves(records: Records) -> NDArray[np.uint64]:
    """Client and identifier as four numbers, which sort faster than bytes."""
    both = np.empty((len(records), 32), np.uint8)
    both[:, :16] = _bytes(records, "identifier")
    both[:, 16:] = _bytes(records, "client")
    return both.view(np.uint64)


def _bytes(records: Records, name: str) -> NDArray[np.uint8]:
    column = np.ascontiguousarray(records[name])
    return column.view(np.uint8).reshape(len(records), 16)
