"""SQL of handshakes."""

from __future__ import annotations

import asyncpg

from registry.database import Connection


async def open_challenge(
    connection: Connection,
    session_id: int,
    client: bytes,
    nonce: bytes,
    request: bytes,
    *,
    seconds: float,
    most: int,
) -> bool:
    """False where the number is taken or the client has `most` of them open."""
    row = await connection.fetchval(
        """INSERT INTO wire_challenge (session_id, client, nonce, request, expires_at)
           SELECT $1, $2, $3, $4, now() + make_interval(secs => $5)
            WHERE (SELECT count(*) FROM (SELECT FROM wire_challenge
                                          WHERE client = $2 AND expires_at > now()
                                          LIMIT $6) AS open) < $6
           ON CONFLICT (session_id) DO NOTHING
           RETURNING session_id""",
        session_id,
        client,
        nonce,
        request,
        seconds,
        most,
    )
    return row is not None


async def take_challenge(connection: Connection, session_id: int) -> asyncpg.Record | None:
    """The open challenge, which is none any more."""
    return await connection.fetchrow(
        """DELETE FROM wire_challenge WHERE session_id = $1
           RETURNING nonce, request, expires_at > now() AS fresh""",
        session_id,
    )


async def open_session(
    connection: Connection,
    session_id: int,
    client: bytes,
    key: bytes,
    *,
    seconds: int,
    most: int,
) -> bool:
    """False where the number is taken or the client has `most` of them."""
    row = await connection.fetchval(
        """INSERT INTO wire_session (session_id, client, key, seconds, expires_at)
           SELECT $1, $2, $3, $4, now() + $4::integer * interval '1 second'
            WHERE (SELECT count(*) FROM (SELECT FROM wire_session
                                          WHERE client = $2 AND expires_at > now()
                                          LIMIT $5) AS open) < $5
           ON CONFLICT (session_id) DO NOTHING
           RETURNING session_id""",
        session_id,
        client,
        key,
        seconds,
        most,
    )
    return row is not None


async def session(
    connection: Connection, session_id: int, *, lock: bool = False
) -> asyncpg.Record | None:
    return await connection.fetchrow(
        """SELECT key, identity, proof, highest, window_63 FROM wire_session
            WHERE session_id = $1 AND expires_at > now()"""
        + (" FOR UPDATE" if lock else ""),
        session_id,
    )


async def take_key(connection: Connection, session_id: int, before: bytes, key: bytes) -> bool:
    """Put a key in the place of what stood there; False where that is another by now."""
    row = await connection.fetchval(
        """UPDATE wire_session SET key = $3
            WHERE session_id = $1 AND key = $2 AND expires_at > now()
           RETURNING session_id""",
        session_id,
        before,
        key,
    )
    return row is not None


async def note_number(tx: Connection, session_id: int, highest: int, window: int) -> None:
    """A message of the session has come; it lasts on from now."""
    await tx.execute(
        """UPDATE wire_session
              SET highest = $2, window_63 = $3,
                  expires_at = now() + make_interval(secs => seconds)
            WHERE session_id = $1""",
        session_id,
        highest,
        window,
    )


async def macs(tx: Connection, session_id: int) -> int:
    """How many are remembered."""
    count: int = await tx.fetchval(
        "SELECT count(*) FROM wire_session_mac WHERE session_id = $1", session_id
    )
    return count


async def note_mac(tx: Connection, session_id: int, mac: bytes) -> bool:
    """False where it is remembered already."""
    row = await tx.fetchval(
        """INSERT INTO wire_session_mac (session_id, mac) VALUES ($1, $2)
           ON CONFLICT DO NOTHING RETURNING session_id""",
        session_id,
        mac,
    )
    return row is not None


async def identify(connection: Connection, session_id: int, identity: str, proof: bytes) -> None:
    await connection.execute(
        "UPDATE wire_session SET identity = $2, proof = $3 WHERE session_id = $1",
        session_id,
        identity,
        proof,
    )


async def end_session(connection: Connection, session_id: int) -> None:
    await connection.execute("DELETE FROM wire_session WHERE session_id = $1", session_id)


async def forget(connection: Connection) -> None:
    """Delete what has expired."""
    await connection.execute("DELETE FROM wire_challenge WHERE expires_at < now()")
    await connection.execute("DELETE FROM wire_session WHERE expires_at < now()")


async def server_key(connection: Connection) -> bytes | None:
    key: bytes | None = await connection.fetchval("SELECT sealed FROM wire_server_key")
    return key


async def keep_server_key(connection: Connection, sealed: bytes) -> None:
    """Keep a key unless there is one."""
    await connection.execute(
        "INSERT INTO wire_server_key (sealed) VALUES ($1) ON CONFLICT (key_id) DO NOTHING", sealed
    )
