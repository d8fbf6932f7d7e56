"""Exporting logs as plain files, laid out as they are served (C2SP tlog-tiles).

    <folder>/<log>/checkpoint            the latest one
    <folder>/<log>/checkpoints/<size>    those that were kept, for whoever keeps an older export
    <folder>/<log>/tile/…
    <folder>/keys                        verifier keys: `log …` and `witness …`

Exporting again into the same folder adds what is new. The checkpoint is written last, so a folder
that was left half-way is the older export still.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from metrics.log import store
from metrics.log.fault import LogFault
from metrics.log.log import Log
from metrics.log.merkle import HASH_BYTES
from metrics.log.note import VerifierKey
from metrics.log.store import Published
from metrics.log.tile import ENTRIES, WIDTH, Tile, bundles, first_entries, tiles
from registry.database import Connection

AT_ONCE = 64  # tiles read with one statement
KEYS = "keys"


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written of one log."""

    name: str
    size: int
    files: int


async def export(
    connection: Connection,
    folder: Path,
    log_keys: Callable[[str], Sequence[VerifierKey]],
    witnesses: Sequence[VerifierKey],
    progress: Callable[[str, int, int], None] = lambda name, done, of: None,
) -> list[Exported]:
    """Export every published log. `log_keys` gives the keys that sign a log, by its name."""
    done = []
    logs = await store.logs(connection)
    for log in logs:
        published = await store.published(connection, log.log_id)
        if published is not None:
            files = await _export(connection, log, published, folder / log.name, progress)
            done.append(Exported(log.name, published.size, files))
    lines = [f"log {key}\n" for one in done for key in log_keys(one.name)]
    lines += [f"witness {key}\n" for key in witnesses]
    _write(folder / KEYS, "".join(lines).encode())
    return done


async def _export(
    connection: Connection,
    log: Log,
    published: Published,
    folder: Path,
    progress: Callable[[str, int, int], None],
) -> int:
    wanted = [
        tile
        for tile in chain(bundles(published.size), tiles(published.size))
        if not (folder / tile.path).exists()
    ]
    written = 0
    progress(log.name, 0, len(wanted))
    for some in _batches(wanted, AT_ONCE):
        contents = await store.tiles(connection, log.log_id, some)
        for tile in some:
            content = contents.get((tile.level, tile.index))
            if content is None:
                raise LogFault(f"{tile.path} is missing", field=tile.path, rule="tile-missing")
            _write(folder / tile.path, cut(content, tile))
        written += len(some)
        progress(log.name, written, len(wanted))
    for one in await store.all_published(connection, log.log_id):
        if one.size <= published.size:
            _write(folder / "checkpoints" / str(one.size), one.note.encode())
    _write(folder / "checkpoint", published.note.encode())
    return written


def cut(content: bytes, tile: Tile) -> bytes:
    """A tile as wide as it is asked for, out of one that may have grown."""
    if tile.width == WIDTH:
        return content
    if tile.level == ENTRIES:
        return first_entries(content, tile.width)
    return content[: tile.width * HASH_BYTES]


def _batches(found: Iterable[Tile], count: int) -> Iterable[list[Tile]]:
    rest = iter(found)
    while some := list(islice(rest, count)):
        yield some


def _write(file: Path, content: bytes) -> None:
    """Whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    unfinished.write_bytes(content)
    unfinished.replace(file)
