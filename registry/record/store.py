"""SQL of records: identifiers, their batches and their history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum

import asyncpg

from registry.access.actor import Actor
from registry.database import Connection
from registry.importing.store import REGISTERED_AT
from registry.lookup import store as searchable
from registry.prefix.prefix import Holding
from registry.prefix.store import holding
from registry.record.tag import Tag
from registry.template.compiled import Compiled

# Held shared by every transaction that registers or changes, and alone by the one that closes a
# day. It comes with a statement before the one that takes the time, whose look at the last closed
# day must be younger than the lock.
DAY_LOCK = 0x62696164
_HOLD_DAY = f"held AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared({DAY_LOCK}))"


def without_times(text: str) -> str:
    """SQL for a stored text without the times of its values, where all of them are the first one's,
    as after a registration. Only a real time stands like this: inside a string every quotation mark
    is escaped. Much cheaper than a regular expression."""
    known = f"""nullif(strpos({text}, ',"timestamp":"'), 0)"""
    return f"coalesce(replace({text}, substr({text}, {known}, {TIME_LENGTH}), ''), {text})"


TIME_LENGTH = len(',"timestamp":"2026-01-01T00:00:00Z"')


class Action(IntEnum):
    AMENDED = 1
    WITHDRAWN = 2
    REVIVED = 3


@dataclass(frozen=True, slots=True)
class Row:
    """A stored record. `public` is JSON text, `private` sealed JSON text. With a data template they
    hold only what differs from it, and None is nothing. `generation` is the template's, where the
    row was read to be shown. In the database a withdrawn record has its revision negative, since
    a ninth column would cost every row eight bytes."""

    prefix_id: int
    suffix: str
    shown: str | None
    public: str | None
    private: bytes | None
    revision: int = 1
    live: bool = True
    batch_id: int = 0
    template_id: int | None = None
    generation: int | None = None

    @property
    def tag(self) -> Tag:
        """Of a row that was read to be shown."""
        return Tag(self.revision, self.generation)

    @property
    def spelling(self) -> str:
        """The suffix as it was registered."""
        return self.shown or self.suffix


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a record: what was there before it made `revision`."""

    revision: int
    changed_at: datetime
    action: Action
    actor: str
    public_before: str | None
    private_before: bytes | None
    template_before: int | None


@dataclass(frozen=True, slots=True)
class Found:
    """What one look at the database tells about an identifier."""

    holding: Holding | None
    row: Row | None
    registered_at: datetime | None
    template: Compiled | None = None


async def batch_ids(tx: Connection, count: int) -> list[int]:
    """Numbers for new batches. Those of transactions that fail are never used."""
    records = await tx.fetch(
        f"""WITH {_HOLD_DAY}
           SELECT nextval(pg_get_serial_sequence('batch', 'batch_id')) AS batch_id
             FROM held, generate_series(1, $1)""",
        count,
    )
    return [record["batch_id"] for record in records]


async def insert(
    tx: Connection,
    prefix_id: int,
    rows: Sequence[Row],
    of: Sequence[int],
    *,
    method: int,
    batches: Sequence[tuple[int, Actor]],
) -> set[str]:
    """Insert those rows that don't exist yet, each of the batch that stands at its place in `of`,
    and these batches with how many were new; the suffixes inserted.

    The rows must be sorted by suffix: overlapping transactions that insert in different orders
    lock each other out.
    """
    inserted = await tx.fetch(
        """WITH fresh AS (
               INSERT INTO identifier (batch_id, prefix_id, suffix, suffix_shown, public_values,
                                       private_values, template_id)
               SELECT batch_id, $1, suffix, shown, public, private, template_id
                 FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::bytea[],
                             $11::integer[])
                      AS item(batch_id, suffix, shown, public, private, template_id)
               ON CONFLICT (prefix_id, suffix) DO NOTHING
               RETURNING batch_id, suffix),
           counted AS (
               INSERT INTO batch (batch_id, prefix_id, method, created, actor, request_id)
               SELECT batch_id, $1, $7, count(*), actor, request_id
                 FROM fresh
                 JOIN unnest($8::bigint[], $9::text[], $10::text[])
                      AS wanted(batch_id, actor, request_id) USING (batch_id)
                GROUP BY batch_id, actor, request_id)
           SELECT suffix FROM fresh""",
        prefix_id,
        of,
        [row.suffix for row in rows],
        [row.shown for row in rows],
        [row.public for row in rows],
        [row.private for row in rows],
        method,
        [batch_id for batch_id, _ in batches],
        [actor.name for _, actor in batches],
        [actor.request_id for _, actor in batches],
        [row.template_id for row in rows],
    )
    suffixes = {record["suffix"] for record in inserted}
    if noted := [row.suffix for row in rows if _noted(row) and row.suffix in suffixes]:
        await searchable.note(tx, prefix_id, noted)
    return suffixes


async def insert_many(
    tx: Connection,
    prefix_id: int,
    batch_id: int,
    *,
    suffixes: Sequence[str],
    shown: Sequence[str | None],
    public: Sequence[str | None],
    private: Sequence[bytes | None] | None,
    method: int,
    actor: Actor,
) -> int:
    """Insert the rows of one batch that don't exist yet, and the batch; how many were new.

    Sorted by suffix, as for `insert`. An empty array stands for a column of nulls: unnest fills
    the shorter ones up.
    """
    created: int = await tx.fetchval(
        """WITH fresh AS (
               INSERT INTO identifier (batch_id, prefix_id, suffix, suffix_shown, public_values,
                                       private_values)
               SELECT $1, $2, suffix, shown, public, private
                 FROM unnest($3::text[], $4::text[], $5::text[], $6::bytea[])
                      AS item(suffix, shown, public, private)
               ON CONFLICT (prefix_id, suffix) DO NOTHING
               RETURNING 1),
           counted AS (SELECT count(*) AS created FROM fresh),
           noted AS (
               INSERT INTO batch (batch_id, prefix_id, method, created, actor, request_id)
               SELECT $1, $2, $7, created, $8, $9 FROM counted WHERE created > 0)
           SELECT created FROM counted""",
        batch_id,
        prefix_id,
        suffixes,
        shown if any(shown) else [],
        public,
        private or [],
        method,
        actor.name,
        actor.request_id,
    )
    return created


async def older(
    tx: Connection,
    prefix_id: int,
    suffixes: Sequence[str],
    public: Sequence[str],
    batch_id: int,
) -> dict[str, bool]:
    """Those of these suffixes that have a row of another batch than this, and whether that is a
    live record with this public text and nothing else. It may say so of fewer than there are: what
    is told to differ has to be looked at."""
    records = await tx.fetch(
        f"""SELECT i.suffix, i.revision > 0 AND i.template_id IS NULL
                   AND i.private_values IS NULL
                   AND {without_times("i.public_values")} = {without_times("item.public")} AS same
              FROM unnest($2::text[], $3::text[]) AS item(suffix, public)
              JOIN identifier i ON i.prefix_id = $1 AND i.suffix = item.suffix
             WHERE i.batch_id <> $4""",
        prefix_id,
        suffixes,
        public,
        batch_id,
    )
    return {record["suffix"]: record["same"] for record in records}


async def rows(
    connection: Connection, prefix_id: int, suffixes: Sequence[str], *, lock: bool = False
) -> dict[str, Row]:
    """The rows of these suffixes. Locked ones are locked in key order, and may be changed."""
    columns = """SELECT batch_id, prefix_id, revision, suffix, suffix_shown, public_values,
                        private_values, template_id"""
    chosen = "WHERE prefix_id = $1 AND suffix = ANY($2)"
    locked = f"""WITH {_HOLD_DAY} {columns} FROM held, identifier {chosen}
                 ORDER BY suffix FOR UPDATE OF identifier"""
    records = await connection.fetch(
        locked if lock else f"{columns} FROM identifier {chosen}",
        prefix_id,
        suffixes,
    )
    return {record["suffix"]: row_of(record) for record in records}


async def change(tx: Connection, before: Row, after: Row, action: Action, actor: Actor) -> Row:
    """Replace a locked row and write down what it was; the row as it is then."""
    (row,) = await change_many(tx, [(before, after)], action, actor)
    return row


async def change_many(
    tx: Connection, changes: Sequence[tuple[Row, Row]], action: Action, actor: Actor
) -> list[Row]:
    """Replace locked rows of one prefix, each once, and write down what they were; the rows as they
    are then. Every change of a record is made here."""
    if not changes:
        return []
    rows = [
        replace(after, revision=before.revision + 1, batch_id=before.batch_id, shown=before.shown)
        for before, after in changes
    ]
    changed = await tx.execute(
        """WITH item AS (
               SELECT suffix, revision, public, private, template_id
                 FROM unnest($2::text[], $3::integer[], $4::text[], $5::bytea[], $6::integer[])
                      AS item(suffix, revision, public, private, template_id)),
           written AS (
               INSERT INTO revision (prefix_id, suffix, revision, changed_at, action, actor,
                                     request_id, public_before, private_before, template_before)
               SELECT i.prefix_id, i.suffix, abs(item.revision),
                      (SELECT registration_time()),  -- once, where the default would be each time
                      $7, $8, $9, i.public_values, i.private_values, i.template_id
                 FROM item JOIN identifier i ON i.prefix_id = $1 AND i.suffix = item.suffix)
           UPDATE identifier i
              SET revision = item.revision, public_values = item.public,
                  private_values = item.private, template_id = item.template_id
             FROM item
            WHERE i.prefix_id = $1 AND i.suffix = item.suffix""",
        changes[0][0].prefix_id,
        [row.suffix for row in rows],
        [row.revision if row.live else -row.revision for row in rows],
        [row.public for row in rows],
        [row.private for row in rows],
        [row.template_id for row in rows],
        action,
        actor.name,
        actor.request_id,
    )
    assert changed == f"UPDATE {len(rows)}", changed  # locked, and rows are never deleted
    await _note_changes(tx, changes)
    return rows


async def _note_changes(tx: Connection, changes: Sequence[tuple[Row, Row]]) -> None:
    """Keep the index of searchable values as the records are."""
    prefix_id = changes[0][0].prefix_id
    if stale := [before.suffix for before, _ in changes if _noted(before)]:
        await searchable.forget(tx, prefix_id, stale)
    if fresh := [before.suffix for before, after in changes if _noted(after)]:
        await searchable.note(tx, prefix_id, fresh)


def _noted(row: Row) -> bool:
    """Whether a record may have values in the index."""
    return row.template_id is not None and row.public is not None


async def find(connection: Connection, prefix: str, suffix: str) -> Found:
    """Whether the prefix lives here, and the record if there is one, in one round trip. Of its
    template there is the generation, which is enough for whoever has seen it before."""
    record = await connection.fetchrow(
        f"""SELECT p.prefix_id, p.prefix, p.enterprise_id, e.state AS enterprise_state, p.state,
                  p.hosting, p.routing, p.administrators,
                  i.batch_id, i.revision, i.suffix, i.suffix_shown, i.public_values,
                  i.private_values, i.template_id, t.generation,
                  {REGISTERED_AT} AS registered_at
             FROM prefix p
             JOIN enterprise e USING (enterprise_id)
             LEFT JOIN identifier i ON i.prefix_id = p.prefix_id AND i.suffix = $2
             LEFT JOIN batch b ON b.batch_id = i.batch_id
             LEFT JOIN template t ON t.template_id = i.template_id
            WHERE p.prefix = $1""",
        prefix,
        suffix,
    )
    if record is None:
        return Found(None, None, None)
    if record["suffix"] is None:
        return Found(holding(record), None, None)
    row = replace(row_of(record), generation=record["generation"])
    return Found(holding(record), row, record["registered_at"])


async def history(
    connection: Connection, prefix_id: int, suffix: str, *, until: int
) -> list[Change]:
    """The changes of a record up to a revision, oldest first."""
    records = await connection.fetch(
        """SELECT revision, changed_at, action, actor, public_before, private_before,
                  template_before
             FROM revision WHERE prefix_id = $1 AND suffix = $2 AND revision <= $3
            ORDER BY revision""",
        prefix_id,
        suffix,
        until,
    )
    return [
        Change(
            record["revision"],
            record["changed_at"],
            Action(record["action"]),
            record["actor"],
            record["public_before"],
            record["private_before"],
            record["template_before"],
        )
        for record in records
    ]


async def numbered_page(
    connection: Connection, prefix_id: int, offset: int, limit: int
) -> list[str]:
    """Live suffixes by page number, as the Handle API asks for them."""
    records = await connection.fetch(
        """SELECT coalesce(suffix_shown, suffix) AS shown FROM identifier
            WHERE prefix_id = $1 AND revision > 0 ORDER BY suffix OFFSET $2 LIMIT $3""",
        prefix_id,
        offset,
        limit,
    )
    return [record["shown"] for record in records]


async def count(connection: Connection, prefix_id: int) -> int:
    """Live records of a prefix."""
    number: int = await connection.fetchval(
        "SELECT count(*) FROM identifier WHERE prefix_id = $1 AND revision > 0", prefix_id
    )
    return number


def row_of(record: asyncpg.Record) -> Row:
    return Row(
        prefix_id=record["prefix_id"],
        suffix=record["suffix"],
        shown=record["suffix_shown"],
        public=record["public_values"],
        private=record["private_values"],
        revision=abs(record["revision"]),
        live=record["revision"] > 0,
        batch_id=record["batch_id"],
        template_id=record["template_id"],
    )
