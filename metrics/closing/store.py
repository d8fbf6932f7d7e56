"""SQL of closing days."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from metrics.closing.daily import DailyTotals, Movements, PrefixDay, Requests
from metrics.counting.day import HOUR
from metrics.counting.reason import ANSWERED, Reason
from metrics.counting.stream import Part, Piece
from registry.database import Connection
from registry.record.registration import Method
from registry.record.store import DAY_LOCK, Action

LOCK_PATIENCE = "3s"  # for who registers: as long as the closer waits, all new ones wait behind it
# A pass over all identifiers may take longer than a request may.
PATIENCE = 3600.0


async def end_day(tx: Connection, end: datetime) -> None:
    """Let nothing that is written from now on carry an earlier time. Raises LockNotAvailableError
    where a transaction that registers does not end."""
    await tx.execute(f"SET LOCAL lock_timeout = '{LOCK_PATIENCE}'")
    await tx.execute("SELECT pg_advisory_xact_lock($1)", DAY_LOCK)
    await tx.execute("UPDATE day_ledger SET closed_until = greatest(closed_until, $1)", end)


async def take_one_view(tx: Connection) -> None:
    """Let all that follows in the transaction see the same state. Its first statement."""
    await tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    await tx.execute(f"SET LOCAL statement_timeout = '{PATIENCE:.0f}s'")


async def prefixes(connection: Connection) -> dict[int, str]:
    rows = await connection.fetch("SELECT prefix_id, prefix FROM prefix ORDER BY prefix_id")
    return {row["prefix_id"]: row["prefix"] for row in rows}


async def movements(
    connection: Connection, start: datetime, end: datetime | None
) -> dict[int, Movements]:
    """What came and went under each prefix from a time up to another, or up to now."""
    rows = await connection.fetch(
        """WITH come AS (
               SELECT prefix_id, sum(created) FILTER (WHERE method <> $3) AS created,
                      sum(created) FILTER (WHERE method = $3) AS imported
                 FROM batch
                WHERE registered_at >= $1 AND registered_at < coalesce($2, 'infinity'::timestamptz)
                GROUP BY prefix_id),
           changed AS (
               SELECT r.prefix_id, r.action,
                      b.method <> $3
                      AND date_part('year', b.registered_at AT TIME ZONE 'Asia/Shanghai')
                        = date_part('year', r.changed_at AT TIME ZONE 'Asia/Shanghai') AS new
                 FROM revision r
                 JOIN identifier i ON i.prefix_id = r.prefix_id AND i.suffix = r.suffix
                 JOIN batch b ON b.batch_id = i.batch_id
                WHERE r.changed_at >= $1 AND r.changed_at < coalesce($2, 'infinity'::timestamptz)
                  AND r.action IN ($4, $5)),
           gone AS (
               SELECT prefix_id, count(*) FILTER (WHERE action = $4) AS deleted,
                      count(*) FILTER (WHERE action = $5) AS revived,
                      count(*) FILTER (WHERE action = $4 AND new)
                        - count(*) FILTER (WHERE action = $5 AND new) AS net
                 FROM changed GROUP BY prefix_id)
           SELECT prefix_id, coalesce(created, 0)::bigint AS created,
                  coalesce(imported, 0)::bigint AS imported, coalesce(revived, 0) AS revived,
                  coalesce(deleted, 0) AS deleted, coalesce(net, 0) AS net
             FROM come FULL JOIN gone USING (prefix_id)""",
        start,
        end,
        Method.IMPORT,
        Action.WITHDRAWN,
        Action.REVIVED,
        timeout=PATIENCE,
    )
    return {
        row["prefix_id"]: Movements(
            created=row["created"],
            imported=row["imported"],
            revived=row["revived"],
            deleted=row["deleted"],
            gone=row["net"],
        )
        for row in rows
    }


async def none_closed(connection: Connection) -> bool:
    """Whether no day has ever been closed."""
    none: bool = await connection.fetchval("SELECT NOT EXISTS (SELECT FROM day_close)")
    return none


async def totals_before(connection: Connection, day: date, start: datetime) -> dict[int, int]:
    """Totals at the end of the day before. Before the first closed day they are what batches and
    revisions give."""
    if await none_closed(connection):
        first = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
        moved = await movements(connection, first, start)
        return {prefix_id: moves.change for prefix_id, moves in moved.items()}
    rows = await connection.fetch(
        "SELECT prefix_id, total FROM registration_day WHERE day = $1::date - 1", day
    )
    return {row["prefix_id"]: row["total"] for row in rows}


async def requests(connection: Connection, day: date) -> Requests:
    """A day's requests by reason."""
    rows = await connection.fetch(
        """SELECT reason, sum(requests)::bigint AS requests FROM resolution_hour
            WHERE day = $1 GROUP BY reason""",
        day,
    )
    return {Reason(row["reason"]): row["requests"] for row in rows}


async def requests_by_prefix(connection: Connection, day: date) -> dict[int, Requests]:
    rows = await connection.fetch(
        """SELECT prefix_id, reason, sum(requests)::bigint AS requests FROM resolution_hour
            WHERE day = $1 GROUP BY prefix_id, reason""",
        day,
    )
    found: dict[int, dict[Reason, int]] = {}
    for row in rows:
        found.setdefault(row["prefix_id"], {})[Reason(row["reason"])] = row["requests"]
    return dict(found)


async def prefix_counts(connection: Connection, start: datetime, end: datetime) -> tuple[int, int]:
    """National table 3: prefixes that became active in a day, and prefixes at its end. Stopped ones
    are still registered."""
    row = await connection.fetchrow(
        """SELECT count(*) FILTER (WHERE activated_at >= $1) AS new, count(*) AS active
             FROM prefix WHERE activated_at < $2 AND state IN (0, 1)""",
        start,
        end,
    )
    assert row is not None
    return row["new"], row["active"]


async def part(tx: Connection, wanted: Part) -> AsyncIterator[Piece]:
    """The pieces of a part of the journal, by writer and position."""
    cursor = tx.cursor(
        """SELECT p.writer_id, p.position, p.count, p.packed, p.records
             FROM unnest($1::integer[], $2::bigint[], $3::bigint[]) AS w(writer_id, start, ending)
             JOIN journal_piece p ON p.writer_id = w.writer_id AND p.position < w.ending
                                 AND p.position + p.count > w.start
            ORDER BY p.writer_id, p.position""",
        list(wanted.end),
        [wanted.start.get(writer, 0) for writer in wanted.end],
        list(wanted.end.values()),
        prefetch=20,
    )
    async for row in cursor:
        yield Piece(*row)


async def close(
    tx: Connection,
    totals: DailyTotals,
    lines: Sequence[PrefixDay],
    positions: Mapping[int, int],
    salt: bytes,
) -> None:
    """Write the close down, and open the next day."""
    await tx.execute(
        """INSERT INTO day_close (day, positions, records, journal_hash, prefixes_new,
                                  prefixes_total, salt, prefixes_hash, identifiers)
           SELECT $1, $2, $3, $4, $5, $6, $7, $8, count(*)
             FROM resolved_identifier WHERE first_day = $1""",
        totals.day,
        json.dumps(dict(positions)),
        totals.records,
        totals.journal_hash,
        totals.prefixes_new,
        totals.prefixes_total,
        salt,
        totals.prefixes_hash,
    )
    await tx.executemany(
        """INSERT INTO registration_day (day, prefix_id, created, imported, revived, deleted,
                                         total, gone, corrected, ever_corrected)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)""",
        [
            (
                totals.day,
                line.prefix_id,
                line.movements.created,
                line.movements.imported,
                line.movements.revived,
                line.movements.deleted,
                line.total,
                line.movements.gone,
                line.corrected,
                line.ever_corrected,
            )
            for line in lines
        ],
    )
    await tx.execute(
        """INSERT INTO registration_method (day, prefix_id, method, created)
           SELECT $1, prefix_id, method, sum(created) FROM batch
            WHERE registered_at >= $1::date::timestamp AT TIME ZONE 'Asia/Shanghai'
              AND registered_at < ($1::date + 1)::timestamp AT TIME ZONE 'Asia/Shanghai'
            GROUP BY prefix_id, method""",
        totals.day,
    )
    await tx.execute("UPDATE count_state SET open_day = $1::date + 1", totals.day)
    await tx.execute(
        """UPDATE journal_writer SET settled = true
            WHERE NOT settled AND ended_at IS NOT NULL AND counted = shipped"""
    )
    await tx.execute(
        "UPDATE close_alarm SET ended_at = now() WHERE day = $1 AND ended_at IS NULL", totals.day
    )


async def unpacked(connection: Connection) -> list[date]:
    """Closed days whose journal has not been compressed."""
    rows = await connection.fetch("SELECT day FROM day_close WHERE packed_at IS NULL ORDER BY day")
    return [row["day"] for row in rows]


async def note_packed(tx: Connection, day: date) -> None:
    await tx.execute("UPDATE day_close SET packed_at = now() WHERE day = $1", day)


async def hour_of(tx: Connection, writer: int, start: int, end: int) -> list[Piece]:
    """A writer's pieces from a position up to another, as far as they are of one hour."""
    rows = await tx.fetch(
        """SELECT writer_id, position, count, packed, records
             FROM journal_piece
            WHERE writer_id = $1 AND position >= $2 AND position < $3
              AND first_time / $4 = (SELECT first_time / $4 FROM journal_piece
                                      WHERE writer_id = $1 AND position >= $2 AND position < $3
                                      ORDER BY position LIMIT 1)
            ORDER BY position""",
        writer,
        start,
        end,
        HOUR,
    )
    return [Piece(*row) for row in rows]


async def replace_pieces(tx: Connection, packed: Piece) -> None:
    """Put one compressed piece in the place of those it was made of."""
    row = await tx.fetchrow(
        """WITH old AS (DELETE FROM journal_piece
                         WHERE writer_id = $1 AND position >= $2 AND position < $3
                         RETURNING first_time, last_time)
           SELECT min(first_time) AS first_time, max(last_time) AS last_time FROM old""",
        packed.writer,
        packed.position,
        packed.end,
    )
    assert row is not None
    await tx.execute(
        """INSERT INTO journal_piece (writer_id, position, count, first_time, last_time, records,
                                      packed)
           VALUES ($1, $2, $3, $4, $5, $6, true)""",
        packed.writer,
        packed.position,
        packed.count,
        row["first_time"],
        row["last_time"],
        packed.records,
    )


async def released(connection: Connection) -> list[int]:
    """Years whose journals may go after the time the law wants."""
    rows = await connection.fetch("SELECT year FROM journal_release ORDER BY year")
    return [row["year"] for row in rows]


async def release(tx: Connection, year: int, by: str) -> None:
    await tx.execute(
        """INSERT INTO journal_release (year, released_by) VALUES ($1, $2)
           ON CONFLICT DO NOTHING""",
        year,
        by,
    )


async def forget(tx: Connection, after: int, before: int, limit: int = 1000) -> bool:
    """Remove some of the journal's pieces from one time up to another; whether there were any. What
    has not been counted stays."""
    status = await tx.execute(
        """DELETE FROM journal_piece p USING (
               SELECT p.writer_id, p.position
                 FROM journal_piece p JOIN journal_writer w USING (writer_id)
                WHERE p.last_time >= $1 AND p.last_time < $2
                  AND p.position + p.count <= w.counted
                LIMIT $3) AS old
            WHERE p.writer_id = old.writer_id AND p.position = old.position""",
        after,
        before,
        limit,
    )
    return str(status) != "DELETE 0"


@dataclass(frozen=True, slots=True)
class Closed:
    """What the close of a day says."""

    records: int
    journal_hash: bytes
    prefixes_new: int
    prefixes_total: int


async def closed(connection: Connection, day: date) -> Closed | None:
    row = await connection.fetchrow(
        """SELECT records, journal_hash, prefixes_new, prefixes_total FROM day_close
            WHERE day = $1""",
        day,
    )
    return Closed(**dict(row)) if row else None


async def table8(connection: Connection, day: date) -> list[dict[str, Any]]:
    """A closed day's line of every prefix that was there."""
    rows = await connection.fetch(
        """SELECT p.prefix, r.created AS registered, r.imported, r.revived, r.deleted,
                  r.corrected, r.total AS registered_total,
                  coalesce(h.requests, 0)::bigint AS requests,
                  coalesce(h.answered, 0)::bigint AS answered,
                  coalesce(h.counted, 0)::bigint AS counted
             FROM registration_day r JOIN prefix p USING (prefix_id)
             LEFT JOIN (SELECT prefix_id, sum(requests) AS requests,
                               sum(requests) FILTER (WHERE reason = ANY($2)) AS answered,
                               sum(requests) FILTER (WHERE reason = $3) AS counted
                          FROM resolution_hour WHERE day = $1 GROUP BY prefix_id) h
                    USING (prefix_id)
            WHERE r.day = $1 ORDER BY p.prefix""",
        day,
        list(ANSWERED),
        Reason.COUNTED,
    )
    return [dict(row) for row in rows]


async def note_rules(tx: Connection, definitions: str, digest: str) -> datetime | None:
    """Write down that rules of counting are stated; when, or None where they had been before."""
    fresh: datetime | None = await tx.fetchval(
        """INSERT INTO counting_rules (digest, definitions) VALUES ($1, $2)
           ON CONFLICT DO NOTHING RETURNING stated_at""",
        digest,
        definitions,
    )
    return fresh
