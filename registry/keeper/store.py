"""SQL of the keeper's election and of what it tells the other processes."""

from __future__ import annotations

from registry.database import Connection

SEAT = 0x6269_616F_7368_6902  # "biaoshi", 2; 1 is the migrations'
IDLE = "60s"  # a fenced transaction whose process says nothing for so long was frozen: it ends


async def take_seat(connection: Connection) -> bool:
    """Whether the seat was free and is this session's now, until the session ends."""
    taken: bool = await connection.fetchval("SELECT pg_try_advisory_lock($1)", SEAT)
    return taken


async def begin_term(connection: Connection, name: str) -> int:
    """The number of the term that begins. Waits for transactions that hold an earlier one."""
    term: int = await connection.fetchval(
        """WITH present AS (SELECT single FROM keeper FOR UPDATE)
           UPDATE keeper SET term = term + 1, name = $1, elected_at = now()
             FROM present WHERE keeper.single = present.single RETURNING term""",
        name,
    )
    return term


async def hold_term(tx: Connection, term: int) -> bool:
    """Whether the term still lasts; then no other begins before this transaction has ended. What
    else stands in the row may change meanwhile."""
    await tx.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{IDLE}'")
    held: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT FROM keeper WHERE term = $1 FOR KEY SHARE)", term
    )
    return held


async def seat_is_taken(connection: Connection) -> bool:
    """Whether there is a keeper at this moment."""
    taken: bool = await connection.fetchval(
        """SELECT EXISTS (
               SELECT FROM pg_locks
                WHERE locktype = 'advisory' AND granted AND objsubid = 1
                  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                  AND classid = ($1::bigint >> 32)::oid
                  AND objid = ($1::bigint & 4294967295)::oid)""",
        SEAT,
    )
    return taken


async def tell_national_node(connection: Connection, answers: bool) -> None:
    """Leave word for the other processes of whether the national node answers."""
    await connection.execute("UPDATE keeper SET national_node_answers = $1", answers)


async def national_node_answers(connection: Connection) -> bool:
    answers: bool = await connection.fetchval("SELECT national_node_answers FROM keeper")
    return answers
