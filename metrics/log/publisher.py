"""The publisher: signs what the sequencer has committed, has it cosigned, and publishes it then.

A checkpoint that nobody outside has seen is served to nobody. Where a witness has seen more than
the database holds, or something else, nothing is signed any more: the database was put back to an
earlier state, and going on would make a second history. `succession` says what to do then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Protocol

import structlog

from metrics.log import store
from metrics.log.keys import LogKeys
from metrics.log.log import Kind, Log
from metrics.log.merkle import EMPTY_ROOT, consistency_proof
from metrics.log.note import Signature, SignedNote, VerifierKey
from metrics.log.reading import prove
from metrics.log.store import Published
from metrics.log.submission import Submission
from registry.database import Database
from registry.errors import Unavailable

REST = 10  # rounds that a witness which does not answer is left alone

logger = structlog.get_logger()


class WitnessConflict(Exception):
    """The witness knows another size than the submission starts from."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


class WitnessAway(Unavailable):
    kind = "witness-away"
    title = "The witness does not answer"


class WitnessRefused(Unavailable):
    """It does not know the log, or its keys."""

    kind = "witness-refused"
    title = "The witness refused the checkpoint"


class LogBehind(Unavailable):
    kind = "log-behind"
    title = "A witness has seen more of the log than this database holds"


class LogForked(Unavailable):
    kind = "log-forked"
    title = "A witness has seen another history of the log than this database holds"


class Witness(Protocol):
    """Cosigns what continues what it saw before. `add` returns a verified cosignature, or raises
    WitnessConflict, WitnessAway, WitnessRefused, or LogForked where the proof did not convince."""

    @property
    def key(self) -> VerifierKey: ...

    async def add(self, submission: Submission) -> Signature: ...


class Publisher:
    """Only the elected keeper runs one. A checkpoint is served once it has the `needed` number of
    cosignatures."""

    def __init__(
        self,
        database: Database,
        keys: LogKeys,
        origin: str,
        witnesses: Sequence[Witness],
        needed: int,
    ) -> None:
        self._database = database
        self._keys = keys
        self._origin = origin
        self._witnesses = witnesses
        self._needed = needed
        self._seen: dict[tuple[str, VerifierKey], int] = {}  # sizes, by log and witness
        # Rounds left: of a witness in all logs (None) where it is away, in one that it refused.
        self._resting: dict[tuple[str | None, VerifierKey], int] = {}

    async def examine(self) -> bool:
        """Ask the witnesses how far they have seen the logs; whether as many answered as a
        checkpoint needs. Raises LogBehind where one has seen more than the database has; who does
        not answer is asked again before anything is signed for it."""
        async with self._database.connection() as connection:
            logs = await store.logs(connection)
            published = {log.log_id: await store.published(connection, log.log_id) for log in logs}
        present = {(log.kind, log.year): log for log in logs}.values()
        answered = 0
        for witness in self._witnesses:
            try:
                for log in present:
                    await self._size_at(witness, log, published[log.log_id])
                answered += 1
            except WitnessAway as error:
                logger.warning("witness-failed", witness=witness.key.name, reason=error.detail)
        return answered >= self._needed

    async def witnessed(self, log: Log) -> int:
        """The largest size of a log that a witness has seen, as far as they answer. Raises
        WitnessAway where there are witnesses, and none does."""
        async with self._database.connection() as connection:
            published = await store.published(connection, log.log_id)
        sizes: list[int] = []
        for witness in self._witnesses:
            try:
                sizes.append(await self._asked(witness, log, published))
            except WitnessAway as error:
                logger.warning("witness-failed", witness=witness.key.name, reason=error.detail)
        if self._witnesses and not sizes:
            raise WitnessAway("none of the witnesses answers, so nobody can say what is lost")
        return max(sizes, default=0)

    async def publish(self) -> list[str]:
        """Publish a checkpoint of every log that has grown; their names. Raises LogBehind and
        LogForked."""
        async with self._database.connection() as connection:
            logs = await store.logs(connection)
        self._resting = {key: left - 1 for key, left in self._resting.items() if left > 1}
        present = {(log.kind, log.year): log for log in logs}.values()
        # Statements last: what they say of the other logs is published before them.
        ordered = sorted(present, key=lambda log: log.kind is Kind.STATEMENTS)
        return [log.name for log in ordered if log.size and await self._publish(log)]

    async def _publish(self, log: Log) -> bool:
        async with self._database.connection() as connection:
            published = await store.published(connection, log.log_id)
        fresh = published is None or published.size < log.size
        note = self._signed(log) if fresh or published is None else SignedNote.parse(published.note)
        asked = [
            witness
            for witness in self._witnesses
            if not self._rests(witness, log) and not note.by(witness.key)
        ]
        if not fresh and not asked:
            return False
        gained = await asyncio.gather(
            *(self._cosigned(witness, log, note, published) for witness in asked)
        )
        lines = [line for line in gained if line is not None]
        if (fresh and len(lines) < self._needed) or (not fresh and not lines):
            return False
        whole = str(note.with_signatures(lines))
        await self._database.transaction(
            partial(store.publish, log_id=log.log_id, size=log.size, note=whole)
        )
        return fresh

    async def _cosigned(
        self, witness: Witness, log: Log, note: SignedNote, published: Published | None
    ) -> Signature | None:
        """A witness's line; None where it cannot be had now."""
        try:
            old = await self._size_at(witness, log, published)
            try:
                line = await self._submit(witness, log, note, old)
            except WitnessConflict as conflict:
                _check_behind(witness, log, conflict.size)
                line = await self._submit(witness, log, note, conflict.size)
        except (WitnessAway, WitnessRefused) as error:
            where = log.name if isinstance(error, WitnessRefused) else None
            self._resting[where, witness.key] = REST
            logger.warning("witness-failed", witness=witness.key.name, reason=error.detail)
            return None
        except WitnessConflict:
            raise _forked(witness, log) from None
        self._seen[log.name, witness.key] = log.size
        return line

    def _rests(self, witness: Witness, log: Log) -> bool:
        return any((where, witness.key) in self._resting for where in (None, log.name))

    async def _submit(self, witness: Witness, log: Log, note: SignedNote, old: int) -> Signature:
        async with self._database.connection() as connection:
            proof = await prove(
                connection, log, log.size, lambda read: consistency_proof(old, log.size, read)
            )
        return await witness.add(Submission(old, tuple(proof), note))

    async def _size_at(self, witness: Witness, log: Log, published: Published | None) -> int:
        """The size that a witness has seen. Before anything new is signed for it in this process it
        is asked with what was signed before, or with the empty tree, which commits to nothing."""
        known = self._seen.get((log.name, witness.key))
        if known is None:
            known = await self._asked(witness, log, published)
            _check_behind(witness, log, known)
            self._seen[log.name, witness.key] = known
        return known

    async def _asked(self, witness: Witness, log: Log, published: Published | None) -> int:
        """The size that a witness names."""
        note = self._empty(log) if published is None else SignedNote.parse(published.note)
        try:
            await witness.add(Submission(0, (), note))
        except WitnessConflict as conflict:
            return conflict.size
        except WitnessRefused:
            return 0  # not every witness takes an empty tree; what comes next says the rest
        return 0 if published is None else published.size

    def _signed(self, log: Log) -> SignedNote:
        checkpoint = log.checkpoint(self._origin)
        signers = self._keys.signers(checkpoint.origin)
        text = checkpoint.text
        return SignedNote(text, tuple(signer.sign(text) for signer in signers))

    def _empty(self, log: Log) -> SignedNote:
        return self._signed(
            Log(log.log_id, log.kind, log.year, log.generation, log.name, 0, EMPTY_ROOT)
        )


def _check_behind(witness: Witness, log: Log, size: int) -> None:
    if size > log.size:
        raise LogBehind(
            f"{witness.key.name} has seen {size} leaves of {log.name}, and there are {log.size}: "
            "if the database was restored from a backup, run `biaoshi log succeed`"
        )


def _forked(witness: Witness, log: Log) -> LogForked:
    return LogForked(f"{witness.key.name} has seen another {log.name} than this one")
