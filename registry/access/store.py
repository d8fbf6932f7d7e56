"""SQL of keys, applications and their tokens, the audit trail and idempotency."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from registry.access.actor import Actor, Role, Scope
from registry.access.application import Application
from registry.access.key import Key
from registry.database import Connection, storable


class AuditEntry(msgspec.Struct, frozen=True):
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    request_id: str


async def add_key(
    tx: Connection,
    *,
    key_id: str,
    digest: bytes,
    role: Role,
    enterprise_id: int | None,
    scopes: list[Scope],
    label: str,
    expires_at: datetime | None,
    created_by: str,
) -> Key | None:
    """The new key; None where its enterprise does not exist."""
    row = await tx.fetchrow(
        """INSERT INTO api_key
               (key_id, digest, role, enterprise_id, scopes, label, expires_at, created_by)
           SELECT $1, $2, $3, $4, $5, $6, $7, $8
            WHERE $4::integer IS NULL OR EXISTS (SELECT FROM enterprise WHERE enterprise_id = $4)
           RETURNING key_id, role, enterprise_id, scopes, label, created_at, expires_at,
                     revoked_at, last_used_at""",
        key_id,
        digest,
        role,
        enterprise_id,
        scopes,
        label,
        expires_at,
        created_by,
    )
    return _key(row) if row else None


async def key(connection: Connection, key_id: str) -> Key | None:
    found = await key_with_digest(connection, key_id)
    return found[0] if found else None


async def key_with_digest(connection: Connection, key_id: str) -> tuple[Key, bytes] | None:
    if not storable(key_id):
        return None
    row = await connection.fetchrow(
        """SELECT key_id, digest, role, enterprise_id, scopes, label, created_at, expires_at,
                  revoked_at, last_used_at
             FROM api_key WHERE key_id = $1""",
        key_id,
    )
    return (_key(row), row["digest"]) if row else None


async def keys(connection: Connection, enterprise_id: int | None) -> list[Key]:
    rows = await connection.fetch(
        """SELECT key_id, role, enterprise_id, scopes, label, created_at, expires_at,
                  revoked_at, last_used_at
             FROM api_key WHERE enterprise_id IS NOT DISTINCT FROM $1::bigint
            ORDER BY created_at, key_id""",
        enterprise_id,
    )
    return [_key(row) for row in rows]


async def revoke(tx: Connection, key_id: str) -> bool:
    """Whether the key was not revoked before."""
    revoked = await tx.fetchval(
        """UPDATE api_key SET revoked_at = now() WHERE key_id = $1 AND revoked_at IS NULL
           RETURNING true""",
        key_id,
    )
    return bool(revoked)


async def touch(connection: Connection, key_id: str) -> None:
    await connection.execute("UPDATE api_key SET last_used_at = now() WHERE key_id = $1", key_id)


async def audit(
    tx: Connection,
    actor: Actor,
    action: str,
    subject: str,
    detail: Mapping[str, object] | None = None,
) -> None:
    """Write an audit row. `detail` holds no secret and no personal datum."""
    await tx.execute(
        """INSERT INTO audit (actor, action, subject, detail, request_id)
           VALUES ($1, $2, $3, $4, $5)""",
        actor.name,
        action,
        subject,
        msgspec.json.encode(detail or {}).decode(),
        actor.request_id,
    )


async def audit_trail(
    connection: Connection, *, before: datetime | None, limit: int
) -> list[AuditEntry]:
    """The newest entries first, older than `before`. There may be more than `limit`: entries of
    one instant stay together, so that the next page can begin before it."""
    rows = await connection.fetch(
        """SELECT at, actor, action, subject, detail, request_id FROM audit_trail
            WHERE $1::timestamptz IS NULL OR at < $1
            ORDER BY at DESC FETCH FIRST $2 ROWS WITH TIES""",
        before,
        limit,
    )
    return [AuditEntry(**{**row, "detail": msgspec.json.decode(row["detail"])}) for row in rows]


async def claim(tx: Connection, actor: str, key: str, digest: bytes) -> tuple[bytes, bytes] | None:
    """Claim an Idempotency-Key; the digest and answer of an earlier request, if there was one.

    A second claimer waits here until the first one's transaction has ended.
    """
    claimed = await tx.fetchval(
        """INSERT INTO idempotency (actor, key, digest) VALUES ($1, $2, $3)
           ON CONFLICT DO NOTHING RETURNING true""",
        actor,
        key,
        digest,
    )
    if claimed:
        return None
    row = await tx.fetchrow(
        "SELECT digest, answer FROM idempotency WHERE actor = $1 AND key = $2", actor, key
    )
    assert row is not None  # rows are settled in the transaction that claims them
    return row["digest"], row["answer"]


async def answered(connection: Connection, actor: str, key: str) -> tuple[bytes, bytes] | None:
    """Digest and answer of an earlier request with an Idempotency-Key. Nothing is claimed."""
    row = await connection.fetchrow(
        "SELECT digest, answer FROM idempotency WHERE actor = $1 AND key = $2", actor, key
    )
    return None if row is None else (row["digest"], row["answer"])


async def settle(tx: Connection, actor: str, key: str, answer: bytes) -> None:
    await tx.execute(
        "UPDATE idempotency SET answer = $3 WHERE actor = $1 AND key = $2", actor, key, answer
    )


async def forget_idempotency(connection: Connection, *, older_than: datetime) -> int:
    """Delete answers given before that time; how many."""
    status = await connection.execute("DELETE FROM idempotency WHERE created_at < $1", older_than)
    return int(status.rpartition(" ")[2])


def _key(row: asyncpg.Record) -> Key:
    return Key(
        key_id=row["key_id"],
        role=Role(row["role"]),
        enterprise_id=row["enterprise_id"],
        scopes=[Scope(scope) for scope in row["scopes"]],
        label=row["label"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
    )


async def add_application(
    tx: Connection,
    *,
    username: str,
    secret: bytes,
    role: Role,
    enterprise_id: int | None,
    scopes: list[Scope],
    created_by: str,
) -> Application | None:
    """The new application; None where its user name is taken or its enterprise does not exist."""
    row = await tx.fetchrow(
        """INSERT INTO application (username, secret, role, enterprise_id, scopes, created_by)
           SELECT $1, $2, $3, $4, $5, $6
            WHERE $4::integer IS NULL OR EXISTS (SELECT FROM enterprise WHERE enterprise_id = $4)
               ON CONFLICT (username) DO NOTHING
           RETURNING application_id, username, role, enterprise_id, scopes, created_at, revoked_at,
                     last_login_at""",
        username,
        secret,
        role,
        enterprise_id,
        scopes,
        created_by,
    )
    return _application(row) if row else None


async def application(connection: Connection, application_id: int) -> Application | None:
    row = await connection.fetchrow(
        """SELECT application_id, username, role, enterprise_id, scopes, created_at, revoked_at,
                  last_login_at
             FROM application WHERE application_id = $1::bigint""",
        application_id,
    )
    return _application(row) if row else None


async def application_with_secret(
    connection: Connection, username: str
) -> tuple[Application, bytes] | None:
    """An application, revoked or not, and its sealed secret."""
    if not storable(username):
        return None
    row = await connection.fetchrow(
        """SELECT application_id, username, role, enterprise_id, scopes, created_at, revoked_at,
                  last_login_at, secret
             FROM application WHERE username = $1""",
        username,
    )
    return (_application(row), row["secret"]) if row else None


async def applications(connection: Connection, enterprise_id: int | None) -> list[Application]:
    rows = await connection.fetch(
        """SELECT application_id, username, role, enterprise_id, scopes, created_at, revoked_at,
                  last_login_at
             FROM application WHERE enterprise_id IS NOT DISTINCT FROM $1::bigint
            ORDER BY application_id""",
        enterprise_id,
    )
    return [_application(row) for row in rows]


async def revoke_application(tx: Connection, application_id: int) -> bool:
    """Whether the application was not revoked before. Its tokens go."""
    revoked = await tx.fetchval(
        """UPDATE application SET revoked_at = now()
            WHERE application_id = $1 AND revoked_at IS NULL RETURNING true""",
        application_id,
    )
    await tx.execute("DELETE FROM application_token WHERE application_id = $1", application_id)
    return bool(revoked)


async def touch_application(tx: Connection, application_id: int, at: datetime) -> None:
    await tx.execute(
        "UPDATE application SET last_login_at = $2 WHERE application_id = $1", application_id, at
    )


async def add_token(
    tx: Connection, digest: bytes, application_id: int, expires_at: datetime
) -> None:
    await tx.execute(
        """INSERT INTO application_token (digest, application_id, expires_at)
           VALUES ($1, $2, $3)""",
        digest,
        application_id,
        expires_at,
    )


async def application_of_token(
    connection: Connection, digest: bytes, now: datetime
) -> tuple[Application, datetime] | None:
    """Whose token this is and until when, unless it has expired or its application was revoked."""
    row = await connection.fetchrow(
        """SELECT a.application_id, a.username, a.role, a.enterprise_id, a.scopes, a.created_at,
                  a.revoked_at, a.last_login_at, t.expires_at
             FROM application_token t JOIN application a USING (application_id)
            WHERE t.digest = $1 AND t.expires_at > $2 AND a.revoked_at IS NULL""",
        digest,
        now,
    )
    return (_application(row), row["expires_at"]) if row else None


async def forget_tokens(connection: Connection, *, older_than: datetime) -> None:
    """Delete tokens that had expired at that time."""
    await connection.execute("DELETE FROM application_token WHERE expires_at <= $1", older_than)


def _application(row: asyncpg.Record) -> Application:
    return Application(
        application_id=row["application_id"],
        username=row["username"],
        role=Role(row["role"]),
        enterprise_id=row["enterprise_id"],
        scopes=[Scope(scope) for scope in row["scopes"]],
        created_at=row["created_at"],
        revoked_at=row["revoked_at"],
        last_login_at=row["last_login_at"],
    )
