"""SQL of where a node stands. What can't change any more is read once."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from metrics.counting.day import end_of, moment, start_of
from metrics.counting.reason import Reason
from metrics.log.log import Kind
from metrics.standing.standing import LogStanding, Standing, Sums
from registry.database import Connection
from registry.leaf.leaf import LEAF_BYTES
from registry.prefix.prefix import PrefixState
from registry.record.registration import Method
from registry.record.store import Action

PATIENCE = 600.0  # seconds, for a year's closed days once a day


async def take_one_view(tx: Connection) -> None:
    """Let all that follows in the transaction see the same state. Its first statement."""
    await tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    await tx.execute(f"SET LOCAL statement_timeout = '{PATIENCE:.0f}s'")


async def last_closed(tx: Connection) -> date | None:
    last: date | None = await tx.fetchval("SELECT max(day) FROM day_close")
    return last


async def closed_sums(tx: Connection, last: date | None, year: int) -> Sums:
    """The sums of all closed days."""
    first = date(year, 1, 1)
    methods = await tx.fetch(
        """SELECT method, sum(created)::bigint AS created,
                  coalesce(sum(created) FILTER (WHERE day >= $1), 0)::bigint AS this_year
             FROM registration_method GROUP BY method""",
        first,
        timeout=PATIENCE,
    )
    moved = await tx.fetchrow(
        """SELECT coalesce(sum(revived), 0)::bigint AS revived,
                  coalesce(sum(deleted), 0)::bigint AS withdrawn FROM registration_day""",
        timeout=PATIENCE,
    )
    counted = await tx.fetchval(
        """SELECT coalesce(sum(requests), 0)::bigint FROM resolution_hour
            WHERE day BETWEEN $1 AND $2 AND reason = $3""",
        first,
        last or first - timedelta(days=1),
        Reason.COUNTED,
        timeout=PATIENCE,
    )
    return _sums(methods, moved, counted)


async def horizon(connection: Connection, margin: float) -> datetime:
    """A time before which nothing comes any more that a later view would not show: when the oldest
    transaction under way began, since what it writes carries that time or a later one. It is never
    less than `margin` seconds ago, for the transactions of those whom this role may not look at."""
    found: datetime = await connection.fetchval(
        """SELECT least(min(xact_start), now() - make_interval(secs => $1))
             FROM pg_stat_activity WHERE datname = current_database()""",
        margin,
    )
    return found


def opening(last: date | None) -> datetime:
    """When the time begins that the last closed day leaves open."""
    return moment(end_of(last)) if last else datetime.fromisoformat("1970-01-01T00:00:00Z")


async def moved_sums(tx: Connection, start: datetime, end: datetime | None, year: int) -> Sums:
    """What was registered and changed from a time up to another, or up to now."""
    first = date(year, 1, 1)
    methods = await tx.fetch(
        """SELECT method, sum(created)::bigint AS created,
                  coalesce(sum(created) FILTER (WHERE registered_at >= $2), 0)::bigint AS this_year
             FROM batch
            WHERE registered_at >= $1 AND registered_at < coalesce($3, 'infinity'::timestamptz)
            GROUP BY method""",
        start,
        moment(start_of(first)),
        end,
    )
    moved = await tx.fetchrow(
        """SELECT count(*) FILTER (WHERE action = $2) AS revived,
                  count(*) FILTER (WHERE action = $3) AS withdrawn
             FROM revision
            WHERE changed_at >= $1 AND changed_at < coalesce($4, 'infinity'::timestamptz)""",
        start,
        Action.REVIVED,
        Action.WITHDRAWN,
        end,
    )
    return _sums(methods, moved, 0)


async def counted_sums(tx: Connection, last: date | None, year: int) -> Sums:
    """What was counted in the days since the last closed one."""
    counted = await tx.fetchval(
        """SELECT coalesce(sum(requests), 0)::bigint FROM resolution_hour
            WHERE day > $1 AND day >= $2 AND reason = $3""",
        last or date.min,
        date(year, 1, 1),
        Reason.COUNTED,
    )
    return Sums(counted_this_year=counted)


def _sums(methods: list[Any], moved: Any, counted: int) -> Sums:
    return Sums(
        {Method(row["method"]): row["created"] for row in methods},
        moved["revived"],
        moved["withdrawn"],
        sum(row["this_year"] for row in methods if row["method"] != Method.IMPORT),
        counted,
    )


async def standing(tx: Connection, at: datetime, year: int, sums: Sums) -> Standing:
    """Where the node stands, with sums that were read before."""
    rows = await tx.fetch("SELECT reason, most FROM resolution_total")
    state = await tx.fetchrow(
        """SELECT counted_until, open_day,
                  (SELECT count(*) FROM close_alarm WHERE ended_at IS NULL) AS alarms,
                  (SELECT count(*) FROM prefix WHERE state = $1) AS prefixes
             FROM count_state""",
        PrefixState.ACTIVE,
    )
    assert state is not None  # one row from the beginning
    return Standing(
        at=at,
        year=year,
        sums=sums,
        requests={Reason(row["reason"]): row["most"] for row in rows},
        counted_until=moment(state["counted_until"]),
        open_day_ends=moment(end_of(state["open_day"])),
        alarms=state["alarms"],
        active_prefixes=state["prefixes"],
        logs=await _logs(tx),
    )


async def _logs(tx: Connection) -> dict[Kind, LogStanding]:
    """The logs that there are, by kind."""
    rows = await tx.fetch(
        """SELECT $2::smallint AS kind, min(registered_at) AS since,
                  coalesce(sum(octet_length(leaves)), 0)::bigint / $1::bigint AS entries
             FROM leaf_owed JOIN batch USING (batch_id) WHERE NOT backfilled
            UNION ALL
           SELECT $3::smallint, NULL, count(*) FROM statement_owed""",
        LEAF_BYTES,
        Kind.REGISTRATIONS,
        Kind.STATEMENTS,
    )
    owed = {Kind(row["kind"]): row for row in rows}
    logs = await tx.fetch(
        """SELECT l.kind, sum(l.size)::bigint AS size, max(c.published_at) AS published_at,
                  sum(l.size - coalesce(c.size, 0))::bigint AS unpublished
             FROM (SELECT DISTINCT ON (kind, year) log_id, kind, size FROM log
                    ORDER BY kind, year, generation DESC) AS l  -- successors hold what was
             LEFT JOIN LATERAL (SELECT size, published_at FROM log_checkpoint
                                 WHERE log_id = l.log_id ORDER BY size DESC LIMIT 1) c ON true
            GROUP BY l.kind"""
    )
    return {
        Kind(row["kind"]): LogStanding(
            size=row["size"],
            waiting=owed[Kind(row["kind"])]["entries"],
            unpublished=row["unpublished"],
            owed_since=owed[Kind(row["kind"])]["since"],
            published_at=row["published_at"],
        )
        for row in logs
    }
