"""SQL that counts records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from metrics.closing.store import PATIENCE
from registry.database import Connection
from registry.record.store import Action


@dataclass(frozen=True, slots=True)
class Touched:
    """What the rows of a prefix say that a day touched."""

    rows: int  # of the day's batches
    change: int  # live ones at the day's end, less those at its start


UNTOUCHED = Touched(0, 0)


async def touched(tx: Connection, start: datetime, end: datetime) -> dict[int, Touched]:
    """By prefix, what the rows say that were registered, withdrawn or revived from a time up to
    another. A BRIN index finds those of the batches; whether a row was live at the end is undone
    from what it is now by what came later, and whether it was at the start is said by what had last
    been done to it."""
    ids = await tx.fetchrow(
        # Apart, or all batches before the first of these would be walked through for it.
        """SELECT min(batch_id) AS first, max(batch_id) AS last
             FROM (SELECT batch_id FROM batch
                    WHERE registered_at >= $1 AND registered_at < $2 OFFSET 0) AS these""",
        start,
        end,
    )
    assert ids is not None
    rows = await tx.fetch(
        """WITH these AS MATERIALIZED (
               SELECT batch_id FROM batch WHERE registered_at >= $1 AND registered_at < $2),
           later AS MATERIALIZED (
               SELECT DISTINCT ON (prefix_id, suffix) prefix_id, suffix, action FROM revision
                WHERE changed_at >= $2 AND action IN ($5, $6)
                ORDER BY prefix_id, suffix, revision),
           born AS (
               SELECT i.prefix_id, count(*) AS rows,
                      count(*) FILTER (WHERE CASE later.action WHEN $5 THEN true WHEN $6 THEN false
                                                  ELSE i.revision > 0 END) AS live
                 FROM identifier i JOIN these USING (batch_id)
                 LEFT JOIN later ON later.prefix_id = i.prefix_id AND later.suffix = i.suffix
                WHERE i.batch_id BETWEEN $3 AND $4
                GROUP BY i.prefix_id),
           moved AS (
               SELECT prefix_id, suffix, min(revision) AS first FROM revision
                WHERE changed_at >= $1 AND changed_at < $2 AND action IN ($5, $6)
                GROUP BY prefix_id, suffix),
           older AS (
               SELECT moved.prefix_id,
                      coalesce(CASE later.action WHEN $5 THEN true WHEN $6 THEN false
                                    ELSE i.revision > 0 END, false)::integer
                    - (earlier.action IS DISTINCT FROM $5)::integer AS change
                 FROM moved
                 LEFT JOIN identifier i ON i.prefix_id = moved.prefix_id AND i.suffix = moved.suffix
                 LEFT JOIN later ON later.prefix_id = moved.prefix_id
                                AND later.suffix = moved.suffix
                 LEFT JOIN LATERAL (
                      SELECT r.action FROM revision r
                       WHERE r.prefix_id = moved.prefix_id AND r.suffix = moved.suffix
                         AND r.revision < moved.first AND r.action IN ($5, $6)
                       ORDER BY r.revision DESC LIMIT 1) AS earlier ON true
                WHERE NOT EXISTS (SELECT FROM these WHERE these.batch_id = i.batch_id)),
           turned AS (SELECT prefix_id, sum(change) AS change FROM older GROUP BY prefix_id)
           SELECT prefix_id, coalesce(rows, 0)::bigint AS rows,
                  (coalesce(live, 0) + coalesce(change, 0))::bigint AS change
             FROM born FULL JOIN turned USING (prefix_id)""",
        start,
        end,
        ids["first"],
        ids["last"],
        Action.WITHDRAWN,
        Action.REVIVED,
        timeout=PATIENCE,
    )
    return {row["prefix_id"]: Touched(row["rows"], row["change"]) for row in rows}


async def created_ever(tx: Connection) -> dict[int, int]:
    """How many identifiers the batches say each prefix has had."""
    rows = await tx.fetch(
        "SELECT prefix_id, sum(created)::bigint AS created FROM batch GROUP BY prefix_id",
        timeout=PATIENCE,
    )
    return {row["prefix_id"]: row["created"] for row in rows}


async def held(tx: Connection) -> dict[int, tuple[int, int]]:
    """Live identifiers of each prefix, and all, from the records themselves."""
    rows = await tx.fetch(
        """SELECT prefix_id, count(*) FILTER (WHERE revision > 0) AS live, count(*) AS rows
             FROM identifier GROUP BY prefix_id""",
        timeout=PATIENCE,
    )
    return {row["prefix_id"]: (row["live"], row["rows"]) for row in rows}
