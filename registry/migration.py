"""Numbered SQL migrations with checksums.

Each file in `migrations/` runs once, whole or not at all. All run under one advisory lock, so that
any number of processes may start at the same time. A file that changed after it ran is an error:
history is added to, never edited.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from registry.database import Connection
from registry.errors import Unavailable

MIGRATIONS = Path(__file__).with_name("migrations")
LOCK = 0x6269_616F_7368_6901  # "biaoshi", 1
OLDEST_SERVER = 150000


class DatabaseUnfit(Unavailable):
    kind = "database-unfit"
    title = "The database cannot be used as it is"


@dataclass(frozen=True)
class Migration:
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations(folder: Path = MIGRATIONS) -> list[Migration]:
    """The migrations in order of their numbers."""
    return [Migration(file.name, file.read_text("utf-8")) for file in sorted(folder.glob("*.sql"))]


async def migrate(connection: Connection, wanted: list[Migration] | None = None) -> list[str]:
    """Bring the database up to date; the names of the migrations that ran now.

    Raises DatabaseUnfit where the server is too old, or the database knows other migrations.
    """
    check_server(connection)
    wanted = migrations() if wanted is None else wanted
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        await connection.execute(
            """CREATE TABLE IF NOT EXISTS migration (
                   name text PRIMARY KEY, checksum text NOT NULL,
                   applied_at timestamptz NOT NULL DEFAULT now())"""
        )
        owed = _owed(wanted, await _applied(connection))
        for migration in owed:
            await connection.execute(migration.sql)
            await connection.execute(
                "INSERT INTO migration (name, checksum) VALUES ($1, $2)",
                migration.name,
                migration.checksum,
            )
    return [migration.name for migration in owed]


async def check_schema(connection: Connection) -> None:
    """Raise DatabaseUnfit unless the database has exactly this program's migrations."""
    check_server(connection)
    try:
        applied = await _applied(connection)
    except asyncpg.UndefinedTableError:
        raise DatabaseUnfit("the database is empty: run `biaoshi migrate` first") from None
    if owed := _owed(migrations(), applied):
        names = ", ".join(migration.name for migration in owed)
        raise DatabaseUnfit(f"the database lacks {names}: run `biaoshi migrate` first")


def check_server(connection: Connection) -> None:
    """Raise DatabaseUnfit unless the server is PostgreSQL 15 or later."""
    version = connection.get_server_version()
    if version.major * 10000 < OLDEST_SERVER:
        raise DatabaseUnfit(
            f"PostgreSQL {version.major}.{version.minor} is too old: 15 or later is needed"
        )


def _owed(wanted: list[Migration], applied: dict[str, str]) -> list[Migration]:
    known = {migration.name: migration.checksum for migration in wanted}
    for name, checksum in applied.items():
        if name not in known:
            raise DatabaseUnfit(
                f"the database has migration {name}, which this program does not know: "
                "it was used by a newer version"
            )
        if known[name] != checksum:
            raise DatabaseUnfit(f"migration {name} was changed after it ran on this database")
    return [migration for migration in wanted if migration.name not in applied]


async def _applied(connection: Connection) -> dict[str, str]:
    rows = await connection.fetch("SELECT name, checksum FROM migration ORDER BY name")
    return {row["name"]: row["checksum"] for row in rows}
