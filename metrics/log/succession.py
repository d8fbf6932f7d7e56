"""Successor logs, for a database that was restored to an earlier state.

A log whose witnesses have seen more than the database holds can't be continued: other leaves at
those places would be a second history. Its successor is a new log under a new name with the leaves
that are there, so that its size is the count again. The statements log's successor says what became
of each log: how far it was witnessed, from where its successor goes on, and why.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from metrics.log import store
from metrics.log.keys import LogKeys
from metrics.log.log import Kind, Log, name_of
from metrics.log.publisher import Publisher
from metrics.log.sequencer import claim
from metrics.log.statement import LOG_SUCCEEDED, Statement
from registry.database import Connection, Database


@dataclass(frozen=True, slots=True)
class Succeeded:
    """A log, its successor, the leaves carried over, and those that a witness saw and are lost."""

    log: str
    successor: str
    carried: int
    lost: int


async def succeed(
    database: Database,
    publisher: Publisher,
    keys: LogKeys,
    origin: str,
    reason: str,
    at: datetime,
) -> list[Succeeded]:
    """Open successors of all logs that are not closed. The witnesses are asked before how far they
    have seen the old ones."""
    async with database.connection() as connection:
        seen = {log.name: await publisher.witnessed(log) for log in await store.logs(connection)}

    async def work(tx: Connection) -> list[Succeeded]:
        await store.hold_sequencing(tx)
        await claim(tx, keys, origin)
        logs = await store.logs(tx)
        present = {(log.kind, log.year): log for log in logs}
        return [
            await _succeed(tx, log, seen.get(log.name, 0), origin, reason, at)
            for log in present.values()
            if log.closed_at is None
        ]

    return await database.transaction(work)


async def _succeed(
    tx: Connection, log: Log, witnessed: int, origin: str, reason: str, at: datetime
) -> Succeeded:
    name = name_of(Kind(log.kind), log.year, log.generation + 1)
    new = await store.open_log(tx, log.kind, log.year, log.generation + 1, name)
    await store.copy_log(tx, log, new)
    await store.close_log(tx, log.log_id, at)
    content = {
        "log": log.name,
        "successor": name,
        "origin": f"{origin}/{name}",
        "carried": log.size,
        "witnessed": witnessed,
        "lost": max(0, witnessed - log.size),
        "reason": reason,
    }
    await store.owe_statement(tx, Statement(LOG_SUCCEEDED, at, content).text)
    return Succeeded(log.name, name, log.size, max(0, witnessed - log.size))
