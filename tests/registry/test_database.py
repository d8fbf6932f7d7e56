"""Transactions, and what is tried again."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from registry.database import Connection, Database, connect, storable


async def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    async def work(tx: Connection) -> None:
        await tx.execute("CREATE TABLE left_over (n integer)")
        raise LookupError

    with pytest.raises(LookupError):
        await database.transaction(work)
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT to_regclass('left_over')") is None


async def test_a_deadlock_is_tried_again_and_does_not_surface(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("CREATE TABLE seat (n integer PRIMARY KEY, taken integer)")
        await connection.execute("INSERT INTO seat VALUES (1, 0), (2, 0)")
    met = asyncio.Barrier(2)
    runs: list[int] = []

    async def take(tx: Connection, first: int, second: int) -> None:
        runs.append(first)
        await tx.execute("UPDATE seat SET taken = taken + 1 WHERE n = $1", first)
        if len(runs) <= 2:
            await met.wait()  # both hold their first seat: one must be the victim
        await tx.execute("UPDATE seat SET taken = taken + 1 WHERE n = $1", second)

    await asyncio.gather(
        database.transaction(lambda tx: take(tx, 1, 2)),
        database.transaction(lambda tx: take(tx, 2, 1)),
    )
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT taken FROM seat")
    assert [row["taken"] for row in rows] == [2, 2]
    assert len(runs) == 3


async def test_any_other_failure_is_not_tried_again(database: Database) -> None:
    runs = 0

    async def work(tx: Connection) -> None:
        nonlocal runs
        runs += 1
        await tx.execute("SELECT 1 / 0")

    with pytest.raises(asyncpg.DivisionByZeroError):
        await database.transaction(work)
    assert runs == 1


async def test_a_failure_that_lasts_surfaces_after_five_attempts(database: Database) -> None:
    runs = 0

    async def work(tx: Connection) -> None:
        nonlocal runs
        runs += 1
        await tx.execute("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$")

    with pytest.raises(asyncpg.SerializationError):
        await database.transaction(work)
    assert runs == 5


async def test_a_statement_may_not_outlast_the_timeout(database_url: str) -> None:
    async with (
        connect(database_url, size=1, statement_timeout=0.5) as database,
        database.connection() as connection,
    ):
        with pytest.raises(asyncpg.QueryCanceledError):
            await connection.execute("SELECT pg_sleep(60)")
        assert await connection.fetchval("SHOW timezone") == "UTC"


@pytest.mark.parametrize(
    ("text", "can"), [("", True), ("标识", True), ("a\0b", False), ("a\ud800", False)]
)
def test_what_can_be_stored(text: str, can: bool) -> None:
    assert storable(text) is can
