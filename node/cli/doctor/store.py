"""SQL of what the doctor asks a PostgreSQL server about itself."""

from __future__ import annotations

from datetime import datetime

import msgspec

from registry.database import Connection


class Server(msgspec.Struct, frozen=True):
    version: str
    encoding: str
    time_zone: str
    fsync: str
    synchronous_commit: str
    full_page_writes: str
    max_connections: int
    connections: int  # in use now


async def describe(connection: Connection) -> Server:
    row = await connection.fetchrow(
        """SELECT current_setting('server_version') AS version,
                  current_setting('server_encoding') AS encoding,
                  current_setting('TimeZone') AS time_zone,
                  current_setting('fsync') AS fsync,
                  current_setting('synchronous_commit') AS synchronous_commit,
                  current_setting('full_page_writes') AS full_page_writes,
                  current_setting('max_connections')::int AS max_connections,
                  (SELECT count(*) FROM pg_stat_activity
                    WHERE backend_type = 'client backend')::int AS connections"""
    )
    assert row is not None
    return Server(**row)


async def now(connection: Connection) -> datetime:
    found: datetime = await connection.fetchval("SELECT clock_timestamp()")
    return found
