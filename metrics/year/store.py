"""SQL of a year's numbers. All of it is about closed days."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date

from metrics.counting.reason import ANSWERED, Reason
from metrics.year.numbers import Day, Network
from registry.database import Connection
from registry.record.registration import Method

AT_ONCE = 20_000  # identifiers that are looked at


@dataclass(frozen=True, slots=True)
class Line:
    """What a prefix came to in the closed days of a year."""

    prefix_id: int
    prefix: str
    enterprise_id: int
    name: str
    industry: str
    related: bool
    created: int
    imported: int
    revived: int
    deleted: int
    gone: int
    counted: int


async def take_one_view(tx: Connection) -> None:
    """Let all reads of the transaction see the same state. Its first statement."""
    await tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


async def through(connection: Connection, start: date, end: date) -> date | None:
    """The last closed day from one day on and before another."""
    found: date | None = await connection.fetchval(
        "SELECT max(day) FROM day_close WHERE day >= $1 AND day < $2", start, end
    )
    return found


async def lines(connection: Connection, start: date, end: date) -> list[Line]:
    """Every prefix. A related party is who was marked as one on any of the days."""
    rows = await connection.fetch(
        """WITH moved AS (
               SELECT prefix_id, sum(created)::bigint AS created, sum(imported)::bigint AS imported,
                      sum(revived)::bigint AS revived, sum(deleted)::bigint AS deleted,
                      sum(gone)::bigint AS gone
                 FROM registration_day WHERE day >= $1 AND day < $2 GROUP BY prefix_id),
           asked AS (
               SELECT h.prefix_id, sum(h.requests)::bigint AS counted
                 FROM resolution_hour h JOIN day_close USING (day)
                WHERE day >= $1 AND day < $2 AND reason = $3 GROUP BY h.prefix_id),
           marks AS (
               SELECT enterprise_id, related, since,
                      lead(since, 1, 'infinity') OVER (PARTITION BY enterprise_id
                                                       ORDER BY mark_id) AS until
                 FROM related_party)
           SELECT p.prefix_id, p.prefix, p.enterprise_id, e.subject->>'name' AS name,
                  coalesce(e.subject->>'industry', '') AS industry,
                  EXISTS (SELECT FROM marks m
                           WHERE m.enterprise_id = p.enterprise_id AND m.related
                             AND m.since < $2 AND m.until > $1) AS related,
                  coalesce(moved.created, 0), coalesce(imported, 0), coalesce(revived, 0),
                  coalesce(deleted, 0), coalesce(gone, 0), coalesce(asked.counted, 0)
             FROM prefix p JOIN enterprise e USING (enterprise_id)
             LEFT JOIN moved USING (prefix_id) LEFT JOIN asked USING (prefix_id)
            ORDER BY p.prefix_id""",
        start,
        end,
        Reason.COUNTED,
    )
    return [Line(*row) for row in rows]


async def total(connection: Connection, day: date) -> int:
    """All live identifiers at a closed day's end."""
    found: int = await connection.fetchval(
        "SELECT coalesce(sum(total), 0)::bigint FROM registration_day WHERE day = $1", day
    )
    return found


async def by_method(connection: Connection, start: date, end: date) -> dict[Method, int]:
    """New registrations by how they came in."""
    rows = await connection.fetch(
        """SELECT method, sum(created)::bigint AS created FROM registration_method
            WHERE day >= $1 AND day < $2 AND method <> $3 GROUP BY method ORDER BY method""",
        start,
        end,
        Method.IMPORT,
    )
    return {Method(row["method"]): row["created"] for row in rows}


async def by_reason(connection: Connection, start: date, end: date) -> dict[Reason, int]:
    rows = await connection.fetch(
        """SELECT h.reason, sum(h.requests)::bigint AS requests
             FROM resolution_hour h JOIN day_close USING (day)
            WHERE day >= $1 AND day < $2 GROUP BY h.reason""",
        start,
        end,
    )
    return {Reason(row["reason"]): row["requests"] for row in rows}


async def days(connection: Connection, start: date, end: date) -> list[Day]:
    rows = await connection.fetch(
        """SELECT d.day,
                  coalesce((SELECT sum(created) FROM registration_day r
                             WHERE r.day = d.day), 0)::bigint AS created,
                  coalesce((SELECT sum(gone) FROM registration_day r
                             WHERE r.day = d.day), 0)::bigint AS gone,
                  coalesce(sum(h.requests), 0)::bigint AS received,
                  coalesce(sum(h.requests) FILTER (WHERE h.reason = ANY($3)), 0)::bigint
                      AS answered,
                  coalesce(sum(h.requests) FILTER (WHERE h.reason = $4), 0)::bigint AS counted
             FROM day_close d LEFT JOIN resolution_hour h USING (day)
            WHERE d.day >= $1 AND d.day < $2 GROUP BY d.day ORDER BY d.day""",
        start,
        end,
        list(ANSWERED),
        Reason.COUNTED,
    )
    return [Day(*row) for row in rows]


async def identifiers(connection: Connection, start: date, end: date) -> int:
    """How many different identifiers were counted. The days are a year's, from its first on."""
    found: int = await connection.fetchval(
        """SELECT coalesce(sum(identifiers), 0)::bigint FROM day_close
            WHERE day >= $1 AND day < $2""",
        start,
        end,
    )
    return found


async def networks(connection: Connection, start: date, end: date, limit: int) -> list[Network]:
    """Where most of what was counted came from, desensitised."""
    rows = await connection.fetch(
        """SELECT text(network(set_masklen(address,
                                           CASE family(address) WHEN 4 THEN 24 ELSE 48 END)))
                      AS network,
                  sum(requests)::bigint AS requests, sum(counted)::bigint AS counted
             FROM resolution_source JOIN day_close USING (day)
            WHERE day >= $1 AND day < $2
            GROUP BY 1 ORDER BY counted DESC, network LIMIT $3""",
        start,
        end,
        limit,
    )
    return [Network(*row) for row in rows]


async def concentrated(connection: Connection, start: date, end: date) -> list[tuple[date, int]]:
    """Days on which one source has more than half of what was counted, and its share in percent."""
    rows = await connection.fetch(
        """SELECT day, max(counted)::bigint AS most, sum(counted)::bigint AS counted
             FROM (SELECT s.day, s.address, sum(s.counted) AS counted
                     FROM resolution_source s JOIN day_close USING (day)
                    WHERE s.day >= $1 AND s.day < $2 GROUP BY s.day, s.address) AS sources
            GROUP BY day HAVING 2 * max(counted) > sum(counted) ORDER BY day""",
        start,
        end,
    )
    return [(row["day"], 100 * row["most"] // row["counted"]) for row in rows]


async def registered(
    tx: Connection, prefix_id: int, start: date, end: date
) -> AsyncIterator[list[str]]:
    """The suffixes of a prefix that were new in a time, in order, some at a time."""
    cursor = await tx.cursor(
        """SELECT i.suffix FROM identifier i JOIN batch b USING (batch_id)
            WHERE i.prefix_id = $1 AND b.method <> $4
              AND b.registered_at >= $2::date::timestamp AT TIME ZONE 'Asia/Shanghai'
              AND b.registered_at < $3::date::timestamp AT TIME ZONE 'Asia/Shanghai'
            ORDER BY i.suffix""",
        prefix_id,
        start,
        end,
        Method.IMPORT,
    )
    while rows := await cursor.fetch(AT_ONCE):
        yield [row["suffix"] for row in rows]


async def any_resolved(tx: Connection, year: int, prefix_id: int) -> bool:
    """Whether anything of a prefix was counted in a year."""
    found: bool = await tx.fetchval(
        """SELECT EXISTS (SELECT FROM resolved_identifier
                           WHERE year = $1 AND prefix_id = $2)""",
        year,
        prefix_id,
    )
    return found


async def resolved(
    tx: Connection, year: int, prefix_id: int, until: date, digests: Sequence[int]
) -> int:
    """How many of these identifiers, by shortened hashes, were counted in a year before a day."""
    found: int = await tx.fetchval(
        """SELECT count(*) FROM unnest($4::bigint[]) AS wanted(digest)
             JOIN resolved_identifier r
               ON r.year = $1 AND r.prefix_id = $2 AND r.digest = wanted.digest
            WHERE r.first_day < $3""",
        year,
        prefix_id,
        until,
        digests,
    )
    return found
