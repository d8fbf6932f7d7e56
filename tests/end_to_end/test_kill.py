"""Kill −9 of the node, and of the database, at random instants during registration.

What was acknowledged is there afterwards; what was not may be there or not, but whole; sending
everything again makes it complete and counts nothing twice.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from node import foundation
from node.embedded.postgres import EmbeddedPostgres
from node.embedded.postmaster import read_postmaster
from node.settings import load as load_settings
from registry.database import connect
from registry.sealing import SealingKey
from tests.end_to_end.load import Load, assert_answers, assert_counted, assert_kept
from tests.end_to_end.logged import keys, logging, proof, witness
from tests.end_to_end.office import SECONDARY, Holder, Office
from tests.end_to_end.served import Served, environment

__all__ = ["keys", "logging", "proof", "witness"]

SAMPLE = 20


@pytest.fixture
def chance() -> random.Random:
    """Seeded by TEST_SEED where that is set, so that a failure can be tried again."""
    seed = int(os.environ.get("TEST_SEED") or random.SystemRandom().randrange(10**6))
    print(f"TEST_SEED={seed}")
    return random.Random(seed)


async def test_a_killed_node_keeps_what_it_acknowledged(serving, holder, office, chance):
    await kill_nodes(3, await serving(), holder, office, chance)


@pytest.mark.soak
@pytest.mark.timeout(900)
async def test_a_node_killed_twenty_times_keeps_what_it_acknowledged(
    serving, holder, office, chance, logging, proof
):
    """With a certified log, which has a leaf for each identifier in the end."""
    served: Served = await serving(**logging)
    await kill_nodes(20, served, holder, office, chance)
    print(f"leaves {await proof.holds(served)}")


async def kill_nodes(rounds, served: Served, holder, office: Office, chance: random.Random) -> None:
    for number in range(rounds):
        load = Load(served, holder, f"k{number}")
        await load.begin()
        await asyncio.sleep(chance.uniform(0, 0.6))
        served.kill()
        await load.end()
        assert load.statuses.keys() <= {0, 200, 201}, load.statuses
        await served.start()
        unknown = await assert_kept(load, office)
        await assert_answers(load, sample(load, chance))
        again = await load.send_again()
        assert again.keys() <= {"created", "unchanged"}
        assert again.total() == len(load.sent)
        assert again["unchanged"] == len(load.acknowledged) + unknown
        await assert_counted(office)
        print(
            f"round {number}: {len(load.sent)} sent, {len(load.acknowledged)} acknowledged, "
            f"{unknown} registered unacknowledged, {again['created']} created when sent again"
        )


async def test_a_node_asked_to_stop_under_load_ends_in_order(serving, holder, office):
    """Requests under way get their time, later ones find the port closed; nothing is lost."""
    served: Served = await serving()
    load = Load(served, holder, "s")
    await load.begin()
    await asyncio.sleep(0.3)
    stopped = await asyncio.to_thread(served.stop)
    await load.end()
    assert stopped == 0
    assert load.statuses.keys() <= {0, 200, 201}, load.statuses
    await served.start()
    await assert_kept(load, office)
    assert served.events("request-crashed") == []


@pytest.fixture
def durable() -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL that flushes to disk. Its folder has a short name, so that the socket has its
    place inside and keeps its address."""
    folder = Path(tempfile.mkdtemp(prefix="b-"))
    folder.chmod(0o711)
    server = EmbeddedPostgres(folder, durable=True)
    try:
        with server:
            yield server
    finally:
        for place in (server.home, folder):
            shutil.rmtree(place or folder, ignore_errors=True)


@pytest.fixture
def kept(durable: EmbeddedPostgres, tmp_path: Path) -> dict[str, object]:
    """The settings of a node on that server."""
    return {
        "database_url": durable.url,
        "secondary_prefix": SECONDARY,
        "sealing_key_file": tmp_path / "sealing.key",
        "port": 0,
    }


async def test_a_killed_database_keeps_what_was_acknowledged(
    durable, kept, session, chance, tmp_path
):
    await kill_databases(1, durable, kept, Served(session, kept, tmp_path / "node.log"), chance)


@pytest.mark.soak
async def test_a_database_killed_five_times_keeps_what_was_acknowledged(
    durable, kept, session, chance, tmp_path
):
    await kill_databases(5, durable, kept, Served(session, kept, tmp_path / "node.log"), chance)


async def kill_databases(
    rounds: int,
    server: EmbeddedPostgres,
    settings: dict[str, object],
    served: Served,
    chance: random.Random,
) -> None:
    """One node process lives through the deaths of its PostgreSQL.

    A killed process loses nothing it gave to the kernel: a power cut is not played here.
    """
    await foundation.prepare(load_settings(None, environment(settings)))
    async with office_of(server, settings) as office:
        holder = await office.holder()
    await served.start()
    try:
        for number in range(rounds):
            load = Load(served, holder, f"d{number}")
            await load.begin()
            await asyncio.sleep(chance.uniform(0, 0.6))
            kill_server(server)
            await asyncio.sleep(0.2)  # while it is away, the node says so
            away = await served.ask("GET", "/readyz")
            assert (away.status, list(away.body["missing"])) == (503, ["database"])
            await load.end()
            assert load.statuses[503], "the node was asked while its database was away"
            assert load.statuses.keys() <= {200, 201, 503}, load.statuses
            server.stop()
            await expect_unavailable(served, holder)
            server.start()
            async with office_of(server, settings) as office:
                unknown = await assert_kept(load, office)
                await assert_answers(load, sample(load, chance))
                again = await load.send_again()
                assert again["unchanged"] == len(load.acknowledged) + unknown
                assert again.total() == len(load.sent)
                await assert_counted(office)
            print(
                f"round {number}: {len(load.sent)} sent, {len(load.acknowledged)} acknowledged, "
                f"{unknown} registered unacknowledged"
            )
        assert served.stop() == 0
    finally:
        if served.alive:
            served.kill()


async def expect_unavailable(served: Served, holder: Holder) -> None:
    """Without even the socket's folder, a request is refused for the time being, no more."""
    path = f"/v1/identifiers/{holder.prefix}/nowhere"
    reply = await served.ask("PUT", path, key=holder.key, json={"values": []})
    assert (reply.status, reply.body["type"]) == (503, "/docs/problems#unavailable")


@asynccontextmanager
async def office_of(server: EmbeddedPostgres, settings: dict[str, object]) -> AsyncIterator[Office]:
    sealing = SealingKey.load(Path(str(settings["sealing_key_file"])))
    async with connect(server.url, size=2, statement_timeout=20) as database:
        yield Office(database, sealing)


def sample(load: Load, chance: random.Random) -> list[str]:
    known = sorted(load.acknowledged)
    return chance.sample(known, min(SAMPLE, len(known)))


def kill_server(server: EmbeddedPostgres) -> None:
    """Kill the postmaster and all its processes, none of which gets to do anything more."""
    assert server.home is not None
    postmaster = read_postmaster(server.home / "cluster")
    assert postmaster is not None
    tasks = Path("/proc") / str(postmaster.pid) / "task"
    children = [pid for task in tasks.iterdir() for pid in (task / "children").read_text().split()]
    os.kill(postmaster.pid, signal.SIGSTOP)  # it must not replace those that die first
    for pid in [*children, postmaster.pid]:
        os.kill(int(pid), signal.SIGKILL)
