"""Workers and keeper killed at random under load: what was answered is counted, once."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest

from metrics.closing.audit import audit
from metrics.counting.day import day_of
from metrics.counting.reason import Reason
from registry.database import connect
from tests.end_to_end.load import Load, assert_kept
from tests.end_to_end.logged import Proof, keys, logging, proof, witness
from tests.end_to_end.office import Holder, Office
from tests.end_to_end.served import Served, eventually
from tests.end_to_end.test_workers import MANY, kill

__all__ = ["keys", "logging", "proof", "witness"]

CLIENTS = 8
AGENT = "Mozilla/5.0 (X11; Linux x86_64) client-{}"  # a client of its own, so nothing repeats


@dataclass
class Askers:
    """Resolutions, each by a client that asks once. `unsure` broke off: they may be counted."""

    served: Served
    handle: str
    answered: int = 0
    unsure: int = 0
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self._ask()) for _ in range(CLIENTS)]
        try:
            yield
            await self.goes_on()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def goes_on(self) -> None:
        wanted = self.answered + 3 * CLIENTS

        async def reached() -> bool:
            return self.answered >= wanted

        await eventually(reached, 60)

    async def _ask(self) -> None:
        async with aiohttp.ClientSession() as session:
            session._retry_connection = False
            while True:
                headers = {"User-Agent": AGENT.format(next(self._numbers))}
                self.unsure += 1
                try:
                    async with session.get(
                        f"{self.served.url}/v1/resolve/{self.handle}", headers=headers
                    ) as response:
                        await response.read()
                        assert response.status == 200
                except aiohttp.ClientError:
                    continue
                self.unsure -= 1
                self.answered += 1
                await asyncio.sleep(0.005)


async def asking(served: Served, holder: Holder) -> Askers:
    handle = f"{holder.prefix}/KNOWN"
    body = {"values": [{"index": 1, "type": "URL", "data": "https://e/1"}]}
    known = await served.ask("PUT", f"/v1/identifiers/{handle}", key=holder.key, json=body)
    assert known.status == 201, known.body
    return Askers(served, handle)


@pytest.fixture
async def askers(serving, holder: Holder) -> Askers:
    return await asking(await serving(**MANY), holder)


async def _number(office: Office, query: str) -> int:
    (row,) = await office.fetch(query)
    return int(row[0] or 0)


async def _everything_counted(office: Office, askers: Askers, kills: int) -> None:
    """Nothing twice, nothing invented, and of what was answered at most the last instants lost."""
    askers.served.stop()
    await askers.served.start()  # adopts what killed processes left
    alive = "SELECT count(*) FROM journal_writer WHERE ended_at IS NULL"
    await eventually(lambda: _is(office, alive, len(askers.served.processes())), 60)
    behind = "SELECT count(*) FROM journal_writer WHERE counted < shipped"
    await eventually(lambda: _is(office, behind, 0), 60)
    noted = await _number(office, "SELECT sum(count) FROM journal_piece")
    sums = await _number(office, "SELECT sum(requests) FROM resolution_hour")
    totals = await _number(office, "SELECT sum(requests) FROM resolution_total")
    found = f"SELECT sum(requests) FROM resolution_hour WHERE reason = {Reason.COUNTED:d}"
    assert noted == sums == totals
    assert await _number(office, found) == noted, "no client asked twice"
    assert noted <= askers.answered + askers.unsure
    lost = askers.answered - noted
    print(f"answered {askers.answered}, unsure {askers.unsure}, noted {noted}, kills {kills}")
    assert lost <= CLIENTS * kills


async def _is(office: Office, query: str, wanted: int) -> bool:
    return await _number(office, query) == wanted


async def _killed(askers: Askers, office: Office, rounds: int) -> None:
    seed = int(os.environ.get("TEST_SEED") or random.SystemRandom().randrange(10**6))
    print(f"TEST_SEED={seed}")
    chance = random.Random(seed)
    async with askers.flowing():
        for _ in range(rounds):
            await asyncio.sleep(chance.uniform(0, 0.5))
            await kill(askers.served, chance.choice(["worker-1", "worker-2", "keeper"]))
            await askers.goes_on()
    await _everything_counted(office, askers, rounds)


async def test_what_was_answered_is_counted_once(
    askers: Askers, office: Office, database_url: str
) -> None:
    await _killed(askers, office, 4)
    async with connect(database_url, size=2, statement_timeout=60) as database:
        async with database.connection() as connection:
            until = await connection.fetchval("SELECT counted_until FROM count_state")
        assert (await audit(database, day_of(until))).sound


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_two_hundred_kills(
    serving, holder: Holder, office: Office, logging: dict[str, object], proof: Proof
) -> None:
    """While identifiers are registered into a certified log, which has all of them in the end."""
    served: Served = await serving(**MANY, **logging)
    load = Load(served, holder, "L", connections=(2, 0))
    await load.begin()
    try:
        await _killed(await asking(served, holder), office, 200)
    finally:
        await load.end()
    await assert_kept(load, office)
    print(f"acknowledged {len(load.acknowledged)}, leaves {await proof.holds(served)}")
