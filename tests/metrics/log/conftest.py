"""A registry whose registrations owe leaves, and what keeps the log of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from metrics.log import keys as log_keys
from metrics.log import store
from metrics.log.backfill.backfill import Backfill
from metrics.log.checkpoint import Checkpoint
from metrics.log.cosignature import time_of
from metrics.log.desk import Desk
from metrics.log.keeping import LogKeeping
from metrics.log.keys import LogKeys
from metrics.log.log import Log
from metrics.log.note import Signature, VerifierKey
from metrics.log.publisher import (
    LogForked,
    Publisher,
    Witness,
    WitnessAway,
    WitnessConflict,
    WitnessRefused,
)
from metrics.log.sequencer import Sequencer
from metrics.log.submission import Submission
from registry.access.actor import Actor, Role, console
from registry.access.key import ALL_SCOPES
from registry.access.once import OnceRunner
from registry.database import Database, connect
from registry.enterprise.enterprises import Enterprises
from registry.enterprise.subject import Subject
from registry.identifier import Identifier
from registry.prefix.prefixes import Prefixes, PrefixWish
from registry.record.archive import Form
from registry.record.bulk import Bulk, Terms
from registry.record.registration import Method
from registry.sealing import SealingKey
from tests.node.live import SUBJECT

ORIGIN = "node.example.invalid/88.118"


@dataclass
class Remembered:
    """A witness's memory, in memory."""

    checkpoints: dict[str, Checkpoint] = field(default_factory=dict)

    def seen(self, origin: str) -> tuple[int, bytes] | None:
        found = self.checkpoints.get(origin)
        return None if found is None else (found.size, found.root)

    def remember(self, checkpoint: Checkpoint, note: str) -> None:
        self.checkpoints[checkpoint.origin] = checkpoint


class NearWitness:
    """A witness in the same process. `away` has it not answer, `mute` answer in vain."""

    def __init__(self, keys: LogKeys, name: str = "witness.example.invalid") -> None:
        self.memory = Remembered()
        self.desk = Desk(
            name,
            Ed25519PrivateKey.generate(),
            lambda origin: keys.verifiers(origin) if origin.startswith(ORIGIN) else [],
            self.memory,
            lambda: datetime.now(UTC).timestamp(),
        )
        self.away = self.mute = False
        self.statuses: list[int] = []

    @property
    def key(self) -> VerifierKey:
        return self.desk.verifier

    async def add(self, submission: Submission) -> Signature:
        if self.away:
            raise WitnessAway("away")
        answer = self.desk.answer(str(submission).encode())
        self.statuses.append(answer.status)
        if self.mute:
            raise WitnessAway("its answer was lost")
        if answer.status == 409:
            raise WitnessConflict(int(answer.text))
        if answer.status == 422:
            raise LogForked(answer.text)
        if answer.status != 200:
            raise WitnessRefused(answer.text)
        line = Signature.parse(answer.text.strip())
        time_of(self.key, submission.note.text, line)
        return line


@dataclass
class Kept:
    """A registry and the keys of its log, without a node around them."""

    database: Database
    keys: LogKeys
    form: Form
    actor: Actor
    prefix: str
    witness: NearWitness
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def keeping(
        self, *witnesses: Witness, database: Database | None = None, needed: int = 1
    ) -> LogKeeping:
        """A new keeper, as after a start."""
        database = database or self.database
        return LogKeeping(
            database,
            Sequencer(database, self.keys, ORIGIN, lambda: self.now),
            self.publisher(*witnesses, database=database, needed=needed),
            Backfill(database, self.keys.leaf.material, lambda: self.now, page=3),
            lambda: self.now,
            period=0.01,
        )

    def publisher(
        self, *witnesses: Witness, database: Database | None = None, needed: int = 1
    ) -> Publisher:
        everyone = witnesses or (self.witness,)
        return Publisher(database or self.database, self.keys, ORIGIN, everyone, needed)

    async def register(self, *suffixes: str, form: Form | None = None) -> int:
        """Register identifiers in one transaction; how many were new."""
        bulk = Bulk(self.database, form or self.form)
        lines = [
            bulk.line(number, Identifier(self.prefix, suffix), "[]")
            for number, suffix in enumerate(suffixes)
        ]
        tally = await bulk.commit(Terms(self.actor, Method.STREAM), {self.prefix: lines})
        assert not tally.refusals
        return tally.created

    async def log(self, name: str) -> Log:
        async with self.database.connection() as connection:
            found = await store.named(connection, name)
        assert found is not None
        return found

    async def sql(self, statement: str, *values: Any) -> Any:
        """One value out of the database."""
        async with self.database.connection() as connection:
            return await connection.fetchval(statement, *values)


@pytest.fixture
def keys(tmp_path: Path) -> LogKeys:
    return log_keys.create(tmp_path / "log-keys")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with connect(database_url, size=8, statement_timeout=20) as database:
        yield database


@pytest.fixture
async def kept(database: Database, keys: LogKeys) -> Kept:
    """An enterprise may register, and no log is there yet."""
    sealing = SealingKey.generate()
    once = OnceRunner(database, sealing)
    enterprises = Enterprises(database, once)
    number = (await enterprises.apply(console(), Subject(**SUBJECT))).enterprise.enterprise_id
    await enterprises.verify(console(), number, "seen")
    prefixes = Prefixes(database, once, "88.118", allow_private=False)
    prefix = (await prefixes.request(console(), PrefixWish(enterprise_id=number))).prefix
    await prefixes.approve(console(), prefix)
    await prefixes.settle_review(console(), prefix, True, "")
    form = Form(False, sealing, leaves=keys.leaf.material)
    actor = Actor("key:TEST", Role.ENTERPRISE, number, frozenset(ALL_SCOPES))
    return Kept(database, keys, form, actor, prefix, NearWitness(keys))
