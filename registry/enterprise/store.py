"""SQL of enterprises."""

from __future__ import annotations

from datetime import date

import asyncpg
import msgspec

from registry.database import Connection
from registry.enterprise.enterprise import Enterprise, EnterpriseState
from registry.enterprise.mark import Mark
from registry.enterprise.subject import Subject


async def add(tx: Connection, subject: Subject) -> Enterprise | None:
    """The new enterprise; None where its credit code has applied already."""
    row = await tx.fetchrow(
        """INSERT INTO enterprise (credit_code, subject, state) VALUES ($1, $2, 'applied')
           ON CONFLICT (credit_code) WHERE state <> 'rejected' DO NOTHING
           RETURNING enterprise_id, subject, state, note, evidence, decided_by, decided_at,
                     related_party, applied_at""",
        subject.credit_code,
        _encode(subject),
    )
    return _enterprise(row) if row else None


async def amend(
    tx: Connection, enterprise_id: int, subject: Subject, state: EnterpriseState
) -> Enterprise | None:
    """The amended enterprise; None where another one has its new credit code."""
    try:
        async with tx.transaction():  # a savepoint: the caller goes on after a refusal
            row = await tx.fetchrow(
                """UPDATE enterprise SET credit_code = $2, subject = $3, state = $4
                    WHERE enterprise_id = $1
                   RETURNING enterprise_id, subject, state, note, evidence, decided_by, decided_at,
                             related_party, applied_at""",
                enterprise_id,
                subject.credit_code,
                _encode(subject),
                state,
            )
    except asyncpg.UniqueViolationError:
        return None
    return _enterprise(row)


async def decide(
    tx: Connection,
    enterprise_id: int,
    state: EnterpriseState,
    *,
    by: str,
    note: str | None,
    evidence: str | None,
) -> Enterprise:
    """Set the state. The evidence of an earlier verification stays unless there is a new one."""
    row = await tx.fetchrow(
        """UPDATE enterprise
              SET state = $2, decided_by = $3, decided_at = now(), note = $4,
                  evidence = coalesce($5, evidence)
            WHERE enterprise_id = $1
           RETURNING enterprise_id, subject, state, note, evidence, decided_by, decided_at,
                     related_party, applied_at""",
        enterprise_id,
        state,
        by,
        note,
        evidence,
    )
    return _enterprise(row)


async def get(
    connection: Connection, enterprise_id: int, *, lock: bool = False
) -> Enterprise | None:
    row = await connection.fetchrow(
        """SELECT enterprise_id, subject, state, note, evidence, decided_by, decided_at,
                  related_party, applied_at
             FROM enterprise WHERE enterprise_id = $1::bigint"""
        + (" FOR UPDATE" if lock else ""),
        enterprise_id,
    )
    return _enterprise(row) if row else None


async def page(
    connection: Connection, *, state: EnterpriseState | None, after: int, limit: int
) -> list[Enterprise]:
    rows = await connection.fetch(
        """SELECT enterprise_id, subject, state, note, evidence, decided_by, decided_at,
                  related_party, applied_at
             FROM enterprise
            WHERE enterprise_id > $2::bigint AND ($1::text IS NULL OR state = $1)
            ORDER BY enterprise_id LIMIT $3""",
        state,
        after,
        limit,
    )
    return [_enterprise(row) for row in rows]


async def mark_related(
    tx: Connection, enterprise_id: int, related: bool, *, since: date, reason: str, by: str
) -> Enterprise:
    """Mark an enterprise as a related party, or as none any more."""
    await tx.execute(
        """INSERT INTO related_party (enterprise_id, related, since, reason, marked_by)
           VALUES ($1, $2, $3, $4, $5)""",
        enterprise_id,
        related,
        since,
        reason,
        by,
    )
    row = await tx.fetchrow(
        """UPDATE enterprise SET related_party = $2 WHERE enterprise_id = $1
           RETURNING enterprise_id, subject, state, note, evidence, decided_by, decided_at,
                     related_party, applied_at""",
        enterprise_id,
        related,
    )
    return _enterprise(row)


async def related_marks(connection: Connection, enterprise_id: int) -> list[Mark]:
    """Its marks, the latest first."""
    rows = await connection.fetch(
        """SELECT related, since, reason, marked_at, marked_by FROM related_party
            WHERE enterprise_id = $1 ORDER BY mark_id DESC""",
        enterprise_id,
    )
    return [Mark(**row) for row in rows]


def _encode(subject: Subject) -> str:
    return msgspec.json.encode(subject).decode()


def _enterprise(row: asyncpg.Record | None) -> Enterprise:
    assert row is not None  # the statements that come here return a row for an existing enterprise
    return Enterprise(
        enterprise_id=row["enterprise_id"],
        subject=msgspec.json.decode(row["subject"], type=Subject),
        state=EnterpriseState(row["state"]),
        note=row["note"],
        evidence=row["evidence"],
        decided_by=row["decided_by"],
        decided_at=row["decided_at"],
        related_party=row["related_party"],
        applied_at=row["applied_at"],
    )
