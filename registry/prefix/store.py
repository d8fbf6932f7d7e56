"""SQL of prefixes and of what is owed to the national node."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from registry.database import Connection, storable
from registry.enterprise.enterprise import EnterpriseState
from registry.prefix.prefix import Holding, Hosting, Prefix, PrefixState, Routing
from registry.record.typed_data import Admin


class Owed(msgspec.Struct, frozen=True):
    """An item of the outbox, leased to one sender."""

    outbox_id: int
    kind: str
    subject: str
    payload: dict[str, Any]
    attempts: int
    owed_at: datetime


async def add(
    tx: Connection, prefix: str, enterprise_id: int, hosting: Hosting, routing: Routing | None
) -> Prefix | None:
    """The new prefix, waiting for review; None where it is taken."""
    row = await tx.fetchrow(
        """INSERT INTO prefix (prefix, enterprise_id, state, hosting, routing)
           VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (prefix) DO NOTHING
           RETURNING prefix, enterprise_id, state, hosting, routing, administrators, note,
                     filing_rev, filed_at, requested_at, reviewed_by, reviewed_at, activated_at""",
        prefix,
        enterprise_id,
        PrefixState.WAITING,
        hosting,
        _json(routing),
    )
    return _prefix(row) if row else None


async def lock_codes(tx: Connection) -> None:
    """Keep other transactions from allocating codes until this one ends."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('prefix-code', 0))")


async def next_free_code(tx: Connection, secondary: str) -> int:
    """The lowest number that no prefix under the secondary prefix has; codes must be locked.

    Numbers of rejected applications are not used again: somebody may have noted them down. Not
    the number above the highest: whoever asks for code 999999999 would make all later ones long.
    """
    free: int = await tx.fetchval(
        """SELECT min(used.code) + 1
             FROM (SELECT 0 AS code
                   UNION ALL
                   SELECT substr(prefix, length($1) + 2)::bigint FROM prefix
                    WHERE prefix ~ ('^' || replace($1, '.', '\\.') || '\\.[1-9][0-9]{0,17}$')) used
            WHERE NOT EXISTS (SELECT FROM prefix
                               WHERE prefix = $1 || '.' || (used.code + 1)::text)""",
        secondary,
    )
    return free


async def get(connection: Connection, prefix: str, *, lock: bool = False) -> Prefix | None:
    if not storable(prefix):
        return None
    row = await connection.fetchrow(
        """SELECT prefix, enterprise_id, state, hosting, routing, administrators, note,
                  filing_rev, filed_at, requested_at, reviewed_by, reviewed_at, activated_at
             FROM prefix WHERE prefix = $1"""
        + (" FOR UPDATE" if lock else ""),
        prefix,
    )
    return _prefix(row) if row else None


async def page(
    connection: Connection,
    *,
    enterprise_id: int | None,
    state: PrefixState | None,
    after: str,
    limit: int,
) -> list[Prefix]:
    rows = await connection.fetch(
        """SELECT prefix, enterprise_id, state, hosting, routing, administrators, note,
                  filing_rev, filed_at, requested_at, reviewed_by, reviewed_at, activated_at
             FROM prefix
            WHERE prefix > $3 AND ($1::bigint IS NULL OR enterprise_id = $1)
              AND ($2::smallint IS NULL OR state = $2)
            ORDER BY prefix LIMIT $4""",
        enterprise_id,
        state,
        after,
        limit,
    )
    return [_prefix(row) for row in rows]


async def set_state(
    tx: Connection, prefix: str, state: PrefixState, *, note: str | None, reviewer: str | None
) -> None:
    """Set the state; a reviewer is remembered where one decided."""
    await tx.execute(
        """UPDATE prefix
              SET state = $2::smallint, note = $3,
                  reviewed_by = coalesce($4, reviewed_by),
                  reviewed_at = CASE WHEN $4::text IS NULL THEN reviewed_at ELSE now() END,
                  activated_at = CASE WHEN $2::smallint = 1 THEN coalesce(activated_at, now())
                                      ELSE activated_at END
            WHERE prefix = $1""",
        prefix,
        state,
        note,
        reviewer,
    )


async def set_routing(
    tx: Connection, prefix: str, hosting: Hosting, routing: Routing | None
) -> None:
    await tx.execute(
        "UPDATE prefix SET hosting = $2, routing = $3 WHERE prefix = $1",
        prefix,
        hosting,
        _json(routing),
    )


async def set_administrators(tx: Connection, prefix: str, administrators: Sequence[Admin]) -> None:
    await tx.execute(
        "UPDATE prefix SET administrators = $2 WHERE prefix = $1", prefix, _json(administrators)
    )


async def owe_filing(tx: Connection, prefix: str, kind: str) -> int:
    """Owe the national node a filing of the prefix as it now is; the filing's revision."""
    revision: int = await tx.fetchval(
        """UPDATE prefix SET filing_rev = filing_rev + 1, filed_at = NULL
            WHERE prefix = $1 RETURNING filing_rev""",
        prefix,
    )
    await tx.execute(
        "INSERT INTO outbox (kind, subject, payload) VALUES ($1, $2, $3)",
        kind,
        prefix,
        msgspec.json.encode({"revision": revision}).decode(),
    )
    return revision


async def mark_filed(tx: Connection, prefix: str, revision: int) -> None:
    """Note that the national node has taken this revision, unless there is a later one."""
    await tx.execute(
        "UPDATE prefix SET filed_at = now() WHERE prefix = $1 AND filing_rev = $2", prefix, revision
    )


async def under_review(connection: Connection, limit: int) -> list[str]:
    """Prefixes on which the national node has yet to decide, and whose filing it has."""
    rows = await connection.fetch(
        """SELECT prefix FROM prefix WHERE state = $1 AND filed_at IS NOT NULL
            ORDER BY filed_at LIMIT $2""",
        PrefixState.UNDER_REVIEW,
        limit,
    )
    return [row["prefix"] for row in rows]


async def lease(tx: Connection, seconds: float) -> Owed | None:
    """The next item due, kept from other senders for some seconds. Items about the same subject
    go one after the other, in order."""
    row = await tx.fetchrow(
        """UPDATE outbox
              SET attempts = attempts + 1, next_attempt_at = now() + make_interval(secs => $1)
            WHERE outbox_id = (
                SELECT o.outbox_id FROM outbox o
                 WHERE o.settled_at IS NULL AND o.next_attempt_at <= now()
                   AND NOT EXISTS (SELECT FROM outbox e
                                    WHERE e.subject = o.subject AND e.settled_at IS NULL
                                      AND e.outbox_id < o.outbox_id)
                 ORDER BY o.next_attempt_at LIMIT 1 FOR UPDATE SKIP LOCKED)
           RETURNING outbox_id, kind, subject, payload, attempts, owed_at""",
        seconds,
    )
    if row is None:
        return None
    return Owed(**{**row, "payload": msgspec.json.decode(row["payload"])})


async def settle(tx: Connection, outbox_id: int, outcome: str) -> None:
    """Note what became of an item. The first to settle it decides: a sender whose lease has expired
    may come later."""
    await tx.execute(
        """UPDATE outbox SET settled_at = now(), outcome = $2, last_error = NULL
            WHERE outbox_id = $1 AND settled_at IS NULL""",
        outbox_id,
        outcome,
    )


async def postpone(tx: Connection, outbox_id: int, seconds: float, error: str) -> None:
    """Try an item again after some seconds, unless another sender has settled it."""
    await tx.execute(
        """UPDATE outbox
              SET next_attempt_at = now() + make_interval(secs => $2), last_error = $3
            WHERE outbox_id = $1 AND settled_at IS NULL""",
        outbox_id,
        seconds,
        error,
    )


async def owed(connection: Connection) -> tuple[int, datetime | None]:
    """How many items are owed, and since when the oldest one."""
    row = await connection.fetchrow(
        "SELECT count(*) AS items, min(owed_at) AS since FROM outbox WHERE settled_at IS NULL"
    )
    assert row is not None  # an aggregate always gives a row
    return row["items"], row["since"]


async def holdings(connection: Connection, prefixes: Sequence[str]) -> dict[str, Holding]:
    """The prefixes of this node among these, by their text."""
    rows = await connection.fetch(
        """SELECT p.prefix_id, p.prefix, p.enterprise_id, e.state AS enterprise_state, p.state,
                  p.hosting, p.routing, p.administrators
             FROM prefix p JOIN enterprise e USING (enterprise_id)
            WHERE p.prefix = ANY($1)""",
        [prefix for prefix in prefixes if storable(prefix)],
    )
    return {row["prefix"]: holding(row) for row in rows}


def holding(row: asyncpg.Record) -> Holding:
    return Holding(
        prefix_id=row["prefix_id"],
        prefix=row["prefix"],
        enterprise_id=row["enterprise_id"],
        enterprise_state=EnterpriseState(row["enterprise_state"]),
        state=PrefixState(row["state"]),
        hosting=Hosting(row["hosting"]),
        routing=_routing(row["routing"]),
        administrators=msgspec.json.decode(row["administrators"], type=tuple[Admin, ...]),
    )


def _prefix(row: asyncpg.Record) -> Prefix:
    return Prefix(
        prefix=row["prefix"],
        enterprise_id=row["enterprise_id"],
        state=PrefixState(row["state"]),
        hosting=Hosting(row["hosting"]),
        routing=_routing(row["routing"]),
        administrators=msgspec.json.decode(row["administrators"], type=list[Admin]),
        note=row["note"],
        filed=row["filed_at"] is not None,
        requested_at=row["requested_at"],
        reviewed_by=row["reviewed_by"],
        reviewed_at=row["reviewed_at"],
        activated_at=row["activated_at"],
    )


def _routing(text: str | None) -> Routing | None:
    return msgspec.json.decode(text, type=Routing) if text else None


def _json(value: object) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
