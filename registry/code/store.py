"""SQL of code reservations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

import asyncpg
import msgspec

from registry.access.actor import Actor
from registry.database import Connection


class CodeState(StrEnum):
    RESERVED = "reserved"
    REGISTERED = "registered"


class Code(msgspec.Struct, frozen=True):
    """A reserved code as an identifier, and whether it has been registered."""

    handle: str
    state: CodeState


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """Codes that one production line may use and no other gets."""

    reservation_id: int
    prefix: str
    pattern: str
    line: str
    count: int
    registered: int  # how many of them have been registered
    reserved_at: datetime


async def next_serial(tx: Connection, prefix_id: int, scope: str) -> int:
    """The next serial of a scope. Others wait here until this transaction has ended."""
    serial: int = await tx.fetchval(
        """INSERT INTO code_counter AS c (prefix_id, scope, next_serial) VALUES ($1, $2, 1)
           ON CONFLICT (prefix_id, scope) DO UPDATE SET next_serial = c.next_serial
           RETURNING next_serial""",
        prefix_id,
        scope,
    )
    return serial


async def set_next_serial(tx: Connection, prefix_id: int, scope: str, serial: int) -> None:
    await tx.execute(
        "UPDATE code_counter SET next_serial = $3 WHERE prefix_id = $1 AND scope = $2",
        prefix_id,
        scope,
        serial,
    )


async def pass_serials(tx: Connection, prefix_id: int, scope: str, serial: int) -> None:
    """Let no serial below this one be handed out any more."""
    await tx.execute(
        """INSERT INTO code_counter AS c (prefix_id, scope, next_serial) VALUES ($1, $2, $3)
           ON CONFLICT (prefix_id, scope)
           DO UPDATE SET next_serial = greatest(c.next_serial, excluded.next_serial)""",
        prefix_id,
        scope,
        serial,
    )


async def add(
    tx: Connection, prefix_id: int, pattern: str, line: str, count: int, actor: Actor
) -> int:
    """A new reservation's number."""
    number: int = await tx.fetchval(
        """INSERT INTO code_reservation (prefix_id, pattern, line, count, actor)
           VALUES ($1, $2, $3, $4, $5) RETURNING reservation_id""",
        prefix_id,
        pattern,
        line,
        count,
        actor.name,
    )
    return number


async def reserve(
    tx: Connection,
    prefix_id: int,
    reservation_id: int,
    codes: Sequence[tuple[str, str]],
    limit: int,
) -> list[str]:
    """Reserve the first codes (comparison form, spelling) in order of their comparison form that
    are neither reserved nor registered, live or withdrawn; the comparison forms of those got."""
    rows = await tx.fetch(
        """INSERT INTO reserved_code (prefix_id, suffix, suffix_shown, reservation_id)
           SELECT $1, suffix, shown, $2
             FROM unnest($3::text[], $4::text[]) AS code(suffix, shown)
            WHERE NOT EXISTS (SELECT FROM identifier i
                               WHERE i.prefix_id = $1 AND i.suffix = code.suffix)
              AND NOT EXISTS (SELECT FROM reserved_code r
                               WHERE r.prefix_id = $1 AND r.suffix = code.suffix)
            ORDER BY suffix COLLATE "C" LIMIT $5
           ON CONFLICT DO NOTHING RETURNING suffix""",
        prefix_id,
        reservation_id,
        [suffix for suffix, _ in codes],
        [shown for _, shown in codes],
        limit,
    )
    return [row["suffix"] for row in rows]


async def get(connection: Connection, reservation_id: int) -> tuple[Reservation, int] | None:
    """A reservation and the enterprise it belongs to."""
    row = await connection.fetchrow(
        """SELECT r.reservation_id, p.prefix, p.enterprise_id, r.pattern, r.line, r.count,
                  r.reserved_at,
                  (SELECT count(*) FROM reserved_code c
                     JOIN identifier i USING (prefix_id, suffix)
                    WHERE c.reservation_id = r.reservation_id) AS registered
             FROM code_reservation r JOIN prefix p USING (prefix_id)
            WHERE r.reservation_id = $1""",
        reservation_id,
    )
    return (_reservation(row), row["enterprise_id"]) if row else None


async def page(connection: Connection, prefix_id: int, after: int, limit: int) -> list[Reservation]:
    rows = await connection.fetch(
        """SELECT r.reservation_id, p.prefix, r.pattern, r.line, r.count, r.reserved_at,
                  (SELECT count(*) FROM reserved_code c
                     JOIN identifier i USING (prefix_id, suffix)
                    WHERE c.reservation_id = r.reservation_id) AS registered
             FROM code_reservation r JOIN prefix p USING (prefix_id)
            WHERE r.prefix_id = $1 AND r.reservation_id > $2
            ORDER BY r.reservation_id LIMIT $3""",
        prefix_id,
        after,
        limit,
    )
    return [_reservation(row) for row in rows]


async def codes(
    connection: Connection, reservation_id: int, after: str, limit: int
) -> list[tuple[str, Code]]:
    """Codes of a reservation in order of their comparison form, which stands first, above
    `after`."""
    rows = await connection.fetch(
        """SELECT p.prefix || '/' || c.suffix_shown AS handle, c.suffix,
                  i.suffix IS NOT NULL AS registered
             FROM reserved_code c JOIN prefix p USING (prefix_id)
             LEFT JOIN identifier i USING (prefix_id, suffix)
            WHERE c.reservation_id = $1 AND c.suffix > $2
            ORDER BY c.suffix LIMIT $3""",
        reservation_id,
        after,
        limit,
    )
    return [
        (
            row["suffix"],
            Code(row["handle"], CodeState.REGISTERED if row["registered"] else CodeState.RESERVED),
        )
        for row in rows
    ]


def _reservation(row: asyncpg.Record) -> Reservation:
    return Reservation(
        reservation_id=row["reservation_id"],
        prefix=row["prefix"],
        pattern=row["pattern"],
        line=row["line"],
        count=row["count"],
        registered=row["registered"],
        reserved_at=row["reserved_at"],
    )
