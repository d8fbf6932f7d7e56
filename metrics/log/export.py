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
from metrics.log.log import Kind, Log
from metrics.log.merkle import HASH_BYTES
from metrics.log.note import VerifierKey
from metrics.log.statement import LOG_KEYS, Statement
from metrics.log.store import Published
from metrics.log.tile import ENTRIES, WIDTH, Tile, bundles, first_entries, tiles, unpack
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
    stated = await _stated_keys(connection, logs)
    keys = dict.fromkeys(
        key for one in done for own in [log_keys(one.name)] for key in (*own, *_as_of(own, stated))
    )
    lines = [f"log {key}\n" for key in keys]
    lines += [f"witness {key}\n" for key in witnesses]
    _write(folder / KEYS, "".join(lines).encode())
    return done


def _as_of(own: Sequence[VerifierKey], stated: Sequence[VerifierKey]) -> list[VerifierKey]:
    """Keys that signed once, under the name of a log: old checkpoints have no other signature."""
    return [VerifierKey(own[0].name, key.kind, key.key) for key in stated] if own else []


async def _stated_keys(connection: Connection, logs: Sequence[Log]) -> list[VerifierKey]:
    """All keys that the node has stated to sign with, the retired ones included."""
    found: dict[VerifierKey, None] = {}
    for log in logs:
        published = await store.published(connection, log.log_id)
        if log.kind is not Kind.STATEMENTS or published is None:
            continue
        for some in _batches(bundles(published.size), AT_ONCE):
            for content in (await store.tiles(connection, log.log_id, some)).values():
                for statement in map(Statement.parse, unpack(content)):
                    if statement.kind == LOG_KEYS:
                        texts = statement.content.get("keys", [])
                        found |= dict.fromkeys(map(VerifierKey.parse, texts))
    return list(found)


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
