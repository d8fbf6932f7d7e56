"""All identifiers whose leaves are published, for whoever has K and is to match one to the other.

A line is an identifier, withdrawn ones included, in its canonical form. Imported ones have no leaf,
and are told apart: `{"handle": "…", "imported": true}`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from metrics.log.dumping import store
from registry.database import Connection
from registry.leaf.leaf import UNCOUNTED

PAGE = 20_000  # identifiers


async def dumped(connection: Connection) -> AsyncIterator[bytes]:
    """The lines, some at a time, on one view of the database: that of the transaction around."""
    unpublished = await store.unpublished_batches(connection, UNCOUNTED)
    after = (0, "")
    while page := await store.identifiers(connection, after, PAGE):
        lines = [
            _line(f"{one.prefix}/{one.suffix}", imported=one.method in UNCOUNTED)
            for one in page
            if one.batch_id not in unpublished
        ]
        yield b"".join(lines)
        after = (page[-1].prefix_id, page[-1].suffix)


def _line(handle: str, *, imported: bool) -> bytes:
    if not imported:
        return handle.encode() + b"\n"
    return msgspec.json.encode({"handle": handle, "imported": True}) + b"\n"
