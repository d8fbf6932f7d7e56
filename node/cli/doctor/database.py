"""PostgreSQL: reached, fit, durable, and of one time with us."""

from __future__ import annotations

import time
from collections.abc import Iterator

from node import foundation
from node.cli.doctor import store
from node.cli.doctor.finding import Finding, failed, warning, well
from node.cli.doctor.store import Server
from node.settings import Settings
from registry.database import Connection
from registry.errors import BiaoshiError
from registry.migration import check_server

SUBJECT = "数据库 PostgreSQL"
CLOCK_SECONDS = 1.0  # registration times are the database's, log and keys follow this clock
CLOCK_TRIES = 3


async def examine(settings: Settings) -> list[Finding]:
    try:
        connection = await foundation.connect(settings.database_url)
    except BiaoshiError as error:
        remedy = "check database_url, that the server runs, and its pg_hba.conf"
        return [failed(SUBJECT, error.detail, remedy)]
    try:
        server = await store.describe(connection)
        found = [_version(connection, server), await _schema(connection, settings)]
        found += _durability(server)
        found += [_encoding(server), _zone(server), _room(server, settings)]
        found.append(await _clock(connection))
        return found
    finally:
        await connection.close()


def _version(connection: Connection, server: Server) -> Finding:
    try:
        check_server(connection)
    except BiaoshiError as error:
        return failed(SUBJECT, error.detail, "use PostgreSQL 15 or later")
    return well(SUBJECT, f"PostgreSQL {server.version}")


async def _schema(connection: Connection, settings: Settings) -> Finding:
    subject = "数据库结构 schema, facts"
    try:
        await foundation.check(connection, settings)
    except BiaoshiError as error:
        remedy = "run `biaoshi migrate`, or correct the settings where they differ"
        return failed(subject, error.detail, remedy)
    return well(subject, f"up to date, made for {settings.secondary_prefix}")


def _durability(server: Server) -> Iterator[Finding]:
    for name in ("fsync", "synchronous_commit", "full_page_writes"):
        value = getattr(server, name)
        if value == "off":
            yield failed(
                f"持久性 {name}",
                "off: what was acknowledged can be lost in a crash",
                f"set {name} = on in postgresql.conf and reload",
            )
        else:
            yield well(f"持久性 {name}", value)


def _encoding(server: Server) -> Finding:
    if server.encoding == "UTF8":
        return well("字符集 encoding", "UTF8")
    remedy = "create the database anew with ENCODING 'UTF8' TEMPLATE template0"
    return failed("字符集 encoding", server.encoding, remedy)


def _zone(server: Server) -> Finding:
    subject = "时区 time zone"
    if server.time_zone in ("UTC", "Etc/UTC", "GMT", "Etc/GMT"):
        return well(subject, server.time_zone)
    return warning(
        subject,
        f"{server.time_zone}: the node asks for UTC itself, other tools will not",
        "set timezone = 'UTC' in postgresql.conf",
    )


def _room(server: Server, settings: Settings) -> Finding:
    subject = "连接数 connections"
    said = f"{server.connections} of {server.max_connections} in use"
    if settings.database_connections < server.max_connections:
        return well(subject, f"{said}; this node takes up to {settings.database_connections}")
    return warning(
        subject,
        f"{said}, but this node wants {settings.database_connections}",
        "raise max_connections, or lower database_connections",
    )


async def _clock(connection: Connection) -> Finding:
    """Compared at the middle of the quickest of a few questions."""
    measured = []
    for _ in range(CLOCK_TRIES):
        before = time.time()
        there = (await store.now(connection)).timestamp()
        after = time.time()
        measured.append((after - before, there - (before + after) / 2))
    round_trip, difference = min(measured)
    subject = "与数据库时差 clock"
    said = f"{difference * 1000:+.0f} ms (measured within {round_trip * 1000:.1f} ms)"
    if abs(difference) <= CLOCK_SECONDS:
        return well(subject, said)
    return failed(subject, said, "keep both machines' clocks with NTP (chrony)")
