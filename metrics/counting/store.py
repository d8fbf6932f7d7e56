"""SQL of counting: the journal's pieces, the sums, and how far they reach."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from metrics.counting.day import HOUR
from metrics.counting.reason import ANSWERED, Reason
from metrics.counting.stream import Part, Piece
from metrics.counting.sums import Cell, Source, Sums
from metrics.journal.client import shown_address
from metrics.journal.shipper import PIECE_RECORDS
from registry.database import Connection


@dataclass(frozen=True, slots=True)
class State:
    """The open day, and the time up to which it has been counted."""

    open_day: date
    counted_until: int

    @property
    def yesterday(self) -> date:
        return self.open_day - timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Writer:
    """A writer that may have something to count, or is still to be waited for."""

    writer: int
    watermark: int
    counted: int
    live: bool


async def lock_state(tx: Connection) -> State:
    """The state, for whoever changes it in this transaction."""
    row = await tx.fetchrow("SELECT open_day, counted_until FROM count_state FOR UPDATE")
    assert row is not None  # the migration put it there
    return State(row["open_day"], row["counted_until"])


async def state(connection: Connection) -> State:
    row = await connection.fetchrow("SELECT open_day, counted_until FROM count_state")
    assert row is not None
    return State(row["open_day"], row["counted_until"])


async def move(tx: Connection, until: int, positions: dict[int, int]) -> None:
    """Everything up to a time is in the sums, which is so many records of each writer."""
    await tx.execute("UPDATE count_state SET counted_until = $1", until)
    await tx.execute(
        """UPDATE journal_writer AS w SET counted = moved.position
             FROM unnest($1::integer[], $2::bigint[]) AS moved(writer_id, position)
            WHERE w.writer_id = moved.writer_id""",
        list(positions),
        list(positions.values()),
    )


async def writers(connection: Connection, patience: float) -> tuple[int, list[Writer]]:
    """The server's time in nanoseconds, and the writers. One that gave no sign of life for
    `patience` seconds is not waited for."""
    rows = await connection.fetch(
        """SELECT writer_id, watermark, counted,
                  ended_at IS NULL AND seen_at > now() - make_interval(secs => $1) AS live
             FROM journal_writer
            WHERE NOT settled AND (ended_at IS NULL OR counted < shipped)""",
        patience,
    )
    now: int = await connection.fetchval("SELECT (extract(epoch FROM now()) * 1000000000)::bigint")
    return now, [Writer(*row) for row in rows]


async def waiting(connection: Connection, after: int, until: int, limit: int) -> int:
    """A time after one and not after another, before which there are no more than about `limit`
    records that have not been counted."""
    found: int | None = await connection.fetchval(
        """SELECT first_time FROM (
               SELECT p.first_time, sum(p.count) OVER (ORDER BY p.first_time, p.writer_id,
                                                       p.position) AS records
                 FROM journal_writer w JOIN journal_piece p USING (writer_id)
                WHERE NOT w.settled AND w.counted < w.shipped AND p.position + p.count > w.counted
                  AND p.position > w.counted - $3 AND p.first_time < $1) AS waiting
            WHERE records > $2 AND first_time > $4 ORDER BY first_time LIMIT 1""",
        until,
        limit,
        PIECE_RECORDS,
        after,
    )
    return until if found is None else found


async def uncounted(connection: Connection, until: int, limit: int = 10**12) -> list[Piece]:
    """The pieces with records from before a time that have not been counted, in order: the first of
    them, which have about `limit` records."""
    rows = await connection.fetch(
        """SELECT p.writer_id, p.position, p.count, p.packed, p.records
             FROM (SELECT p.writer_id, p.position,
                          sum(p.count) OVER (ORDER BY p.writer_id, p.position) - p.count AS before
                     FROM journal_writer w JOIN journal_piece p USING (writer_id)
                    WHERE NOT w.settled AND w.counted < w.shipped
                      AND p.position + p.count > w.counted
                      AND p.position > w.counted - $2 AND p.first_time < $1) AS waiting
             JOIN journal_piece p USING (writer_id, position)
            WHERE waiting.before < $3
            ORDER BY p.writer_id, p.position""",
        until,
        PIECE_RECORDS,  # what has not been counted is not packed yet, so no piece is larger
        limit,
    )
    return [Piece(*row) for row in rows]


async def ends_before(connection: Connection, time: int) -> dict[int, int]:
    """Of the writers that have uncounted pieces from wholly before a time: where those end."""
    rows = await connection.fetch(
        """SELECT p.writer_id, max(p.position + p.count) AS ending
             FROM journal_writer w JOIN journal_piece p USING (writer_id)
            WHERE NOT w.settled AND w.counted < w.shipped AND p.position + p.count > w.counted
              AND p.position > w.counted - $2 AND p.last_time < $1
            GROUP BY p.writer_id""",
        time,
        PIECE_RECORDS,
    )
    return {row["writer_id"]: row["ending"] for row in rows}


async def across(connection: Connection, time: int) -> list[Piece]:
    """The uncounted pieces with records from before a time and from after it, one of a writer."""
    rows = await connection.fetch(
        """SELECT p.writer_id, p.position, p.count, p.packed, p.records
             FROM journal_writer w JOIN journal_piece p USING (writer_id)
            WHERE NOT w.settled AND w.counted < w.shipped AND p.position + p.count > w.counted
              AND p.position > w.counted - $2 AND p.first_time < $1 AND p.last_time >= $1""",
        time,
        PIECE_RECORDS,
    )
    return [Piece(*row) for row in rows]


async def about(connection: Connection, after: int, before: int) -> int:
    """About how many records there are from one time up to another; never less than there are."""
    found: int = await connection.fetchval(
        """SELECT coalesce(sum(count), 0)::bigint FROM journal_piece
            WHERE last_time >= $1 AND first_time < $2 AND last_time < $3""",
        after,
        before,
        before + HOUR,
    )
    return found


async def pieces(connection: Connection, after: int, before: int) -> list[Piece]:
    """The pieces with records from one time up to another. None spans more than an hour."""
    rows = await connection.fetch(
        """SELECT writer_id, position, count, packed, records FROM journal_piece
            WHERE last_time >= $1 AND first_time < $2 AND last_time < $3
            ORDER BY writer_id, position""",
        after,
        before,
        before + HOUR,
    )
    return [Piece(*row) for row in rows]


async def late_pieces(
    connection: Connection, part: Part, before: int, after: tuple[int, int], limit: int
) -> list[Piece]:
    """The pieces of a part with records from before a time, in order: some of those that follow a
    writer's position."""
    rows = await connection.fetch(
        """SELECT p.writer_id, p.position, p.count, p.packed, p.records
             FROM unnest($1::integer[], $2::bigint[], $3::bigint[]) AS w(writer_id, start, ending)
             JOIN journal_piece p ON p.writer_id = w.writer_id AND p.position < w.ending
                                 AND p.position + p.count > w.start
            WHERE p.first_time < $4 AND (p.writer_id, p.position) > ($5, $6)
            ORDER BY p.writer_id, p.position LIMIT $7""",
        list(part.end),
        [part.start.get(writer, 0) for writer in part.end],
        list(part.end.values()),
        before,
        *after,
        limit,
    )
    return [Piece(*row) for row in rows]


async def owners(connection: Connection) -> list[tuple[int, int]]:
    """Prefixes and the enterprises that own them."""
    rows = await connection.fetch("SELECT prefix_id, enterprise_id FROM prefix")
    return [(row["prefix_id"], row["enterprise_id"]) for row in rows]


async def positions(connection: Connection) -> dict[int, int]:
    """Where each writer stands whose records are in the open day, or may yet be."""
    rows = await connection.fetch("SELECT writer_id, counted FROM journal_writer WHERE NOT settled")
    return {row["writer_id"]: row["counted"] for row in rows}


async def closed_positions(connection: Connection, day: date) -> dict[int, int]:
    """Where each writer stood when a day was closed; nothing where it was not."""
    row = await connection.fetchrow(
        """SELECT coalesce(array_agg(key::integer), '{}') AS writers,
                  coalesce(array_agg(value::bigint), '{}') AS positions
             FROM day_close, jsonb_each_text(positions) WHERE day = $1""",
        day,
    )
    assert row is not None
    return dict(zip(row["writers"], row["positions"], strict=True))


async def add(tx: Connection, day: date, sums: Sums) -> None:
    """Add sums to a day's."""
    await _add_cells(tx, day, sums.cells.items())
    await _add_totals(tx, sums.totals.items())
    sources = list(sums.requests)
    await tx.execute(
        """INSERT INTO resolution_source AS s (day, prefix_id, address, requests, answered, counted)
           SELECT $1, prefix_id, address, requests, answered, counted
             FROM unnest($2::integer[], $3::inet[], $4::bigint[], $5::bigint[], $6::bigint[])
                  AS source(prefix_id, address, requests, answered, counted)
           ON CONFLICT (day, prefix_id, address) DO UPDATE
              SET requests = s.requests + excluded.requests,
                  answered = s.answered + excluded.answered,
                  counted = s.counted + excluded.counted""",
        day,
        [source.prefix_id for source in sources],
        [shown_address(source.address) or "::" for source in sources],
        [sums.requests[source] for source in sources],
        [sums.answered[source] for source in sources],
        [sums.counted[source] for source in sources],
    )


async def clear(tx: Connection, day: date) -> None:
    """Take a day's sums out again, to be made anew. The most that they have been stays."""
    await tx.execute(
        """UPDATE resolution_total AS t SET requests = t.requests - old.requests
             FROM (SELECT reason, sum(requests) AS requests FROM resolution_hour
                    WHERE day = $1 GROUP BY reason) AS old
            WHERE t.reason = old.reason""",
        day,
    )
    await tx.execute("DELETE FROM resolution_hour WHERE day = $1", day)
    await tx.execute("DELETE FROM resolution_source WHERE day = $1", day)
    await tx.execute("DELETE FROM resolved_identifier WHERE first_day = $1", day)


async def add_resolved(
    tx: Connection, day: date, prefix_ids: Sequence[int], digests: Sequence[int]
) -> None:
    """Note identifiers that were counted, each once a year; in order, as all do who insert."""
    await tx.execute(
        """INSERT INTO resolved_identifier (year, prefix_id, digest, first_day)
           SELECT $4, prefix_id, digest, $1 FROM unnest($2::integer[], $3::bigint[])
                                                 AS found(prefix_id, digest)
           ON CONFLICT DO NOTHING""",
        day,
        prefix_ids,
        digests,
        day.year,
    )


async def sums_of(connection: Connection, day: date) -> Sums:
    """What the tables say of a day."""
    sums = Sums()
    for row in await connection.fetch(
        "SELECT hour, prefix_id, reason, requests FROM resolution_hour WHERE day = $1", day
    ):
        cell = Cell(row["hour"], row["prefix_id"], Reason(row["reason"]))
        sums.cells[cell] = row["requests"]
    for row in await connection.fetch(
        """SELECT prefix_id, host(address) AS address, requests, answered, counted
             FROM resolution_source WHERE day = $1""",
        day,
    ):
        source = Source.shown(row["prefix_id"], row["address"])
        sums.requests[source] = row["requests"]
        sums.answered[source] = row["answered"]
        sums.counted[source] = row["counted"]
    return sums


async def _add_cells(tx: Connection, day: date, cells: Iterable[tuple[Cell, int]]) -> None:
    listed = list(cells)
    await tx.execute(
        """INSERT INTO resolution_hour AS h (day, hour, prefix_id, reason, requests)
           SELECT $1, hour, prefix_id, reason, requests
             FROM unnest($2::smallint[], $3::integer[], $4::smallint[], $5::bigint[])
                  AS cell(hour, prefix_id, reason, requests)
           ON CONFLICT (day, hour, prefix_id, reason) DO UPDATE
              SET requests = h.requests + excluded.requests""",
        day,
        [cell.hour for cell, _ in listed],
        [cell.prefix_id for cell, _ in listed],
        [cell.reason for cell, _ in listed],
        [count for _, count in listed],
    )


async def _add_totals(tx: Connection, totals: Iterable[tuple[Reason, int]]) -> None:
    listed = list(totals)
    await tx.execute(
        """INSERT INTO resolution_total AS t (reason, requests, most)
           SELECT reason, requests, requests FROM unnest($1::smallint[], $2::bigint[])
                                                       AS total(reason, requests)
           ON CONFLICT (reason) DO UPDATE
              SET requests = t.requests + excluded.requests,
                  most = greatest(t.most, t.requests + excluded.requests)""",
        [reason for reason, _ in listed],
        [count for _, count in listed],
    )


@dataclass(frozen=True, slots=True)
class DaySums:
    requests: int
    answered: int
    counted: int


async def day_sums(connection: Connection, day: date) -> DaySums:
    """A day's three numbers, over all prefixes."""
    row = await connection.fetchrow(
        """SELECT coalesce(sum(requests), 0)::bigint AS requests,
                  coalesce(sum(requests) FILTER (WHERE reason = ANY($2)), 0)::bigint AS answered,
                  coalesce(sum(requests) FILTER (WHERE reason = $3), 0)::bigint AS counted
             FROM resolution_hour WHERE day = $1""",
        day,
        list(ANSWERED),
        Reason.COUNTED,
    )
    assert row is not None
    return DaySums(**dict(row))


async def sources(
    connection: Connection, day: date, prefix: str | None, *, cut: bool, limit: int
) -> list[tuple[str, str, int, int, int]]:
    """Who asked in a day, those with the most requests first: prefix, source, requests, answered,
    counted. `cut` makes networks of the addresses, as the bureau gets them."""
    rows = await connection.fetch(
        """SELECT p.prefix,
                  CASE WHEN $3 THEN text(network(set_masklen(
                           s.address, CASE family(s.address) WHEN 4 THEN 24 ELSE 48 END)))
                       ELSE host(s.address) END AS source,
                  sum(s.requests)::bigint AS requests, sum(s.answered)::bigint AS answered,
                  sum(s.counted)::bigint AS counted
             FROM resolution_source s JOIN prefix p USING (prefix_id)
            WHERE s.day = $1 AND ($2::text IS NULL OR p.prefix = $2)
            GROUP BY p.prefix, source ORDER BY requests DESC, p.prefix, source LIMIT $4""",
        day,
        prefix,
        cut,
        limit,
    )
    return [tuple(row) for row in rows]
