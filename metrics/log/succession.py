"""Successor logs, for a database that was restored to an earlier state.

A log whose witnesses have seen more than the database holds can't be continued: other leaves at
those places would be a second history. Its successor is a new log under a new name with the leaves
that are there, so that its size is the count again. The statements log says what became of the old
one: how far it was witnessed, what the database has of that, and why.

What is lost lies between two bounds. The last checkpoint that was published of the old log, as far
as the database knows, is the last state that it certainly shares with the witnesses. Behind that it
may have leaves that they have seen as well, or others in their place, if the log grew after the
restore; and what they have seen beyond the database's size is lost in any case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from metrics.log import store
from metrics.log.checkpoint import Checkpoint
from metrics.log.fault import LogFault
from metrics.log.keys import LogKeys
from metrics.log.log import Kind, Log, name_of
from metrics.log.merkle import EMPTY_ROOT
from metrics.log.note import SignedNote, check_signed
from metrics.log.publisher import Publisher
from metrics.log.sequencer import claim
from metrics.log.statement import LOG_SUCCEEDED, Statement
from registry.database import Connection, Database


@dataclass(frozen=True, slots=True)
class Succeeded:
    """A log and its successor. `shared` leaves are certainly those that the witnesses have seen,
    `carried` ones were there and are the successor's first."""

    log: str
    successor: str
    carried: int
    shared: int
    witnessed: int

    @property
    def lost_at_least(self) -> int:
        """Of the leaves that were witnessed."""
        return max(0, self.witnessed - self.carried)

    @property
    def lost_at_most(self) -> int:
        return self.witnessed - self.shared


async def succeed(
    database: Database,
    publisher: Publisher,
    keys: LogKeys,
    origin: str,
    reason: str,
    at: datetime,
    seen: Sequence[SignedNote] = (),
) -> list[Succeeded]:
    """Open successors of the logs of which a witness has seen more than was ever published as far
    as the database knows; which those are. `seen` are last checkpoints of old logs, where somebody
    has them: their roots are stated, since a witness names a size alone. Raises WitnessAway where
    no witness answers, and LogFault for a checkpoint that none of the keys has signed."""
    async with database.connection() as connection:
        logs = {(log.kind, log.year): log for log in await store.logs(connection)}
    witnessed = {
        log.name: await publisher.witnessed(log) for log in logs.values() if log.closed_at is None
    }
    roots = _roots(keys, origin, seen)

    async def work(tx: Connection) -> list[Succeeded]:
        await store.hold_sequencing(tx)
        await claim(tx, keys, origin)
        present = {(log.kind, log.year): log for log in await store.logs(tx)}
        made = []
        for log in present.values():
            shared = await _shared(tx, log)
            if log.closed_at is None and witnessed.get(log.name, 0) > shared.size:
                made.append(await _succeed(tx, log, shared, witnessed[log.name], roots, reason, at))
        return made

    return await database.transaction(work)


async def _shared(tx: Connection, log: Log) -> Checkpoint:
    """The last published checkpoint of a log, or the empty one."""
    published = await store.published(tx, log.log_id)
    if published is None:
        return Checkpoint(log.name, 0, EMPTY_ROOT)
    return Checkpoint.parse(SignedNote.parse(published.note).text)


async def _succeed(
    tx: Connection,
    log: Log,
    shared: Checkpoint,
    witnessed: int,
    roots: Mapping[tuple[str, int], bytes],
    reason: str,
    at: datetime,
) -> Succeeded:
    name = name_of(Kind(log.kind), log.year, log.generation + 1)
    new = await store.open_log(tx, log.kind, log.year, log.generation + 1, name)
    await store.copy_log(tx, log, new)
    await store.close_log(tx, log.log_id, at)
    made = Succeeded(log.name, name, log.size, shared.size, witnessed)
    root = roots.get((log.name, witnessed))
    content = {
        "log": log.name,
        "successor": name,
        "carried": log.size,
        "carried_root": log.root.hex(),
        "shared": shared.size,
        "shared_root": shared.root.hex(),
        "witnessed": witnessed,
        **({"witnessed_root": root.hex()} if root else {}),
        "lost_at_least": made.lost_at_least,
        "lost_at_most": made.lost_at_most,
        "reason": reason,
    }
    await store.owe_statement(tx, Statement(LOG_SUCCEEDED, at, content).text)
    return made


def _roots(keys: LogKeys, origin: str, seen: Sequence[SignedNote]) -> dict[tuple[str, int], bytes]:
    """The roots of some checkpoints by log and size. Raises LogFault for one that is not ours."""
    found = {}
    for note in seen:
        checkpoint = Checkpoint.parse(note.text)
        node, _, name = checkpoint.origin.rpartition("/")
        if node != origin:
            raise LogFault(
                f"{checkpoint.origin} is no log of {origin}", field="checkpoint", rule="origin"
            )
        check_signed(note, keys.verifiers(checkpoint.origin)[: len(keys.ed25519)])
        found[name, checkpoint.size] = checkpoint.root
    return found
