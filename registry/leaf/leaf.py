"""Leaves owed to the certified log: a batch's, written in the transaction that registers it.

What a leaf is made of is the log's own business, so the maker is passed in. Only identifiers never
seen before have leaves: revived and imported ones have none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from registry.database import Connection
from registry.errors import Unavailable
from registry.leaf import store
from registry.record.registration import Method

LEAF_BYTES = 64  # of what the maker makes for each
UNCOUNTED = frozenset({Method.IMPORT})
TURN = 500  # leaves made without letting other tasks have their turn


class LogKeysMissing(Unavailable):
    kind = "log-keys-missing"
    title = "This database keeps a certified log, and this process has no keys of it"


@dataclass(frozen=True, slots=True)
class Batch:
    """What the leaves of a batch share, apart from their time."""

    batch_id: int
    prefix: str  # canonical
    method: int
    actor: str


MakeLeaves: TypeAlias = Callable[[Batch, Sequence[str]], bytes]


async def owe(
    tx: Connection, make: MakeLeaves | None, batches: Mapping[Batch, Sequence[str]]
) -> None:
    """Write down what the log is owed for new identifiers, given by their canonical suffixes.
    Without a maker no log is kept yet, and it is made good when there is one. Raises LogKeysMissing
    where one is kept: from its first statement on nothing is registered without a leaf."""
    counted = {
        batch: suffixes
        for batch, suffixes in batches.items()
        if suffixes and batch.method not in UNCOUNTED
    }
    if not counted:
        return
    if make is None:
        if await store.log_is_kept(tx):
            raise LogKeysMissing(
                "nothing can be registered without a leaf in the log: give this process the "
                "settings log_keys_folder and log_origin"
            )
        return
    owed = {batch.batch_id: await _made(make, batch, some) for batch, some in counted.items()}
    await store.owe(tx, owed)


async def _made(make: MakeLeaves, batch: Batch, suffixes: Sequence[str]) -> bytes:
    if len(suffixes) <= TURN:
        return make(batch, suffixes)
    parts = []
    for start in range(0, len(suffixes), TURN):
        parts.append(make(batch, suffixes[start : start + TURN]))
        await asyncio.sleep(0)
    return b"".join(parts)
