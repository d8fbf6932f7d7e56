"""SQL of issued reports."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import asyncpg
import msgspec

from registry.database import Connection

_COLUMNS = (
    "report_id, number, revision, year, policy, kind, demo, issued_at, issued_by, digest, replaces,"
    " reason, total, potential, agreement"
)


class IssuedReport(msgspec.Struct, frozen=True, kw_only=True):
    """A report that went out. `digest` is the SHA-256 of its report.json, `total` the ceiling in
    yuan under the primary readings, null while it is not known."""

    report_id: int
    number: str
    revision: int
    year: int
    policy: str
    kind: str
    demo: bool
    issued_at: datetime
    issued_by: str
    digest: str
    replaces: str | None
    reason: str
    total: Decimal | None
    potential: Decimal
    agreement: str


async def next_serial(tx: Connection, year: int, kind: str) -> int:
    """The next number of a year and kind. Others wait here until this transaction has ended."""
    serial: int = await tx.fetchval(
        """INSERT INTO award_number AS n (year, kind, last) VALUES ($1, $2, 1)
           ON CONFLICT (year, kind) DO UPDATE SET last = n.last + 1 RETURNING last""",
        year,
        kind,
    )
    return serial


async def latest(connection: Connection, number: str) -> IssuedReport | None:
    """The last revision of a number."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM award_report WHERE number = $1 ORDER BY revision DESC LIMIT 1",
        number,
    )
    return _issued(row) if row else None


async def find(connection: Connection, number: str, revision: int) -> IssuedReport | None:
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM award_report WHERE number = $1 AND revision = $2",
        number,
        revision,
    )
    return _issued(row) if row else None


async def page(connection: Connection, *, after: int, limit: int) -> list[IssuedReport]:
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM award_report WHERE report_id > $1 ORDER BY report_id LIMIT $2",
        after,
        limit,
    )
    return [_issued(row) for row in rows]


async def package(connection: Connection, report_id: int) -> bytes:
    content: bytes = await connection.fetchval(
        "SELECT package FROM award_report WHERE report_id = $1", report_id
    )
    return content


async def add(tx: Connection, issued: IssuedReport, package: bytes) -> IssuedReport:
    """`report_id` is given by the database. Raises UniqueViolationError where the revision was
    issued meanwhile."""
    report_id = await tx.fetchval(
        """INSERT INTO award_report (number, revision, year, policy, kind, demo, issued_at,
                                     issued_by, digest, replaces, reason, total, potential,
                                     agreement, package)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
           RETURNING report_id""",
        issued.number,
        issued.revision,
        issued.year,
        issued.policy,
        issued.kind,
        issued.demo,
        issued.issued_at,
        issued.issued_by,
        issued.digest,
        issued.replaces,
        issued.reason,
        issued.total,
        issued.potential,
        issued.agreement,
        package,
    )
    return msgspec.structs.replace(issued, report_id=report_id)


async def years_with_counts(connection: Connection, through: int) -> list[int]:
    """Years that have closed days, up to one."""
    rows = await connection.fetch(
        """SELECT DISTINCT date_part('year', day)::integer AS year FROM day_close
            WHERE day < make_date($1 + 1, 1, 1) ORDER BY year""",
        through,
    )
    return [row["year"] for row in rows]


def _issued(row: asyncpg.Record) -> IssuedReport:
    return IssuedReport(**dict(row))
