"""SQL of what is proved of the logs besides their leaves."""

from __future__ import annotations

from metrics.log.store import Published
from registry.database import Connection


async def landmarks(connection: Connection, log_id: int, below: int) -> list[Published]:
    """Of the checkpoints of fewer leaves than that the first, and the last of each month in
    Shanghai, by size."""
    rows = await connection.fetch(
        """SELECT DISTINCT ON (month) size, note, published_at
             FROM (SELECT size, note, published_at,
                          CASE WHEN size = min(size) OVER () THEN NULL
                               ELSE date_trunc('month', published_at AT TIME ZONE 'Asia/Shanghai')
                          END AS month
                     FROM log_checkpoint WHERE log_id = $1 AND size BETWEEN 1 AND $2 - 1) AS kept
            ORDER BY month, size DESC""",
        log_id,
        below,
    )
    found = [Published(row["size"], row["note"], row["published_at"]) for row in rows]
    return sorted(found, key=lambda one: one.size)
