"""Proofs out of a log's tiles in the database."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TypeVar

from metrics.log import store
from metrics.log.fault import LogFault
from metrics.log.log import Log
from metrics.log.merkle import ReadSubtree, Subtree
from metrics.log.tile import Tile, home, subtree_reader
from registry.database import Connection

T = TypeVar("T")


async def prove(connection: Connection, log: Log, size: int, make: Callable[[ReadSubtree], T]) -> T:
    """What `make` makes of a log's first `size` leaves. It is called twice: first to find out which
    tiles it needs, which are then read at once. Raises LogFault for a tile that is missing."""
    wanted: set[Tile] = set()

    def note(subtree: Subtree) -> bytes:
        wanted.add(home(subtree, size)[0])
        return b""

    make(note)
    contents = await store.tiles(connection, log.log_id, sorted(wanted))

    def hashes_of(tile: Tile) -> bytes:
        content = contents.get((tile.level, tile.index))
        if content is None:
            raise LogFault(f"{tile.path} is missing", field=tile.path, rule="tile-missing")
        return content

    return make(cache(subtree_reader(size, hashes_of)))
