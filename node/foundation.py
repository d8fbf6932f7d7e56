"""Bringing a node's database up to date, and making sure that it is this node's."""

from __future__ import annotations

from pathlib import Path

import asyncpg

from node.settings import Settings
from registry.database import Connection
from registry.migration import DatabaseUnfit, check_schema, migrate
from registry.sealing import SealingKey, SealingKeyUnfit
from registry.store import NodeFacts, fix_facts, read_facts

CONNECT_SECONDS = 10.0


async def connect(url: str) -> asyncpg.Connection[asyncpg.Record]:
    """One connection. Raises DatabaseUnfit in one line for whatever keeps it from being made."""
    try:
        return await asyncpg.connect(url, timeout=CONNECT_SECONDS)
    except (OSError, TimeoutError) as error:
        reason = str(error) or f"no answer within {CONNECT_SECONDS:g} s"
        raise DatabaseUnfit(f"cannot reach PostgreSQL: {reason}") from None
    except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise DatabaseUnfit(f"PostgreSQL refuses the connection: {error}") from None


async def prepare(settings: Settings) -> list[str]:
    """Create what is missing: tables, and for a new database the sealing key and the fixed facts.
    The names of the migrations that ran."""
    connection = await connect(settings.database_url)
    try:
        ran = await migrate(connection)
        known = await read_facts(connection)
        # A database that knows a key must never be given a new one: its secrets would be lost.
        if known is None:
            _create_key(Path(settings.sealing_key_file))
        _compare(await fix_facts(connection, _facts(settings)), settings)
    finally:
        await connection.close()
    return ran


async def check(connection: Connection, settings: Settings) -> None:
    """Raise DatabaseUnfit unless the schema is this program's and the facts are the settings'."""
    await check_schema(connection)
    held = await read_facts(connection)
    if held is None:
        raise DatabaseUnfit("the database is not a node's yet: run `biaoshi migrate` first")
    _compare(held, settings)


def _create_key(file: Path) -> None:
    try:
        if file.exists():
            return
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise SealingKeyUnfit(f"cannot create {file}: {error.strerror}") from None
    SealingKey.generate().save(file)


def _facts(settings: Settings) -> NodeFacts:
    key = SealingKey.load(Path(settings.sealing_key_file))
    return NodeFacts(settings.secondary_prefix, settings.case_sensitive, key.key_id)


def _compare(held: NodeFacts, settings: Settings) -> None:
    wanted = _facts(settings)
    for name in NodeFacts.__struct_fields__:
        if getattr(held, name) != getattr(wanted, name):
            raise DatabaseUnfit(_difference(name, held, wanted))


def _difference(name: str, held: NodeFacts, wanted: NodeFacts) -> str:
    if name == "sealing_key_id":
        return "the database was sealed with another key than the one in sealing_key_file"
    return (
        f"the database was created with {name} = {getattr(held, name)}, "
        f"the settings say {getattr(wanted, name)}: this is fixed for a database's life"
    )
