"""What is registered or changed after a day was closed carries a time after that day."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from registry.database import Database
from registry.record.registrar import Registrar
from registry.record.registration import Method
from registry.record.store import DAY_LOCK, batch_ids
from tests.registry.conftest import Holder
from tests.registry.record.conftest import Record


@pytest.fixture
async def closer(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def test_an_open_day_takes_the_time_of_the_transaction(
    registrar: Registrar, lamps: Holder, record: Record, closer: asyncpg.Connection
) -> None:
    before = await closer.fetchval("SELECT now()")
    await registrar.create(lamps.actor, [record(f"{lamps.prefix}/A")], Method.SINGLE)
    assert before < await closer.fetchval("SELECT registered_at FROM batch") < await _now(closer)


async def test_a_closed_day_takes_nothing_more(
    registrar: Registrar, lamps: Holder, record: Record, closer: asyncpg.Connection
) -> None:
    closed = datetime.now(UTC) + timedelta(hours=1)
    await closer.execute("UPDATE day_ledger SET closed_until = $1", closed)
    one = record(f"{lamps.prefix}/A")
    await registrar.create(lamps.actor, [one], Method.SINGLE)
    await registrar.withdraw(lamps.actor, one.identifier)
    assert await closer.fetchval("SELECT registered_at FROM batch") == closed
    assert await closer.fetchval("SELECT changed_at FROM revision") == closed


@pytest.mark.parametrize("act", ["create", "withdraw"])
async def test_who_comes_while_a_day_is_closed_waits_and_sees_it_closed(
    act: str, registrar: Registrar, lamps: Holder, record: Record, closer: asyncpg.Connection
) -> None:
    one = record(f"{lamps.prefix}/A")
    await registrar.create(lamps.actor, [one], Method.SINGLE)
    closed = datetime.now(UTC) + timedelta(hours=1)
    async with closer.transaction():
        await closer.execute("SELECT pg_advisory_xact_lock($1)", DAY_LOCK)
        acts: dict[str, Callable] = {
            "create": lambda: registrar.create(
                lamps.actor, [record(f"{lamps.prefix}/B")], Method.SINGLE
            ),
            "withdraw": lambda: registrar.withdraw(lamps.actor, one.identifier),
        }
        waiting = asyncio.create_task(acts[act]())
        await _until_somebody_waits(closer)
        await closer.execute("UPDATE day_ledger SET closed_until = $1", closed)
    await waiting
    table, column = {"create": ("batch", "registered_at"), "withdraw": ("revision", "changed_at")}[
        act
    ]
    assert await closer.fetchval(f"SELECT max({column}) FROM {table}") == closed


async def test_who_closes_waits_for_those_under_way(
    database: Database, closer: asyncpg.Connection
) -> None:
    async def work(tx: asyncpg.Connection) -> bool:
        await batch_ids(tx, 3)
        return await closer.fetchval("SELECT pg_try_advisory_lock($1)", DAY_LOCK)

    assert await database.transaction(work) is False
    assert await closer.fetchval("SELECT pg_try_advisory_lock($1)", DAY_LOCK) is True


async def _until_somebody_waits(connection: asyncpg.Connection) -> None:
    waiting = """SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
                  WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()"""
    async with asyncio.timeout(60):
        while not await connection.fetchval(waiting):  # noqa: ASYNC110 - only the server knows
            await asyncio.sleep(0.02)


async def _now(connection: asyncpg.Connection) -> datetime:
    return await connection.fetchval("SELECT clock_timestamp()")
