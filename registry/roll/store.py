"""SQL of the roll: numbered pages, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import asyncpg
import msgspec

from registry.database import Connection
from registry.enterprise.enterprise import EnterpriseState
from registry.enterprise.subject import Subject
from registry.prefix.prefix import Hosting, PrefixState


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for: text in the enterprise's name, the beginning of the prefix, and the time
    of the application, both ends included. Nothing given, everything found."""

    name: str | None = None
    prefix: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class PrefixLine:
    """A prefix with whose it is."""

    prefix_id: int
    prefix: str
    state: PrefixState
    hosting: Hosting
    requested_at: datetime
    changed_at: datetime
    enterprise_id: int
    subject: Subject


@dataclass(frozen=True, slots=True)
class EnterpriseLine:
    """An enterprise with its first prefix that is not refused, or else its first."""

    enterprise_id: int
    subject: Subject
    state: EnterpriseState
    applied_at: datetime
    changed_at: datetime
    prefix: str | None


# `$1` is the enterprise that looks, NULL for operators.
_PREFIXES = """FROM prefix p JOIN enterprise e USING (enterprise_id)
    WHERE ($1::bigint IS NULL OR p.enterprise_id = $1)
      AND ($2::text IS NULL OR position(lower($2) IN lower(e.subject ->> 'name')) > 0)
      AND ($3::text IS NULL OR starts_with(p.prefix, $3))
      AND ($4::timestamptz IS NULL OR p.requested_at >= $4)
      AND ($5::timestamptz IS NULL OR p.requested_at <= $5)"""
_ENTERPRISES = """FROM enterprise e
    WHERE ($1::bigint IS NULL OR e.enterprise_id = $1)
      AND ($2::text IS NULL OR position(lower($2) IN lower(e.subject ->> 'name')) > 0)
      AND ($3::text IS NULL OR EXISTS (SELECT FROM prefix p
                                        WHERE p.enterprise_id = e.enterprise_id
                                          AND starts_with(p.prefix, $3)))
      AND ($4::timestamptz IS NULL OR e.applied_at >= $4)
      AND ($5::timestamptz IS NULL OR e.applied_at <= $5)"""
_PREFIX_LINE = """SELECT p.prefix_id, p.prefix, p.state, p.hosting, p.requested_at,
                         greatest(p.requested_at, p.reviewed_at, p.activated_at) AS changed_at,
                         p.enterprise_id, e.subject"""
_ENTERPRISE_LINE = """SELECT e.enterprise_id, e.subject, e.state, e.applied_at,
                             greatest(e.applied_at, e.decided_at) AS changed_at,
                             (SELECT p.prefix FROM prefix p
                               WHERE p.enterprise_id = e.enterprise_id
                               ORDER BY p.state = 3, p.prefix_id LIMIT 1) AS prefix"""


async def prefixes(
    connection: Connection, enterprise_id: int | None, search: Search, offset: int, limit: int
) -> tuple[int, list[PrefixLine]]:
    """How many there are, and those of one page."""
    total = await connection.fetchval(
        f"SELECT count(*) {_PREFIXES}", *_given(enterprise_id, search)
    )
    rows = await connection.fetch(
        f"{_PREFIX_LINE} {_PREFIXES} ORDER BY p.prefix_id DESC OFFSET $6 LIMIT $7",
        *_given(enterprise_id, search),
        offset,
        limit,
    )
    return total, [_prefix_line(row) for row in rows]


async def prefix(connection: Connection, text: str) -> PrefixLine | None:
    row = await connection.fetchrow(
        f"{_PREFIX_LINE} FROM prefix p JOIN enterprise e USING (enterprise_id) WHERE p.prefix = $1",
        text,
    )
    return _prefix_line(row) if row else None


async def enterprises(
    connection: Connection, enterprise_id: int | None, search: Search, offset: int, limit: int
) -> tuple[int, list[EnterpriseLine]]:
    """How many there are, and those of one page."""
    total = await connection.fetchval(
        f"SELECT count(*) {_ENTERPRISES}", *_given(enterprise_id, search)
    )
    rows = await connection.fetch(
        f"{_ENTERPRISE_LINE} {_ENTERPRISES} ORDER BY e.enterprise_id DESC OFFSET $6 LIMIT $7",
        *_given(enterprise_id, search),
        offset,
        limit,
    )
    return total, [_enterprise_line(row) for row in rows]


async def enterprise(connection: Connection, enterprise_id: int) -> EnterpriseLine | None:
    row = await connection.fetchrow(
        f"{_ENTERPRISE_LINE} FROM enterprise e WHERE e.enterprise_id = $1::bigint", enterprise_id
    )
    return _enterprise_line(row) if row else None


def _given(enterprise_id: int | None, search: Search) -> tuple[object, ...]:
    return enterprise_id, search.name, search.prefix, search.since, search.until


def _prefix_line(row: asyncpg.Record) -> PrefixLine:
    return PrefixLine(
        prefix_id=row["prefix_id"],
        prefix=row["prefix"],
        state=PrefixState(row["state"]),
        hosting=Hosting(row["hosting"]),
        requested_at=row["requested_at"],
        changed_at=row["changed_at"],
        enterprise_id=row["enterprise_id"],
        subject=_subject(row),
    )


def _enterprise_line(row: asyncpg.Record) -> EnterpriseLine:
    return EnterpriseLine(
        enterprise_id=row["enterprise_id"],
        subject=_subject(row),
        state=EnterpriseState(row["state"]),
        applied_at=row["applied_at"],
        changed_at=row["changed_at"],
        prefix=row["prefix"],
    )


def _subject(row: asyncpg.Record) -> Subject:
    return msgspec.json.decode(row["subject"], type=Subject)
