"""SQL of queries. Each way looks at a bounded part of the table, whatever it is asked.

A *walk* goes through the key in order, no further than some thousands of identifiers. What is rare
would take many walks, so first some are *gathered* from the pages that can have them: the index
`identifier_lot` knows those of a template and of a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from registry.database import Connection
from registry.importing.store import REGISTERED_AT
from registry.query.question import Question, Span, State

WALK = 20_000  # identifiers that a walk looks at
GATHER = 25_000  # identifiers that are worth gathering and putting in order
BATCHES = 20_000  # batches that are worth looking at before
GATHER_MILLISECONDS = 2_000

_REGISTERED_AT = f"(SELECT {REGISTERED_AT} FROM batch b WHERE b.batch_id = i.batch_id)"
_TIMED = f"""({{since}}::timestamptz IS NULL OR {_REGISTERED_AT} >= {{since}})
             AND ({{until}}::timestamptz IS NULL OR {_REGISTERED_AT} < {{until}})"""
_OWN = """i.batch_id, i.prefix_id, i.revision, i.template_id, i.suffix, i.suffix_shown,
          i.public_values, i.private_values"""
_SHOWN = f"""SELECT i.suffix, i.suffix_shown, i.revision, i.batch_id, i.template_id,
                    (SELECT t.version FROM template t WHERE t.template_id = i.template_id)
                        AS template,
                    {_REGISTERED_AT} AS registered_at,
                    coalesce(octet_length(i.public_values), 0)
                        + coalesce(octet_length(i.private_values), 0) AS size"""


@dataclass(frozen=True, slots=True)
class Entry:
    """An identifier in a list. `template` is a version, `size` that of its own values in bytes."""

    suffix: str
    shown: str | None
    revision: int
    live: bool
    batch_id: int
    template: str | None
    registered_at: datetime
    size: int

    @property
    def spelling(self) -> str:
        return self.shown or self.suffix


@dataclass(frozen=True, slots=True)
class Sought:
    """A question in the database's terms."""

    prefix_id: int
    span: Span
    state: State
    template_id: int | None
    since: datetime | None
    until: datetime | None

    @classmethod
    def of(cls, prefix_id: int, question: Question, span: Span, template_id: int | None) -> Sought:
        return cls(prefix_id, span, question.state, template_id, question.since, question.until)

    @property
    def selective(self) -> bool:
        """Whether it may be worth gathering what it asks for."""
        timed = self.since is not None or self.until is not None
        return (self.template_id is not None or timed) and self.state is not State.WITHDRAWN


async def template_id(connection: Connection, prefix_id: int, version: str) -> int | None:
    """The template in use of this version."""
    found: int | None = await connection.fetchval(
        """SELECT template_id FROM template
            WHERE prefix_id = $1 AND version = $2 AND deleted_at IS NULL""",
        prefix_id,
        version,
    )
    return found


async def walk(connection: Connection, sought: Sought, limit: int) -> list[Entry]:
    """The first identifiers sought among the next WALK of the span, in order."""
    rows = await connection.fetch(
        f"""{_SHOWN}
              FROM {_near(sought)} AS i
             WHERE {_state(sought, "i")} AND ($6::integer IS NULL OR i.template_id = $6)
               AND {_TIMED.format(since="$7", until="$8")}
             ORDER BY i.suffix LIMIT $5""",
        sought.prefix_id,
        sought.span.low,
        sought.span.end,
        WALK,
        limit,
        sought.template_id,
        sought.since,
        sought.until,
    )
    return [_entry(row) for row in rows]


async def walked(connection: Connection, sought: Sought) -> str | None:
    """The last suffix that a walk looks at; None where it comes to the end of the span."""
    found: str | None = await connection.fetchval(
        f"SELECT suffix FROM {_near(sought)} AS i ORDER BY suffix OFFSET $4 - 1",
        sought.prefix_id,
        sought.span.low,
        sought.span.end,
        WALK,
    )
    return found


async def gather(tx: Connection, sought: Sought, limit: int) -> list[str] | None:
    """The first suffixes sought, in order; None where there are too many to gather all, or they
    lie too far apart."""
    first = last = None
    if sought.since is not None or sought.until is not None:
        lot = await _batches(tx, sought)
        if lot is None:
            return None
        first, last = lot
    try:
        async with tx.transaction():
            await tx.execute(f"SET LOCAL statement_timeout = {GATHER_MILLISECONDS}")
            # What is best depends on what is asked, which a plan for all does not know.
            await tx.execute("SET LOCAL plan_cache_mode = force_custom_plan")
            rows = await tx.fetch(
                f"""WITH found AS MATERIALIZED (
                        (SELECT i.suffix FROM identifier i
                          WHERE i.prefix_id = $1 AND i.suffix >= $2 AND i.suffix < $3
                            AND {_state(sought, "i")} AND {_lot(sought, first)}
                            AND {_TIMED.format(since="$5", until="$6")}
                          LIMIT $7)
                        UNION
                        (SELECT i.suffix FROM {_brought(sought)} o
                           JOIN identifier i USING (prefix_id, suffix)
                          WHERE o.prefix_id = $1 AND i.suffix >= $2 AND i.suffix < $3
                            AND {_state(sought, "i")}
                            AND ($4::integer IS NULL OR i.template_id = $4)
                            AND {_TIMED.format(since="$5", until="$6")}
                          LIMIT $7))
                    SELECT suffix, count(*) OVER () AS total FROM found ORDER BY suffix LIMIT $8""",
                sought.prefix_id,
                sought.span.low,
                sought.span.end,
                sought.template_id,
                sought.since,
                sought.until,
                GATHER + 1,
                limit,
                *(() if first is None else (first, last)),
            )
    except asyncpg.QueryCanceledError:
        return None
    if rows and rows[0]["total"] > GATHER:
        return None
    return [row["suffix"] for row in rows]


async def entries(connection: Connection, prefix_id: int, suffixes: Sequence[str]) -> list[Entry]:
    """Identifiers by their suffixes, in order."""
    rows = await connection.fetch(
        f"""{_SHOWN} FROM identifier i
             WHERE i.prefix_id = $1 AND i.suffix = ANY($2) ORDER BY i.suffix""",
        prefix_id,
        suffixes,
    )
    return [_entry(row) for row in rows]


async def summarise(tx: Connection) -> None:
    """Tell the index of what was registered since the last time: until then it takes those pages
    for ones that can have anything. Left alone where a vacuum is at work, which does the same."""
    try:
        async with tx.transaction():
            await tx.execute("SET LOCAL lock_timeout = '500ms'")  # longer would end the vacuum
            await tx.execute("SELECT brin_summarize_new_values('identifier_lot')")
    except (asyncpg.LockNotAvailableError, asyncpg.InsufficientPrivilegeError):
        pass


async def _batches(tx: Connection, sought: Sought) -> tuple[int, int] | None:
    """The lowest and the highest batch of the times sought; None where they have too many
    identifiers to gather, or are too many to tell."""
    row = await tx.fetchrow(
        """SELECT count(*) AS batches, coalesce(sum(created), 0) AS created,
                  coalesce(min(batch_id), 0) AS first, coalesce(max(batch_id), 0) AS last
             FROM (SELECT batch_id, created FROM batch
                    WHERE prefix_id = $1 AND method <> 6
                      AND ($2::timestamptz IS NULL OR registered_at >= $2)
                      AND ($3::timestamptz IS NULL OR registered_at < $3)
                    LIMIT $4) AS lot""",
        sought.prefix_id,
        sought.since,
        sought.until,
        BATCHES + 1,
    )
    assert row is not None  # an aggregate always gives a row
    if row["batches"] > BATCHES or (row["created"] > GATHER and sought.template_id is None):
        return None
    return row["first"], row["last"]


def _near(sought: Sought) -> str:
    """The next WALK identifiers ($4) of the span: of those that ever were withdrawn, where these
    are asked for."""
    if sought.state is State.WITHDRAWN:
        return f"""(SELECT {_OWN} FROM (SELECT DISTINCT suffix FROM revision
                                    WHERE prefix_id = $1 AND action = 2
                                      AND suffix >= $2 AND suffix < $3
                                    ORDER BY suffix LIMIT $4) AS ever
                     JOIN identifier i ON i.prefix_id = $1 AND i.suffix = ever.suffix)"""
    return f"""(SELECT {_OWN} FROM identifier i
                WHERE i.prefix_id = $1 AND i.suffix >= $2 AND i.suffix < $3
                ORDER BY i.suffix LIMIT $4)"""


def _state(sought: Sought, alias: str) -> str:
    states = {State.LIVE: f"{alias}.revision > 0", State.WITHDRAWN: f"{alias}.revision < 0"}
    return states.get(sought.state, "true")


def _lot(sought: Sought, first: int | None) -> str:
    """What the index can answer: the template, the batches."""
    lots = []
    if sought.template_id is not None:
        lots.append("i.template_id = $4")
    else:
        lots.append("$4::integer IS NULL")
    if first is not None:
        lots.append("i.batch_id BETWEEN $9 AND $10")
    return " AND ".join(lots)


def _brought(sought: Sought) -> str:
    """Those brought over, whose batches say nothing of their times."""
    if sought.since is None and sought.until is None:
        return "(SELECT prefix_id, suffix FROM imported WHERE false)"
    return """(SELECT prefix_id, suffix FROM imported
                WHERE prefix_id = $1 AND ($5::timestamptz IS NULL OR registered_at >= $5)
                  AND ($6::timestamptz IS NULL OR registered_at < $6))"""


def _entry(row: asyncpg.Record) -> Entry:
    return Entry(
        suffix=row["suffix"],
        shown=row["suffix_shown"],
        revision=abs(row["revision"]),
        live=row["revision"] > 0,
        batch_id=row["batch_id"],
        template=row["template"],
        registered_at=row["registered_at"],
        size=row["size"],
    )
