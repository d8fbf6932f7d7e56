"""Nodes that keep a certified log which a sandbox national node cosigns, and what such a log has to
be whatever happened to them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from metrics.log import keys as log_keys
from metrics.log.checkpoint import Checkpoint
from metrics.log.export import export
from metrics.log.keys import LogKeys, leaf_key_in
from metrics.log.note import SignedNote, VerifierKey
from metrics.log.verification.run import Question, run
from node.sandbox.app import RunningSandbox, start_sandbox
from node.sandbox.settings import Application, SandboxSettings
from registry.database import connect
from tests.end_to_end.office import SECONDARY
from tests.end_to_end.served import Served, eventually

ORIGIN = "node.example.invalid/log"
APPLICATION = "biaoshi-tests"


@pytest.fixture
def keys(tmp_path: Path) -> LogKeys:
    return log_keys.create(tmp_path / "log-keys")


@pytest.fixture
async def witness(
    tmp_path: Path, keys: LogKeys, national_key: Ed25519PrivateKey
) -> AsyncIterator[RunningSandbox]:
    running = await start_sandbox(
        SandboxSettings(
            data_folder=tmp_path / "sandbox",
            applications=(
                Application(
                    app_id=APPLICATION,
                    public_key=national_key.public_key().public_bytes_raw(),
                    shr_prefix=SECONDARY,
                    log_origin=ORIGIN,
                    log_keys=keys.public_keys,
                ),
            ),
        )
    )
    yield running
    await running.stop()


@pytest.fixture
def logging(witness: RunningSandbox, tmp_path: Path) -> dict[str, object]:
    return {
        "national_node_url": witness.url,
        "national_node_app_id": APPLICATION,
        "national_node_key_file": tmp_path / "national.pem",
        "national_node_witness_key": witness.witness_key,
        "log_keys_folder": tmp_path / "log-keys",
        "log_origin": ORIGIN,
        "log_seconds": 0.05,
    }


@dataclass(frozen=True)
class Proof:
    """Looks at the log from outside."""

    keys: LogKeys
    witness: RunningSandbox
    database_url: str
    folder: Path

    async def holds(self, served: Served) -> int:
        """Once the log has caught up, it verifies as exported: no gap, no fork, nothing twice, a
        leaf for every identifier and none besides. How many leaves that are."""
        async with (
            connect(self.database_url, size=2, statement_timeout=60) as database,
            database.connection() as connection,
        ):
            handles = await connection.fetch(
                """SELECT prefix || '/' || suffix AS handle
                     FROM identifier JOIN prefix USING (prefix_id)"""
            )
            await eventually(lambda: _caught_up(served, len(handles)))
            target = self.folder / "export"
            await export(
                connection,
                target,
                lambda name: self.keys.verifiers(f"{ORIGIN}/{name}"),
                [VerifierKey.parse(self.witness.witness_key)],
            )
        dump = [row["handle"] for row in handles]
        key = leaf_key_in(self.folder / "log-keys/leaf.key")
        result = run(Question((target,), key=key, dump=dump))
        assert result.holds, result.findings
        assert result.matched == len(dump)
        (year,) = (log for log in result.logs if log.name.startswith("registrations"))
        assert (year.size, year.backfilled) == (len(dump), 0)
        return len(dump)


@pytest.fixture
def proof(keys: LogKeys, witness: RunningSandbox, database_url: str, tmp_path: Path) -> Proof:
    return Proof(keys, witness, database_url, tmp_path)


async def _caught_up(served: Served, size: int) -> bool:
    reply = await served.ask("GET", f"/log/registrations-{datetime.now(UTC).year}/checkpoint")
    if reply.status != 200:
        return False
    return Checkpoint.parse(SignedNote.parse(reply.body).text).size == size
