"""SQL of the walk through old registrations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from registry.database import Connection
from registry.leaf.leaf import Batch


@dataclass(frozen=True, slots=True)
class Place:
    """How far the walk has come: the last identifier looked at, how many pages that were and how
    many leaves they gave; and whether it has come to its end."""

    prefix_id: int
    suffix: str
    page: int
    leaves: int
    walked: bool


@dataclass(frozen=True, slots=True)
class Old:
    """An identifier that the walk comes by, and its batch where that lacks leaves."""

    prefix_id: int
    suffix: str
    batch: Batch | None


async def place(tx: Connection) -> Place | None:
    """None where no walk is under way."""
    row = await tx.fetchrow("SELECT prefix_id, suffix, page, leaves, walked FROM leaf_backfill")
    return None if row is None else Place(*row.values())


async def closed(tx: Connection) -> bool:
    """Whether the walk was done and stated."""
    found: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT FROM leaf_key WHERE backfill_closed_at IS NOT NULL)"
    )
    return found


async def begin(tx: Connection, uncounted: Iterable[int]) -> Place:
    """Note which batches lack leaves, and begin the walk; where none does it is over already."""
    await tx.execute(
        """INSERT INTO leaf_missing (batch_id)
           SELECT batch_id FROM batch b
            WHERE created > 0 AND method <> ALL($1)
              AND NOT EXISTS (SELECT FROM log_span s WHERE s.batch_id = b.batch_id)
              AND NOT EXISTS (SELECT FROM leaf_owed o WHERE o.batch_id = b.batch_id)""",
        sorted(uncounted),
    )
    walked: bool = await tx.fetchval(
        """INSERT INTO leaf_backfill (walked) SELECT NOT EXISTS (SELECT FROM leaf_missing)
           RETURNING walked"""
    )
    return Place(0, "", 0, 0, walked)


async def page(tx: Connection, place: Place, limit: int) -> list[Old]:
    """The next identifiers by their key; none at the end."""
    rows = await tx.fetch(
        """SELECT i.prefix_id, i.suffix, m.batch_id, p.prefix, b.method, b.actor
             FROM (SELECT prefix_id, suffix, batch_id FROM identifier
                    WHERE (prefix_id, suffix) > ($1, $2)
                    ORDER BY prefix_id, suffix LIMIT $3) AS i
             LEFT JOIN leaf_missing m USING (batch_id)
             LEFT JOIN batch b ON b.batch_id = m.batch_id
             LEFT JOIN prefix p ON p.prefix_id = b.prefix_id
            ORDER BY i.prefix_id, i.suffix""",
        place.prefix_id,
        place.suffix,
        limit,
    )
    return [
        Old(
            row["prefix_id"],
            row["suffix"],
            Batch(row["batch_id"], row["prefix"], row["method"], row["actor"])
            if row["batch_id"] is not None
            else None,
        )
        for row in rows
    ]


async def owe(tx: Connection, leaves: Mapping[int, bytes], part: int) -> None:
    """What is owed for each of these batches, as one part of it."""
    await tx.execute(
        """INSERT INTO leaf_owed (batch_id, part, backfilled, leaves)
           SELECT batch_id, $3, true, leaves
             FROM unnest($1::bigint[], $2::bytea[]) AS item(batch_id, leaves)""",
        list(leaves),
        list(leaves.values()),
        part,
    )


async def advance(tx: Connection, last: Old, leaves: int) -> None:
    await tx.execute(
        """UPDATE leaf_backfill
              SET prefix_id = $1, suffix = $2, page = page + 1, leaves = leaves + $3""",
        last.prefix_id,
        last.suffix,
        leaves,
    )


async def arrive(tx: Connection) -> None:
    """The walk has come to its end."""
    await tx.execute("UPDATE leaf_backfill SET walked = true")


async def waiting(tx: Connection) -> bool:
    """Whether leaves of the walk are not in their logs yet."""
    found: bool = await tx.fetchval("SELECT EXISTS (SELECT FROM leaf_owed WHERE backfilled)")
    return found


async def close(tx: Connection) -> None:
    """It is stated: there will be no other walk."""
    await tx.execute("UPDATE leaf_key SET backfill_closed_at = now()")
    await tx.execute("DELETE FROM leaf_backfill")
    await tx.execute("DELETE FROM leaf_missing")
