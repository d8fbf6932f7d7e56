"""Kill −9 of nodes, and of the database, while they work through a block and an upload.

Afterwards the set of identifiers is exactly that of the block and the file, each was counted as
new once, and the job's own counters and verdicts say the same.
"""

from __future__ import annotations

import asyncio
import csv
import io
import random
from functools import partial
from typing import Any

import aiohttp
import pytest

from node import foundation
from node.settings import load as load_settings
from tests.end_to_end import test_kill
from tests.end_to_end.load import assert_counted
from tests.end_to_end.logged import keys, logging, proof, witness
from tests.end_to_end.office import Holder, Office
from tests.end_to_end.served import Served, environment, eventually
from tests.end_to_end.test_kill import kill_server, office_of

__all__ = ["keys", "logging", "proof", "witness"]

LEASE = 0.5
SECONDS = 120.0  # that a job may take after the last kill

chance = test_kill.chance
durable = test_kill.durable
kept = test_kill.kept


class Work:
    """A block and an upload, and what they come to."""

    def __init__(self, served: Served, holder: Holder, serials: int, rows: int) -> None:
        self.served = served
        self.holder = holder
        self.block = [f"B{serial:07d}" for serial in range(1, serials + 1)]
        self.file = [f"行{number:06d}" for number in range(1, rows + 1)]
        self.jobs: list[int] = []

    async def begin(self) -> None:
        prefix = f"/v1/prefixes/{self.holder.prefix}"
        wish = {"pattern": "B{serial:07d}", "start": 1, "count": len(self.block), "values": []}
        rows = [f'{suffix},"https://e/{suffix}\n"' for suffix in self.file]
        form = aiohttp.FormData()
        data = "\r\n".join(["suffix,url", *rows]).encode("gb18030")
        form.add_field("file", data, filename="rows.csv")
        for path, body in (("blocks", {"json": wish}), ("uploads", {"data": form})):
            reply = await self.served.ask("POST", f"{prefix}/{path}", key=self.holder.key, **body)
            assert reply.status == 202, reply.body
            self.jobs.append(reply.body["job_id"])

    async def states(self) -> list[dict[str, Any]]:
        replies = [
            await self.served.ask("GET", f"/v1/jobs/{number}", key=self.holder.key)
            for number in self.jobs
        ]
        return [reply.body for reply in replies]

    async def got_on(self) -> bool:
        return any(job["done"] for job in await self.states())

    async def got_beyond(self, done: int) -> bool:
        return sum(job["done"] for job in await self.states()) > done or await self.ended()

    async def ended(self) -> bool:
        """Whether all have ended; while the database is away, nobody knows."""
        states = [job.get("state") for job in await self.states()]
        return not {"queued", "running", None} & set(states)

    async def finish(self) -> None:
        """Wait until both have ended, and look at what came of them."""
        await eventually(self.ended, SECONDS)
        for job, size in zip(await self.states(), (len(self.block), len(self.file)), strict=True):
            assert job["state"] == "done", job
            assert (job["total"], job["done"], job["created"]) == (size, size, size), job

    async def assert_exact(self, office: Office) -> None:
        rows = await office.fetch(
            "SELECT coalesce(suffix_shown, suffix) AS shown FROM identifier ORDER BY suffix"
        )
        assert [row["shown"] for row in rows] == sorted([*self.block, *self.file])
        await assert_counted(office)
        methods = await office.fetch("SELECT method, sum(created) AS created FROM batch GROUP BY 1")
        assert {row["method"]: row["created"] for row in methods} == {
            4: len(self.block),
            5: len(self.file),
        }
        for number, suffixes in zip(self.jobs, (self.block, self.file), strict=True):
            text = (
                await self.served.ask("GET", f"/v1/jobs/{number}/verdicts.csv", key=self.holder.key)
            ).body
            _, *lines = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
            named = [line[1].rpartition("/")[2] for line in lines]
            assert named == suffixes
            assert {line[2] for line in lines} == {"created"}


async def test_jobs_survive_their_killed_node(serving, holder, office, chance):
    served: Served = await serving(job_lease_seconds=LEASE)
    await kill_nodes(3, served, Work(served, holder, 300_000, 30_000), office, chance)


@pytest.mark.soak
@pytest.mark.timeout(900)
async def test_jobs_survive_thirty_kills(serving, holder, office, chance, logging, proof):
    """With a certified log, which has a leaf for each identifier in the end."""
    served: Served = await serving(job_lease_seconds=LEASE, **logging)
    await kill_nodes(30, served, Work(served, holder, 3_000_000, 300_000), office, chance)
    print(f"leaves {await proof.holds(served)}")


async def kill_nodes(
    kills: int, served: Served, work: Work, office: Office, chance: random.Random
) -> None:
    await work.begin()
    in_time = 0
    for number in range(kills):
        if number % 5 == 4:  # one that never gets on between many deaths is given up
            done = sum(job["done"] for job in await work.states())
            await eventually(partial(work.got_beyond, done))
        await asyncio.sleep(chance.uniform(0, 0.5))
        in_time += not await work.ended()
        served.kill()
        await served.start()
    print(f"{in_time} of {kills} kills hit a job under way")
    await work.finish()
    await work.assert_exact(office)
    assert in_time >= kills / 2


async def test_another_node_takes_over_a_dead_ones_jobs(serving, holder, office):
    first: Served = await serving(job_lease_seconds=LEASE)
    work = Work(first, holder, 120_000, 12_000)
    await work.begin()
    await eventually(work.got_on)
    second: Served = await serving(job_lease_seconds=LEASE)
    first.kill()
    work.served = second
    await work.finish()
    await work.assert_exact(office)


async def test_a_node_asked_to_stop_leaves_its_jobs_to_others(serving, holder, office):
    """At once: another one need not wait for the end of a lease."""
    first: Served = await serving(job_lease_seconds=600)
    work = Work(first, holder, 120_000, 12_000)
    await work.begin()
    assert await asyncio.to_thread(first.stop) == 0
    work.served = await serving(job_lease_seconds=600)
    await work.finish()
    await work.assert_exact(office)


async def test_jobs_survive_their_killed_database(durable, kept, session, chance, tmp_path):
    await kill_databases(1, 150_000, durable, kept, session, chance, tmp_path)


@pytest.mark.soak
@pytest.mark.timeout(900)
async def test_jobs_survive_five_deaths_of_their_database(durable, kept, session, chance, tmp_path):
    await kill_databases(5, 1_000_000, durable, kept, session, chance, tmp_path)


async def kill_databases(kills, serials, server, settings, session, chance, tmp_path) -> None:
    settings = settings | {"job_lease_seconds": 1}
    await foundation.prepare(load_settings(None, environment(settings)))
    async with office_of(server, settings) as office:
        holder = await office.holder()
    served = Served(session, settings, tmp_path / "node.log")
    await served.start()
    try:
        work = Work(served, holder, serials, serials // 10)
        await work.begin()
        for _ in range(kills):
            await asyncio.sleep(chance.uniform(0, 0.6))
            kill_server(server)
            await asyncio.sleep(0.2)
            server.stop()
            server.start()
        await work.finish()
        async with office_of(server, settings) as office:
            await work.assert_exact(office)
        assert served.stop() == 0
    finally:
        if served.alive:
            served.kill()
