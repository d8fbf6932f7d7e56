"""SQL of the statistics owed to the bureau."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from award.upload.statistics import DailyStatistics, Industry, Network
from metrics.counting.reason import ANSWERED, Reason
from metrics.counting.rules import DEFINITIONS
from registry.database import Connection


class Owed(msgspec.Struct, frozen=True):
    day: date
    statistics: str
    attempts: int


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A day's statistics, and whether the bureau has them."""

    day: date
    owed_at: datetime
    attempts: int
    last_error: str | None
    received_at: datetime | None
    receipt: str | None


async def days_not_owed(connection: Connection, limit: int) -> list[date]:
    """Closed days that nothing was made of yet, the oldest first."""
    rows = await connection.fetch(
        """SELECT day FROM day_close
            WHERE NOT EXISTS (SELECT FROM bureau_upload u WHERE u.day = day_close.day)
            ORDER BY day LIMIT $1""",
        limit,
    )
    return [row["day"] for row in rows]


async def statistics(connection: Connection, node: str, day: date) -> DailyStatistics:
    """Of a closed day. No enterprise, no prefix, no address: industries and networks."""
    moved = await connection.fetchrow(
        """SELECT coalesce(sum(created), 0)::bigint AS created,
                  coalesce(sum(imported), 0)::bigint AS imported,
                  coalesce(sum(revived), 0)::bigint AS revived,
                  coalesce(sum(deleted), 0)::bigint AS deleted,
                  coalesce(sum(total), 0)::bigint AS total
             FROM registration_day WHERE day = $1""",
        day,
    )
    asked = await connection.fetchrow(
        """SELECT coalesce(sum(requests), 0)::bigint AS received,
                  coalesce(sum(requests) FILTER (WHERE reason = ANY($2)), 0)::bigint AS answered,
                  coalesce(sum(requests) FILTER (WHERE reason = $3), 0)::bigint AS counted
             FROM resolution_hour WHERE day = $1""",
        day,
        list(ANSWERED),
        Reason.COUNTED,
    )
    assert moved is not None
    assert asked is not None
    return DailyStatistics(
        node=node,
        day=day,
        definitions=DEFINITIONS,
        industries=await _industries(connection, day),
        networks=await _networks(connection, day),
        **dict(moved),
        **dict(asked),
    )


async def _industries(connection: Connection, day: date) -> tuple[Industry, ...]:
    rows = await connection.fetch(
        """SELECT coalesce(e.subject ->> 'industry', '') AS industry,
                  sum(r.created)::bigint AS created, coalesce(sum(h.counted), 0)::bigint AS counted
             FROM registration_day r JOIN prefix p USING (prefix_id)
             JOIN enterprise e USING (enterprise_id)
             LEFT JOIN (SELECT prefix_id, sum(requests) AS counted FROM resolution_hour
                         WHERE day = $1 AND reason = $2 GROUP BY prefix_id) h USING (prefix_id)
            WHERE r.day = $1
            GROUP BY industry ORDER BY industry""",
        day,
        Reason.COUNTED,
    )
    return tuple(Industry(**dict(row)) for row in rows)


async def _networks(connection: Connection, day: date, limit: int = 50) -> tuple[Network, ...]:
    rows = await connection.fetch(
        """SELECT text(network(set_masklen(address, CASE family(address) WHEN 4 THEN 24
                                                     ELSE 48 END))) AS network,
                  sum(counted)::bigint AS counted
             FROM resolution_source WHERE day = $1
            GROUP BY network ORDER BY counted DESC, network LIMIT $2""",
        day,
        limit,
    )
    return tuple(Network(**dict(row)) for row in rows)


async def owe(tx: Connection, day: date, statistics: str) -> None:
    """Once for a day: what was made first is what is sent."""
    await tx.execute(
        """INSERT INTO bureau_upload (day, statistics) VALUES ($1, $2)
           ON CONFLICT DO NOTHING""",
        day,
        statistics,
    )


async def due(connection: Connection) -> Owed | None:
    """The oldest that may be tried now."""
    row = await connection.fetchrow(
        """SELECT day, statistics, attempts FROM bureau_upload
            WHERE received_at IS NULL AND next_attempt_at <= now() ORDER BY day LIMIT 1"""
    )
    return Owed(**dict(row)) if row else None


async def settle(tx: Connection, day: date, receipt: str) -> None:
    await tx.execute(
        """UPDATE bureau_upload SET received_at = now(), receipt = $2, last_error = NULL,
                  attempts = attempts + 1
            WHERE day = $1""",
        day,
        receipt,
    )


async def postpone(tx: Connection, day: date, error: str, seconds: float) -> None:
    await tx.execute(
        """UPDATE bureau_upload SET attempts = attempts + 1, last_error = $2,
                  next_attempt_at = now() + make_interval(secs => $3)
            WHERE day = $1""",
        day,
        error,
        seconds,
    )


async def uploads(connection: Connection, limit: int) -> list[Upload]:
    """The newest days first."""
    rows = await connection.fetch(
        """SELECT day, owed_at, attempts, last_error, received_at, receipt
             FROM bureau_upload ORDER BY day DESC LIMIT $1""",
        limit,
    )
    return [Upload(**dict(row)) for row in rows]
