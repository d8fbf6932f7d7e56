"""Migrations: once, whole, in order, and only forward."""

from __future__ import annotations

import asyncio
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, NamedTuple, cast

import asyncpg
import pytest

from registry.database import Connection
from registry.migration import (
    DatabaseUnfit,
    Migration,
    check_schema,
    check_server,
    migrate,
    migrations,
)
from tests.forked import FORK, forked

PROCESSES = 4


async def test_a_migration_runs_once(empty_database_url: str) -> None:
    connection = await asyncpg.connect(empty_database_url)
    assert await migrate(connection) == [migration.name for migration in migrations()]
    assert await migrate(connection) == []
    await check_schema(connection)
    await connection.close()


def test_several_processes_at_once_apply_each_migration_once(empty_database_url: str) -> None:
    barrier = FORK.Barrier(PROCESSES)
    with forked(PROCESSES, _arm, barrier) as pool:
        applied = pool.map(_migrate, [empty_database_url] * PROCESSES, chunksize=1)
    names = [migration.name for migration in migrations()]
    assert sorted(applied) == [[]] * (PROCESSES - 1) + [names]


async def test_a_migration_that_fails_leaves_nothing(empty_database_url: str) -> None:
    broken = [
        Migration("0001_good.sql", "CREATE TABLE good (n integer)"),
        Migration("0002_bad.sql", "CREATE TABLE bad (n integer); SELECT 1 / 0"),
    ]
    connection = await asyncpg.connect(empty_database_url)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(connection, broken)
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert tables == []
    assert await migrate(connection, broken[:1]) == ["0001_good.sql"]
    await connection.close()


async def test_later_migrations_are_added(empty_database_url: str) -> None:
    both = [Migration("0001_a.sql", "SELECT 1"), Migration("0002_b.sql", "SELECT 2")]
    connection = await asyncpg.connect(empty_database_url)
    assert await migrate(connection, both[:1]) == ["0001_a.sql"]
    assert await migrate(connection, both) == ["0002_b.sql"]
    await connection.close()


async def test_an_edited_migration_is_refused(empty_database_url: str) -> None:
    connection = await asyncpg.connect(empty_database_url)
    await migrate(connection, [Migration("0001_a.sql", "SELECT 1")])
    with pytest.raises(DatabaseUnfit, match=r"0001_a\.sql was changed after it ran"):
        await migrate(connection, [Migration("0001_a.sql", "SELECT 2")])
    await connection.close()


async def test_a_migration_of_a_newer_version_is_refused(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    newer = [*migrations(), Migration("9999_newer.sql", "SELECT 1")]
    await migrate(connection, newer)
    with pytest.raises(DatabaseUnfit, match=r"9999_newer\.sql, which this program does not know"):
        await migrate(connection)
    with pytest.raises(DatabaseUnfit, match="newer version"):
        await check_schema(connection)
    await connection.close()


async def test_a_database_that_lacks_migrations_says_what_to_do(empty_database_url: str) -> None:
    connection = await asyncpg.connect(empty_database_url)
    with pytest.raises(DatabaseUnfit, match="empty: run `biaoshi migrate` first"):
        await check_schema(connection)
    await migrate(connection, [])
    with pytest.raises(DatabaseUnfit, match=r"lacks 0001_foundation\.sql.*biaoshi migrate"):
        await check_schema(connection)
    await connection.close()


class _Version(NamedTuple):
    major: int
    minor: int


class _Server:
    """Stands in for a server too old to be at hand."""

    def __init__(self, version: _Version) -> None:
        self.version = version

    def get_server_version(self) -> _Version:
        return self.version


@pytest.mark.parametrize("version", [_Version(14, 99), _Version(9, 6)])
async def test_a_server_that_is_too_old_is_told_its_version(version: _Version) -> None:
    server = cast(Connection, _Server(version))
    said = f"PostgreSQL {version.major}.{version.minor} is too old: 15 or later"
    with pytest.raises(DatabaseUnfit, match=said):
        check_server(server)
    with pytest.raises(DatabaseUnfit, match=said):
        await migrate(server)


def test_the_oldest_supported_server_is_welcome() -> None:
    check_server(cast(Connection, _Server(_Version(15, 0))))


def test_migrations_come_in_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("0010_c.sql", "0002_b.sql", "0001_a.sql", "notes.txt"):
        (tmp_path / name).write_text("SELECT 1")
    names = [migration.name for migration in migrations(tmp_path)]
    assert names == ["0001_a.sql", "0002_b.sql", "0010_c.sql"]


_barrier: Any = None


def _arm(barrier: Barrier) -> None:
    global _barrier
    _barrier = barrier


def _migrate(url: str) -> list[str]:
    async def run() -> list[str]:
        connection = await asyncpg.connect(url)
        _barrier.wait(timeout=20)
        try:
            return await migrate(connection)
        finally:
            await connection.close()

    return asyncio.run(run())
