"""SQL of the dump of identifiers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from registry.database import Connection


@dataclass(frozen=True, slots=True)
class Registered:
    """An identifier, by its canonical parts, and what registered it."""

    prefix_id: int
    prefix: str
    suffix: str
    batch_id: int
    method: int


async def unpublished_batches(tx: Connection, uncounted: Iterable[int]) -> set[int]:
    """Batches of which not every leaf is in a published checkpoint."""
    rows = await tx.fetch(
        """WITH reached AS (
               SELECT DISTINCT ON (kind, year) log_id,
                      (SELECT max(c.size) FROM log_checkpoint c WHERE c.log_id = l.log_id) AS size
                 FROM log l ORDER BY kind, year, generation DESC)
           SELECT batch_id FROM batch b
            WHERE created > 0 AND method <> ALL($1)
              AND (EXISTS (SELECT FROM leaf_owed o WHERE o.batch_id = b.batch_id)
                   OR NOT coalesce(
                       (SELECT bool_and(s.first + s.count <= coalesce(r.size, 0))
                          FROM log_span s JOIN reached r USING (log_id)
                         WHERE s.batch_id = b.batch_id), false))""",
        sorted(uncounted),
    )
    return {row["batch_id"] for row in rows}


async def identifiers(tx: Connection, after: tuple[int, str], limit: int) -> list[Registered]:
    """The next of all identifiers there ever were, by their key."""
    rows = await tx.fetch(
        """SELECT i.prefix_id, p.prefix, i.suffix, i.batch_id, b.method
             FROM (SELECT prefix_id, suffix, batch_id FROM identifier
                    WHERE (prefix_id, suffix) > ($1, $2)
                    ORDER BY prefix_id, suffix LIMIT $3) AS i
             JOIN prefix p USING (prefix_id) JOIN batch b USING (batch_id)
            ORDER BY i.prefix_id, i.suffix""",
        *after,
        limit,
    )
    return [Registered(*row.values()) for row in rows]
