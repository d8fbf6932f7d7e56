"""Where a node stands: the closed days and the open one together, whatever was closed between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from metrics.log.log import Kind
from metrics.standing import keeping as module
from metrics.standing.collector import StandingCollector
from metrics.standing.keeping import StandingKeeping
from metrics.standing.standing import Standing
from registry.database import Database, connect
from registry.record.registration import Method

NOW = datetime(2026, 3, 3, 4, tzinfo=UTC)  # noon in Shanghai


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with connect(database_url, size=4, statement_timeout=30) as database:
        async with database.connection() as connection:
            # Sums stand for themselves here, whoever's they are.
            await connection.execute("ALTER TABLE batch DROP CONSTRAINT batch_prefix_id_fkey")
        yield database


async def run(database: Database, statement: str) -> None:
    async with database.connection() as connection:
        await connection.execute(statement)


async def batch(database: Database, at: str, method: Method, created: int) -> None:
    async with database.connection() as connection:
        columns = "prefix_id, method, created, registered_at, actor, request_id"
        await connection.execute(
            f"INSERT INTO batch ({columns}) VALUES (1, $1, $2, $3::text::timestamptz, 'x', 'x')",
            method,
            created,
            at,
        )


async def close(database: Database, day: str, **created: int) -> None:
    """As the closer leaves it."""
    await run(
        database,
        f"""INSERT INTO day_close (day, positions, records, journal_hash, prefixes_new,
                                   prefixes_total, salt, prefixes_hash)
            VALUES ('{day}', '{{}}', 0, '', 0, 0, '', '');
            INSERT INTO registration_day (day, prefix_id, created, imported, revived, deleted,
                                          total, gone) VALUES ('{day}', 1, 0, 0, 2, 3, 0, 0);
            UPDATE count_state SET open_day = '{day}'::date + 1""",
    )
    for method, number in created.items():
        await run(
            database,
            "INSERT INTO registration_method (day, prefix_id, method, created)"
            f" VALUES ('{day}', 1, {Method[method.upper()].value}, {number})",
        )


async def standing(keeping: StandingKeeping, database: Database) -> Standing:
    return await keeping.read()


async def test_nothing_has_happened(database: Database) -> None:
    found = await standing(StandingKeeping(database, lambda: NOW, lambda _: None), database)
    assert found.sums.created == {}
    assert (found.sums.created_this_year, found.sums.counted_this_year) == (0, 0)
    assert (found.alarms, found.active_prefixes, dict(found.logs)) == (0, 0, {})


async def test_closed_and_open_days_are_added(database: Database) -> None:
    keeping = StandingKeeping(database, lambda: NOW, lambda _: None)
    await batch(database, "2025-12-31 15:59:59Z", Method.SINGLE, 1)  # last year's in Shanghai
    await batch(database, "2025-12-31 16:00:00Z", Method.SINGLE, 10)
    await batch(database, "2026-03-02 16:00:00Z", Method.STREAM, 100)
    await batch(database, "2026-03-03 01:00:00Z", Method.IMPORT, 1000)
    before = (await standing(keeping, database)).sums
    assert before.created == {Method.SINGLE: 11, Method.STREAM: 100, Method.IMPORT: 1000}
    assert before.created_this_year == 110
    # Closing moves them from one table to the other.
    await close(database, "2025-12-31", single=1)
    await close(database, "2026-01-01", single=10)
    await close(database, "2026-03-02")
    after = (await standing(keeping, database)).sums
    assert (after.created, after.created_this_year) == (before.created, 110)
    assert (after.revived, after.withdrawn) == (6, 9)
    await batch(database, "now", Method.SINGLE, 5)
    assert (await standing(keeping, database)).sums.created[Method.SINGLE] == 16


async def test_what_is_settled_is_not_read_again(database: Database) -> None:
    keeping = StandingKeeping(database, lambda: NOW, lambda _: None, margin=0.0)
    await batch(database, "2026-03-03 02:00:00Z", Method.SINGLE, 5)
    assert (await keeping.read()).sums.created == {Method.SINGLE: 5}
    await run(database, "DELETE FROM batch")  # nobody does: that it was not looked at shows so
    await batch(database, "now", Method.SINGLE, 2)
    assert (await keeping.read()).sums.created == {Method.SINGLE: 7}
    assert (await keeping.read()).sums.created == {Method.SINGLE: 7}


async def test_what_was_long_under_way_is_not_missed(database: Database) -> None:
    """Others begin and end meanwhile, and all of them were read."""
    keeping = StandingKeeping(database, lambda: NOW, lambda _: None, margin=0.0)
    async with database.connection() as slow, slow.transaction():
        await slow.execute(
            """INSERT INTO batch (prefix_id, method, created, actor, request_id)
               VALUES (1, 1, 100, 'x', 'x')"""
        )
        await batch(database, "now", Method.SINGLE, 1)
        assert (await keeping.read()).sums.created == {Method.SINGLE: 1}
        await batch(database, "now", Method.SINGLE, 2)
        assert (await keeping.read()).sums.created == {Method.SINGLE: 3}
    for _ in range(2):
        assert (await keeping.read()).sums.created == {Method.SINGLE: 103}
    await close(database, "2099-01-01", single=103)
    assert (await keeping.read()).sums.created == {Method.SINGLE: 103}


async def test_resolutions_counted_this_year(database: Database) -> None:
    keeping = StandingKeeping(database, lambda: NOW, lambda _: None)
    hours = "('2025-12-31', 1, 15, 7), ('2026-03-02', 1, 15, 20), ('2026-03-03', 1, 15, 300)"
    await run(
        database,
        "INSERT INTO resolution_hour (day, hour, prefix_id, reason, requests)"
        f" SELECT d::date, 3, p, r, n FROM (VALUES {hours}, ('2026-03-03', 1, 14, 9000))"
        " AS v(d, p, r, n)",
    )
    assert (await standing(keeping, database)).sums.counted_this_year == 320
    await close(database, "2026-03-02")
    assert (await standing(keeping, database)).sums.counted_this_year == 320


async def test_how_the_log_stands(database: Database) -> None:
    keeping = StandingKeeping(database, lambda: NOW, lambda _: None)
    await batch(database, "2026-03-03 03:59:00Z", Method.SINGLE, 2)
    await run(
        database,
        """INSERT INTO log (kind, year, name, size, root)
           VALUES (1, 0, 'statements', 5, ''), (2, 2025, 'a', 100, ''), (2, 2026, 'b', 50, '');
           INSERT INTO log_checkpoint (log_id, size, note, published_at)
           SELECT log_id, size - 3 * generate_series(0, 1), '', '2026-03-03 03:58:00Z' FROM log;
           UPDATE log SET size = size + 7 WHERE year = 2026;
           INSERT INTO leaf_owed (batch_id, leaves)
           SELECT batch_id, repeat('x', 128)::bytea FROM batch;
           INSERT INTO statement_owed (body) VALUES ('x')""",
    )
    logs = (await standing(keeping, database)).logs
    registrations, statements = logs[Kind.REGISTRATIONS], logs[Kind.STATEMENTS]
    assert (registrations.size, registrations.unpublished, registrations.waiting) == (157, 7, 2)
    assert registrations.owed_since == datetime(2026, 3, 3, 3, 59, tzinfo=UTC)
    assert (statements.size, statements.unpublished, statements.waiting) == (5, 0, 1)


async def test_it_is_told_while_it_is_this_process_that_knows(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PERIOD", 0.02)
    registry = CollectorRegistry()
    collector = StandingCollector(NOW.timestamp, lambda year: {"registrations": 10 * year})
    registry.register(collector)
    assert generate_latest(registry) == b""
    work = StandingKeeping(database, lambda: NOW, collector.tell)
    task = asyncio.create_task(work.run())
    await batch(database, "2026-03-03 02:00:00Z", Method.SINGLE, 5)
    line = b'biaoshi_registered_identifiers_total{method="single"} 5.0'
    async with asyncio.timeout(60):
        while line not in generate_latest(registry):  # noqa: ASYNC110 - it is asked
            await asyncio.sleep(0.02)
    text = generate_latest(registry).decode()
    assert 'biaoshi_year_count{kind="registrations"} 5.0' in text
    assert 'biaoshi_year_threshold_count{kind="registrations"} 20260.0' in text
    assert "biaoshi_standing_age_seconds 0.0" in text
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert generate_latest(registry) == b""
