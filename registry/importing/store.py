"""SQL of imports: what is known of imported identifiers beside their records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from registry.database import Connection
from registry.record.registration import Method

# SQL for the time at which an identifier `i` of a batch `b` was first registered; if it was brought
# over, where it comes from. That table is asked only where the batch is an import's.
REGISTERED_AT = """CASE b.method WHEN 6
                   THEN (SELECT o.registered_at FROM imported o
                          WHERE o.prefix_id = i.prefix_id AND o.suffix = i.suffix)
                   ELSE b.registered_at END"""


class Origin(msgspec.Struct, frozen=True):
    """Where an imported identifier comes from, and when it was brought over."""

    node: str
    imported_at: datetime


async def note(
    tx: Connection, prefix_id: int, batch_id: int, node: str, times: Mapping[str, datetime]
) -> None:
    """Write down where the identifiers of a new batch come from, and their times by suffix."""
    await tx.execute("INSERT INTO import_batch (batch_id, node) VALUES ($1, $2)", batch_id, node)
    await tx.execute(
        """INSERT INTO imported (prefix_id, suffix, registered_at)
           SELECT $1, suffix, registered_at
             FROM unnest($2::text[], $3::timestamptz[]) AS item(suffix, registered_at)""",
        prefix_id,
        list(times),
        list(times.values()),
    )


async def times(
    connection: Connection, prefix_id: int, suffixes: Sequence[str]
) -> dict[str, datetime]:
    """When these were registered elsewhere; those that were not imported are left out."""
    rows = await connection.fetch(
        "SELECT suffix, registered_at FROM imported WHERE prefix_id = $1 AND suffix = ANY($2)",
        prefix_id,
        suffixes,
    )
    return {row["suffix"]: row["registered_at"] for row in rows}


async def origin(connection: Connection, batch_id: int) -> Origin | None:
    """Where the identifiers of a batch come from; None where they were registered here."""
    row = await connection.fetchrow(
        """SELECT o.node, b.registered_at AS imported_at
             FROM batch b JOIN import_batch o USING (batch_id)
            WHERE b.batch_id = $1 AND b.method = $2""",
        batch_id,
        Method.IMPORT,
    )
    return Origin(**row) if row else None
