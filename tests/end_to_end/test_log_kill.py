"""Kill −9 of a node that keeps a log, at random instants under load.

Whatever happened, the log that is exported at the end verifies: no gap, no fork, nothing twice, a
leaf for every identifier and none besides; and the witness never saw a second history.
"""

from __future__ import annotations

import asyncio
import os
import random

import pytest

from tests.end_to_end.load import Load
from tests.end_to_end.logged import Proof, keys, logging, proof, witness
from tests.end_to_end.office import Holder
from tests.end_to_end.served import Served

__all__ = ["keys", "logging", "proof", "witness"]


def seeded() -> random.Random:
    """By TEST_SEED where that is set, so that a failure can be tried again."""
    seed = int(os.environ.get("TEST_SEED") or random.SystemRandom().randrange(10**6))
    print(f"TEST_SEED={seed}")
    return random.Random(seed)


async def test_a_killed_node_leaves_a_log_that_verifies(serving, holder, logging, proof):
    await kill(3, seeded(), await serving(**logging), holder, proof)


@pytest.mark.soak
@pytest.mark.timeout(900)
async def test_a_node_killed_forty_times_leaves_a_log_that_verifies(
    serving, holder, logging, proof
):
    await kill(40, seeded(), await serving(**logging), holder, proof)


async def kill(
    rounds: int, chance: random.Random, served: Served, holder: Holder, proof: Proof
) -> None:
    for number in range(rounds):
        load = Load(served, holder, f"k{number}")
        await load.begin()
        await asyncio.sleep(chance.uniform(0, 0.8))
        served.kill()
        await load.end()
        await served.start()
    print(f"kills {rounds}, leaves {await proof.holds(served)}")
