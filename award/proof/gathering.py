"""Gathering proofs out of the database: everything a report says of its logs can then be checked
with the report alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from award.evidence.certified import CertifiedYear, Checkpoint
from award.proof.files import CHECKPOINT, CONSISTENCY, PROOF, name_of, path_of
from award.proof.sample import drawn
from award.proof.store import landmarks
from metrics.log import store
from metrics.log.fault import LogFault
from metrics.log.log import Log
from metrics.log.merkle import ReadSubtree, consistency_proof, inclusion_proof
from metrics.log.note import SignedNote
from metrics.log.proof import Proof
from metrics.log.reading import prove
from metrics.log.statement import (
    COUNTING_RULES,
    DAILY,
    LEAF_KEY,
    LOG_CLOSED,
    LOG_KEYS,
    LOG_OPENED,
    LOG_SUCCEEDED,
    REPORT_ISSUED,
    Statement,
)
from metrics.log.store import Published
from metrics.log.submission import Submission
from metrics.log.tile import ENTRIES, WIDTH, Tile, bundles, unpack
from registry.database import Connection

AT_ONCE = 64  # proofs computed, bundles read, before others have their turn
ALWAYS = {LEAF_KEY, LOG_KEYS, LOG_OPENED, LOG_CLOSED, LOG_SUCCEEDED, COUNTING_RULES}

Files = dict[str, bytes]


async def gather(
    connection: Connection,
    years: Mapping[int, CertifiedYear],
    *,
    replaces: str | None,
    challenge: str,
) -> Files:
    """The files of all logs of the evidence. Raises LogFault for a tile that is missing."""
    logs = {log.name: log for log in await store.logs(connection)}
    found: Files = {}
    for year in years.values():
        if year.log is not None:
            sample = drawn(text_of(year.log), challenge, year.log.size)
            found |= await _of_log(connection, logs[name_of(year.log)], year.log, sample)
    statements = next((one.statements for one in years.values() if one.statements), None)
    if statements is not None:
        log = logs[name_of(statements)]
        places = await _rested_on(connection, log, statements.size, years, replaces)
        found |= await _of_log(connection, log, statements, places)
    return found


def text_of(log: Checkpoint) -> str:
    """What is signed of a checkpoint."""
    return SignedNote.parse(log.note).text


async def _of_log(
    connection: Connection, log: Log, shown: Checkpoint, places: Sequence[int]
) -> Files:
    """Proofs of some leaves, and of older checkpoints."""
    note = SignedNote.parse(shown.note)
    entries = await _entries(connection, log, places)
    found: Files = {}
    for some in _batches(places):
        proofs = await prove(connection, log, shown.size, partial(_inclusion, some, shown.size))
        for place, hashes in zip(some, proofs, strict=True):
            proof = Proof(place, tuple(hashes), note, entries[place])
            found[path_of(shown, place, PROOF)] = str(proof).encode()
    for older in await landmarks(connection, log.log_id, shown.size):
        found |= await _older(connection, log, shown, note, older)
    return found


def _inclusion(places: Sequence[int], size: int, read: ReadSubtree) -> list[list[bytes]]:
    return [inclusion_proof(place, size, read) for place in places]


async def _older(
    connection: Connection, log: Log, shown: Checkpoint, note: SignedNote, older: Published
) -> Files:
    hashes = await prove(
        connection, log, shown.size, lambda read: consistency_proof(older.size, shown.size, read)
    )
    proof = Submission(older.size, tuple(hashes), note)
    return {
        path_of(shown, older.size, CHECKPOINT): older.note.encode(),
        path_of(shown, older.size, CONSISTENCY): str(proof).encode(),
    }


async def _entries(connection: Connection, log: Log, places: Sequence[int]) -> dict[int, bytes]:
    """The leaves at some places."""
    wanted = set(places)
    found: dict[int, bytes] = {}
    for some in _batches(sorted({place // WIDTH for place in places})):
        contents = await store.tiles(connection, log.log_id, [Tile(ENTRIES, at) for at in some])
        for at in some:
            if (ENTRIES, at) not in contents:
                path = Tile(ENTRIES, at).path
                raise LogFault(f"{path} is missing", field=path, rule="tile-missing")
            for place, entry in enumerate(unpack(contents[ENTRIES, at]), at * WIDTH):
                if place in wanted:
                    found[place] = entry
    return found


async def _rested_on(
    connection: Connection,
    log: Log,
    size: int,
    years: Mapping[int, CertifiedYear],
    replaces: str | None,
) -> list[int]:
    """Places of the statements that a report rests on, among the first `size`."""
    found = []
    for some in _batches([tile.index for tile in bundles(size)]):
        contents = await store.tiles(connection, log.log_id, [Tile(ENTRIES, at) for at in some])
        for (_, at), content in sorted(contents.items()):
            for place, entry in enumerate(unpack(content), at * WIDTH):
                if place < size and _matters(Statement.parse(entry), years, replaces):
                    found.append(place)
    return found


def _matters(said: Statement, years: Mapping[int, CertifiedYear], replaces: str | None) -> bool:
    if said.kind == DAILY:
        day = str(said.content["day"])
        year = years.get(int(day[:4]))
        return year is not None and year.through is not None and day <= year.through.isoformat()
    if said.kind == REPORT_ISSUED:
        return replaces is not None and said.content.get("sha256") == replaces
    return said.kind in ALWAYS


def _batches(some: Sequence[int]) -> Iterator[Sequence[int]]:
    for at in range(0, len(some), AT_ONCE):
        yield some[at : at + AT_ONCE]
