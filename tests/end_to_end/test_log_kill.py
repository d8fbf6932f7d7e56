"""Kill −9 of a node that keeps a log, at random instants under load.

Whatever happened, the log that is exported at the end verifies: no gap, no fork, nothing twice, a
leaf for every identifier and none besides; and the witness never saw a second history.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
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
from tests.end_to_end.load import Load
from tests.end_to_end.office import SECONDARY, Holder
from tests.end_to_end.served import Served, eventually

ORIGIN = "node.example.invalid/log"
APPLICATION = "biaoshi-tests"


def seeded() -> random.Random:
    """By TEST_SEED where that is set, so that a failure can be tried again."""
    seed = int(os.environ.get("TEST_SEED") or random.SystemRandom().randrange(10**6))
    print(f"TEST_SEED={seed}")
    return random.Random(seed)


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


async def test_a_killed_node_leaves_a_log_that_verifies(
    serving, holder, logging, keys, witness, database_url, tmp_path
):
    chance = seeded()
    await kill(3, chance, await serving(**logging), holder, keys, witness, database_url, tmp_path)


@pytest.mark.soak
async def test_a_node_killed_forty_times_leaves_a_log_that_verifies(
    serving, holder, logging, keys, witness, database_url, tmp_path
):
    chance = seeded()
    await kill(40, chance, await serving(**logging), holder, keys, witness, database_url, tmp_path)


async def kill(
    rounds: int,
    chance: random.Random,
    served: Served,
    holder: Holder,
    keys: LogKeys,
    witness: RunningSandbox,
    database_url: str,
    folder: Path,
) -> None:
    for number in range(rounds):
        load = Load(served, holder, f"k{number}")
        await load.begin()
        await asyncio.sleep(chance.uniform(0, 0.8))
        served.kill()
        await load.end()
        await served.start()
    async with (
        connect(database_url, size=2, statement_timeout=20) as database,
        database.connection() as connection,
    ):
        handles = await connection.fetch(
            """SELECT prefix || '/' || suffix AS handle
                 FROM identifier JOIN prefix USING (prefix_id)"""
        )
        await eventually(lambda: caught_up(served, len(handles)))
        target = folder / "export"
        await export(
            connection,
            target,
            lambda name: keys.verifiers(f"{ORIGIN}/{name}"),
            [VerifierKey.parse(witness.witness_key)],
        )
    dump = [row["handle"] for row in handles]
    result = run(Question((target,), key=leaf_key_in(folder / "log-keys/leaf.key"), dump=dump))
    assert result.holds, result.findings
    assert result.matched == len(dump)
    (year,) = (log for log in result.logs if log.name.startswith("registrations"))
    assert (year.size, year.backfilled) == (len(dump), 0)


async def caught_up(served: Served, size: int) -> bool:
    reply = await served.ask("GET", f"/log/registrations-{datetime.now(UTC).year}/checkpoint")
    if reply.status != 200:
        return False
    return Checkpoint.parse(SignedNote.parse(reply.body).text).size == size
