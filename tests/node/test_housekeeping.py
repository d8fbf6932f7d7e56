"""What is thrown away now and then, and what is kept."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from structlog.testing import capture_logs

from node import housekeeping
from node.housekeeping import KEEP_ANSWERS
from registry.database import connect

NOW = datetime(2026, 9, 1, tzinfo=UTC)


async def keys(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("SELECT key FROM idempotency ORDER BY key")
    await connection.close()
    return [row["key"] for row in rows]


async def keys_of_nothing(connection: asyncpg.Connection[asyncpg.Record]) -> int:
    """Let some time pass."""
    count: int = await connection.fetchval("SELECT count(*) FROM hidden, pg_sleep(0.01)")
    return count


async def run_for(seconds: float, url: str) -> None:
    async with connect(url, size=2, statement_timeout=30) as database:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await housekeeping.run(database, lambda: NOW)


async def run_until(kept: list[str], url: str) -> None:
    """Clean up until no more than that is left."""
    running = asyncio.create_task(run_for(60, url))
    while await keys(url) != kept:
        assert not running.done()
        await asyncio.sleep(0.02)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_answers_are_kept_for_a_week(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    for key, age in (
        ("a new", timedelta()),
        ("b last day", KEEP_ANSWERS - timedelta(seconds=1)),
        ("c old", KEEP_ANSWERS + timedelta(seconds=1)),
        ("d older", timedelta(days=400)),
    ):
        await connection.execute(
            "INSERT INTO idempotency (actor, key, digest, created_at) VALUES ('x', $1, '', $2)",
            key,
            NOW - age,
        )
    await connection.close()
    await run_until(["a new", "b last day"], database_url)


async def test_it_goes_on_after_a_failure(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "PERIOD", 0.05)
    connection = await asyncpg.connect(database_url)
    await connection.execute("ALTER TABLE idempotency RENAME TO hidden")
    with capture_logs() as logs:
        running = asyncio.create_task(run_for(60, database_url))
        while not any(entry["event"] == "housekeeping-failed" for entry in logs):
            assert await keys_of_nothing(connection) == 0
        await connection.execute("ALTER TABLE hidden RENAME TO idempotency")
        await connection.execute(
            "INSERT INTO idempotency (actor, key, digest, created_at) VALUES ('x', 'k', '', $1)",
            NOW - timedelta(days=30),
        )
        while await keys(database_url):
            assert not running.done()
            await asyncio.sleep(0.02)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await connection.close()
    assert {entry["log_level"] for entry in logs} == {"warning"}
