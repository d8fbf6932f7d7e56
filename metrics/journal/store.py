"""SQL of the journal: keys, writers, and the pieces that have come in."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any

from registry.database import Connection


@dataclass(frozen=True, slots=True)
class PieceRow:
    """Some of a writer's records, as they stand in its segment."""

    position: int
    count: int
    first_time: int
    last_time: int
    records: bytes


async def fix_key(connection: Connection, sealed: bytes) -> bytes:
    """Keep the sealed key of a new database; the one that holds, which may be an earlier one."""
    await connection.execute(
        "INSERT INTO journal_key (sealed) VALUES ($1) ON CONFLICT DO NOTHING", sealed
    )
    held: bytes = await connection.fetchval("SELECT sealed FROM journal_key")
    return held


async def node_id(connection: Connection) -> str:
    """What tells this node's database from all others."""
    return str(await connection.fetchval("SELECT node_id FROM node_facts"))


async def add_writer(
    connection: Connection, host: str, process: int, watermark: int, nonce: str = ""
) -> int:
    """A new writer's number. The nonce is random, and tells it from one that had its number in
    another course of this database."""
    writer: int = await connection.fetchval(
        """INSERT INTO journal_writer (host, process, watermark, nonce) VALUES ($1, $2, $3, $4)
           RETURNING writer_id""",
        host,
        process,
        watermark,
        nonce,
    )
    return writer


async def ship(
    tx: Connection, writer: int, pieces: list[PieceRow], *, watermark: int, ended: bool = False
) -> None:
    """Take in what a writer noted up to a time. A piece that is here already is left as it is."""
    await tx.executemany(
        """INSERT INTO journal_piece (writer_id, position, count, first_time, last_time, records)
           VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING""",
        [(writer, *astuple(piece)) for piece in pieces],
    )
    await tx.execute(
        """UPDATE journal_writer
              SET watermark = greatest(watermark, $2), seen_at = now(),
                  shipped = greatest(shipped, $3),
                  ended_at = CASE WHEN $4 THEN coalesce(ended_at, now()) ELSE ended_at END
            WHERE writer_id = $1""",
        writer,
        watermark,
        pieces[-1].position + pieces[-1].count if pieces else 0,
        ended,
    )


async def shipped(tx: Connection, writer: int) -> tuple[str, int] | None:
    """A writer's nonce, and how many of its records are here; None where there is no such writer.
    Its row is locked, so that whoever else ships for it waits."""
    row = await tx.fetchrow(
        "SELECT nonce, shipped FROM journal_writer WHERE writer_id = $1 FOR UPDATE", writer
    )
    return None if row is None else (row["nonce"], row["shipped"])


async def unsettled(connection: Connection) -> list[dict[str, Any]]:
    """The writers that are not done with."""
    rows = await connection.fetch(
        """SELECT writer_id AS writer, host, process, started_at, seen_at, shipped, counted,
                  ended_at IS NOT NULL AS ended
             FROM journal_writer WHERE NOT settled ORDER BY writer_id"""
    )
    return [dict(row) for row in rows]


async def size(connection: Connection) -> dict[str, int]:
    """How many records are kept, and in how many bytes."""
    row = await connection.fetchrow(
        """SELECT coalesce(sum(count), 0)::bigint AS records,
                  coalesce(sum(octet_length(records)), 0)::bigint AS bytes FROM journal_piece"""
    )
    assert row is not None
    return dict(row)


async def prefix_names(connection: Connection) -> dict[int, str]:
    rows = await connection.fetch("SELECT prefix_id, prefix FROM prefix")
    return {row["prefix_id"]: row["prefix"] for row in rows}
