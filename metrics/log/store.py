"""SQL of the certified log. Only the sequencer changes logs, tiles and spans; only the publisher
adds checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from metrics.log.log import Kind, Log
from metrics.log.merkle import EMPTY_ROOT
from metrics.log.tile import Tile
from registry.database import Connection
from registry.leaf.leaf import Batch

SEQUENCER = 0x6269_616F_7368_6930  # "biaoshi", 0x30: held by a transaction that makes a log grow


@dataclass(frozen=True, slots=True)
class Owed:
    """Leaves that a batch is owed, and what else they are made of."""

    batch: Batch
    part: int
    at: datetime
    backfilled: bool
    leaves: bytes


@dataclass(frozen=True, slots=True)
class Span:
    """Where some of a batch's leaves stand."""

    batch_id: int
    part: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Published:
    """A checkpoint as it was published."""

    size: int
    note: str
    published_at: datetime


async def claim_leaf_key(tx: Connection, commitment: bytes, origin: str) -> datetime | None:
    """Commit this database to K and to the origin of its logs, unless it is committed already;
    since when, if only now. Whoever registers without a log holds the lock to the end of its
    transaction (see `registry.leaf`), so nothing without a leaf is younger than that."""
    if await claimed_leaf_key(tx) is not None:
        return None
    await tx.execute("LOCK TABLE leaf_key IN ACCESS EXCLUSIVE MODE")
    since: datetime | None = await tx.fetchval(
        """INSERT INTO leaf_key (commitment, origin, since)
           SELECT $1, $2, greatest(clock_timestamp(), closed_until) FROM day_ledger
           ON CONFLICT DO NOTHING RETURNING since""",
        commitment,
        origin,
    )
    return since


async def case_sensitive(connection: Connection) -> bool:
    """Whether identifiers differ by the case of their suffixes."""
    sensitive: bool | None = await connection.fetchval("SELECT case_sensitive FROM node_facts")
    return bool(sensitive)


async def claimed_leaf_key(connection: Connection) -> tuple[bytes, str] | None:
    """The commitment and origin of this node; None where no log was ever kept."""
    row = await connection.fetchrow("SELECT commitment, origin FROM leaf_key")
    return None if row is None else (row["commitment"], row["origin"])


async def note_signing_keys(tx: Connection, keys: Sequence[str]) -> bool:
    """Write down which keys sign; whether they are others than before."""
    changed = await tx.fetchval(
        """UPDATE leaf_key SET signing = $1 WHERE signing IS DISTINCT FROM $1 RETURNING true""",
        list(keys),
    )
    return bool(changed)


async def hold_sequencing(tx: Connection) -> None:
    """Wait until no other transaction makes a log grow, and keep all others from it."""
    await tx.execute("SELECT pg_advisory_xact_lock($1)", SEQUENCER)


async def owe_statement(tx: Connection, body: str) -> None:
    """Have the statements log take in a statement, after those owed before it."""
    await tx.execute("INSERT INTO statement_owed (body) VALUES ($1)", body)


async def owe_first_statement(tx: Connection, body: str) -> None:
    """As `owe_statement`, before all others: days are closed before there is a log."""
    await tx.execute(
        """INSERT INTO statement_owed (statement_id, body) OVERRIDING SYSTEM VALUE
           VALUES (0, $1)""",
        body,
    )


async def owed_statements(tx: Connection, limit: int) -> list[tuple[int, str]]:
    rows = await tx.fetch(
        "SELECT statement_id, body FROM statement_owed ORDER BY statement_id LIMIT $1", limit
    )
    return [(row["statement_id"], row["body"]) for row in rows]


async def owed_leaves(tx: Connection, *, batches: int, most: int) -> list[Owed]:
    """What is owed, the oldest batches first: so many at most, and at least one, but no more
    bytes than `most` otherwise."""
    rows = await tx.fetch(
        """WITH next AS (
               SELECT batch_id, part,
                      sum(octet_length(leaves)) OVER w - octet_length(leaves) AS before
                 FROM (SELECT batch_id, part, leaves FROM leaf_owed
                        ORDER BY batch_id, part LIMIT $1) AS oldest
               WINDOW w AS (ORDER BY batch_id, part))
           SELECT o.batch_id, o.part, o.backfilled, o.leaves, b.registered_at, b.method, b.actor,
                  p.prefix
             FROM next JOIN leaf_owed o USING (batch_id, part)
             JOIN batch b USING (batch_id) JOIN prefix p USING (prefix_id)
            WHERE before < $2 ORDER BY batch_id, part""",
        batches,
        most,
    )
    return [_owed(row) for row in rows]


async def settle_leaves(tx: Connection, owed: Sequence[Owed]) -> None:
    await tx.execute(
        """DELETE FROM leaf_owed o USING unnest($1::bigint[], $2::integer[]) AS done(batch_id, part)
            WHERE o.batch_id = done.batch_id AND o.part = done.part""",
        [one.batch.batch_id for one in owed],
        [one.part for one in owed],
    )


async def settle_statements(tx: Connection, taken: Sequence[int]) -> None:
    """By their numbers: one with a smaller number may have been committed since they were read."""
    await tx.execute(
        "DELETE FROM statement_owed WHERE statement_id = ANY($1::bigint[])", list(taken)
    )


async def any_owed(connection: Connection, registered_before: datetime) -> bool:
    """Whether leaves are owed of registrations before a moment."""
    found: bool = await connection.fetchval(
        """SELECT EXISTS (SELECT FROM leaf_owed JOIN batch USING (batch_id)
                           WHERE registered_at < $1)""",
        registered_before,
    )
    return found


async def lags(connection: Connection, registered_before: datetime) -> bool:
    """As `any_owed`, of leaves that were owed since their registration."""
    found: bool = await connection.fetchval(
        """SELECT EXISTS (SELECT FROM leaf_owed JOIN batch USING (batch_id)
                           WHERE NOT backfilled AND registered_at < $1)""",
        registered_before,
    )
    return found


async def closed_until(connection: Connection) -> datetime:
    """The end of the last closed day: whatever is registered from now on is later."""
    until: datetime = await connection.fetchval("SELECT closed_until FROM day_ledger")
    return until


async def logs(connection: Connection) -> list[Log]:
    """All logs, the present generation of each last."""
    rows = await connection.fetch(
        """SELECT log_id, kind, year, generation, name, size, root, closed_at FROM log
            ORDER BY kind, year, generation"""
    )
    return [_log(row) for row in rows]


async def named(connection: Connection, name: str) -> Log | None:
    row = await connection.fetchrow(
        """SELECT log_id, kind, year, generation, name, size, root, closed_at FROM log
            WHERE name = $1""",
        name,
    )
    return None if row is None else _log(row)


async def open_log(tx: Connection, kind: Kind, year: int, generation: int, name: str) -> Log:
    row = await tx.fetchrow(
        """INSERT INTO log (kind, year, generation, name, root) VALUES ($1, $2, $3, $4, $5)
           RETURNING log_id, kind, year, generation, name, size, root, closed_at""",
        kind,
        year,
        generation,
        name,
        EMPTY_ROOT,
    )
    assert row is not None  # an INSERT returns its row
    return _log(row)


async def close_log(tx: Connection, log_id: int, at: datetime) -> None:
    await tx.execute("UPDATE log SET closed_at = $2 WHERE log_id = $1", log_id, at)


async def copy_log(tx: Connection, old: Log, new: Log) -> None:
    """Give a successor what its predecessor holds: leaves, hashes, and where batches stand."""
    await tx.execute(
        """INSERT INTO log_tile (log_id, level, tile, content)
           SELECT $2, level, tile, content FROM log_tile WHERE log_id = $1""",
        old.log_id,
        new.log_id,
    )
    await tx.execute(
        """INSERT INTO log_span (batch_id, part, log_id, first, count)
           SELECT batch_id, part, $2, first, count FROM log_span WHERE log_id = $1""",
        old.log_id,
        new.log_id,
    )
    await tx.execute(
        """UPDATE log SET size = old.size, root = old.root
             FROM log old WHERE old.log_id = $1 AND log.log_id = $2""",
        old.log_id,
        new.log_id,
    )


async def grow(
    tx: Connection, before: Log, size: int, root: bytes, tiles: Mapping[Tile, bytes]
) -> None:
    """Make a log longer. The edge's tiles take the place of what was there of them."""
    edge = [tile for tile in tiles if tile.start < before.size >> max(0, 8 * tile.level)]
    await tx.execute(
        """DELETE FROM log_tile USING unnest($2::smallint[], $3::bigint[]) AS old(level, tile)
            WHERE log_id = $1 AND log_tile.level = old.level AND log_tile.tile = old.tile""",
        before.log_id,
        [tile.level for tile in edge],
        [tile.index for tile in edge],
    )
    await tx.copy_records_to_table(
        "log_tile",
        columns=("log_id", "level", "tile", "content"),
        records=[(before.log_id, tile.level, tile.index, tiles[tile]) for tile in sorted(tiles)],
    )
    await tx.execute(
        "UPDATE log SET size = $2, root = $3 WHERE log_id = $1", before.log_id, size, root
    )


async def add_spans(tx: Connection, log_id: int, spans: Iterable[Span]) -> None:
    await tx.copy_records_to_table(
        "log_span",
        columns=("batch_id", "part", "log_id", "first", "count"),
        records=[(span.batch_id, span.part, log_id, span.first, span.count) for span in spans],
    )


async def spans(connection: Connection, batch_id: int) -> list[tuple[int, Span]]:
    """Where a batch's leaves stand, each with its log; in the latest generation first."""
    rows = await connection.fetch(
        """SELECT log_id, batch_id, part, first, count FROM log_span WHERE batch_id = $1
            ORDER BY log_id DESC, part""",
        batch_id,
    )
    return [
        (row["log_id"], Span(row["batch_id"], row["part"], row["first"], row["count"]))
        for row in rows
    ]


async def batch(connection: Connection, batch_id: int) -> Batch:
    """A batch as its leaves know it."""
    row = await connection.fetchrow(
        """SELECT batch_id, prefix, method, actor FROM batch JOIN prefix USING (prefix_id)
            WHERE batch_id = $1""",
        batch_id,
    )
    assert row is not None  # batches are never deleted
    return Batch(row["batch_id"], row["prefix"], row["method"], row["actor"])


async def tile(connection: Connection, log_id: int, level: int, index: int) -> bytes | None:
    """The content of a tile or bundle so far."""
    content: bytes | None = await connection.fetchval(
        "SELECT content FROM log_tile WHERE log_id = $1 AND level = $2 AND tile = $3",
        log_id,
        level,
        index,
    )
    return content


async def tiles(
    connection: Connection, log_id: int, wanted: Sequence[Tile]
) -> dict[tuple[int, int], bytes]:
    """The contents of some tiles by level and index."""
    rows = await connection.fetch(
        """SELECT level, tile, content FROM log_tile
             JOIN unnest($2::smallint[], $3::bigint[]) AS wanted(level, tile) USING (level, tile)
            WHERE log_id = $1""",
        log_id,
        [one.level for one in wanted],
        [one.index for one in wanted],
    )
    return {(row["level"], row["tile"]): row["content"] for row in rows}


async def publish(tx: Connection, log_id: int, size: int, note: str) -> None:
    """Publish a checkpoint; one of the same size is replaced, as it has further cosignatures."""
    await tx.execute(
        """INSERT INTO log_checkpoint (log_id, size, note) VALUES ($1, $2, $3)
           ON CONFLICT (log_id, size) DO UPDATE SET note = excluded.note""",
        log_id,
        size,
        note,
    )


async def published(connection: Connection, log_id: int) -> Published | None:
    """The latest published checkpoint of a log."""
    row = await connection.fetchrow(
        """SELECT size, note, published_at FROM log_checkpoint
            WHERE log_id = $1 ORDER BY size DESC LIMIT 1""",
        log_id,
    )
    return None if row is None else Published(row["size"], row["note"], row["published_at"])


async def all_published(connection: Connection, log_id: int, above: int = -1) -> list[Published]:
    """The checkpoints that were kept, by size."""
    rows = await connection.fetch(
        """SELECT size, note, published_at FROM log_checkpoint
            WHERE log_id = $1 AND size > $2 ORDER BY size""",
        log_id,
        above,
    )
    return [Published(row["size"], row["note"], row["published_at"]) for row in rows]


async def thin_checkpoints(connection: Connection, hourly: datetime, daily: datetime) -> None:
    """Of checkpoints from before `hourly` keep each log's first, and the last of each hour; from
    before `daily` the last of each day in Shanghai."""
    await connection.execute(
        """WITH placed AS (
               SELECT log_id, size,
                      row_number() OVER (PARTITION BY log_id ORDER BY size) AS first,
                      row_number() OVER (
                          PARTITION BY log_id, published_at < $2, date_trunc(
                              CASE WHEN published_at < $2 THEN 'day' ELSE 'hour' END,
                              published_at, 'Asia/Shanghai')
                          ORDER BY size DESC) AS last
                 FROM log_checkpoint WHERE published_at < $1)
           DELETE FROM log_checkpoint c USING placed p
            WHERE p.log_id = c.log_id AND p.size = c.size AND p.first > 1 AND p.last > 1""",
        hourly,
        daily,
    )


def _owed(row: asyncpg.Record) -> Owed:
    batch = Batch(row["batch_id"], row["prefix"], row["method"], row["actor"])
    return Owed(batch, row["part"], row["registered_at"], row["backfilled"], row["leaves"])


def _log(row: asyncpg.Record) -> Log:
    return Log(
        log_id=row["log_id"],
        kind=Kind(row["kind"]),
        year=row["year"],
        generation=row["generation"],
        name=row["name"],
        size=row["size"],
        root=row["root"],
        closed_at=row["closed_at"],
    )
