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


def repeats(records: Records) -> NDArray[np.bool_]:
    """Which of these are repeats of others among them. They need not be in order; of two at the
    very same time one is a repeat."""
    found = np.zeros(len(records), bool)
    if len(records) < 2:
        return found
    halves = _halves(records)
    order = np.lexsort((records["time"], *halves.T))
    sorted_halves = halves[order]
    same = (sorted_halves[1:] == sorted_halves[:-1]).all(axis=1)
    gaps = np.diff(records["time"][order])
    found[order[1:]] = same & (gaps < WINDOW)
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
