"""Several workers and a keeper under one supervisor, killed, replaced and stopped under load."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from tests.end_to_end.office import Holder, Office
from tests.end_to_end.served import Served, eventually

WORKERS = 2
CLIENTS = 12  # half of them register, half resolve; each has a connection of its own
MANY = {"workers": WORKERS, "metrics_port": 0}


@pytest.fixture
async def served(serving, settings) -> Served:
    return await serving(**MANY)


@dataclass
class Traffic:
    """Requests of many clients, one after the other each, and what became of them."""

    served: Served
    holder: Holder
    answers: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    acknowledged: set[str] = field(default_factory=set)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            tasks = []
            for number in range(CLIENTS):
                session = await stack.enter_async_context(aiohttp.ClientSession())
                session._retry_connection = False  # what broke is to be seen
                work = self._register if number % 2 else self._resolve
                tasks.append(asyncio.create_task(work(session)))
            try:
                await self.goes_on()
                yield
                await self.goes_on()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def goes_on(self) -> None:
        """Return when every client may have been answered a few times more."""
        wanted = self.answers.total() + 5 * CLIENTS

        async def reached() -> bool:
            return self.answers.total() >= wanted

        await eventually(reached)

    async def _register(self, session: aiohttp.ClientSession) -> None:
        while True:
            handle = f"{self.holder.prefix}/T{next(self._numbers)}"
            headers = {"Authorization": f"Bearer {self.holder.key}"}
            path = f"/v1/identifiers/{handle}"
            if await self._ask(session, "PUT", path, headers=headers, json={}) == 201:
                self.acknowledged.add(handle.partition("/")[2])

    async def _resolve(self, session: aiohttp.ClientSession) -> None:
        while True:
            await self._ask(session, "GET", f"/v1/resolve/{self.holder.prefix}/KNOWN")

    async def _ask(
        self, session: aiohttp.ClientSession, method: str, path: str, **more: Any
    ) -> int:
        try:
            async with session.request(method, self.served.url + path, **more) as response:
                await response.read()
        except aiohttp.ClientError as error:
            self.failures.append(f"{method} {error!r}")
            return 0
        self.answers[response.status] += 1
        await asyncio.sleep(0.005)  # both cores belong to the node
        return response.status


@pytest.fixture
async def traffic(served: Served, holder: Holder) -> Traffic:
    path = f"/v1/identifiers/{holder.prefix}/KNOWN"
    known = await served.ask("PUT", path, key=holder.key, json={})
    assert known.status == 201, known.body
    return Traffic(served, holder)


async def filled_anew(served: Served, post: str, before: int) -> None:
    """Return when the post has another process, and that is at work."""

    async def filled() -> bool:
        return served.processes()[post] != before

    await eventually(filled, 180)  # a loaded machine starts slowly, after a pause of up to 10 s


def running(process: int) -> bool:
    return os.path.exists(f"/proc/{process}")


async def kill(served: Served, post: str) -> None:
    process = served.processes()[post]
    os.kill(process, signal.SIGKILL)
    await filled_anew(served, post, process)


async def registered(office: Office) -> set[str]:
    rows = await office.fetch("SELECT suffix FROM identifier WHERE suffix LIKE 'T%'")
    return {row["suffix"] for row in rows}


async def killed_at_random(traffic: Traffic, office: Office, rounds: int) -> None:
    served = traffic.served
    seed = int(os.environ.get("TEST_SEED") or random.SystemRandom().randrange(10**6))
    print(f"TEST_SEED={seed}")
    chance = random.Random(seed)
    async with traffic.flowing():
        for _ in range(rounds):
            await asyncio.sleep(chance.uniform(0, 0.3))
            post = chance.choice(["worker-1", "worker-2", "keeper"])
            before = len(traffic.failures)
            await kill(served, post)
            await traffic.goes_on()
            broken = traffic.failures[before:]
            # At most the request that each client had under way.
            assert len(broken) <= (0 if post == "keeper" else CLIENTS), broken
    assert set(traffic.answers) == {200, 201}
    assert traffic.acknowledged <= await registered(office)


async def test_killed_processes_cost_what_they_were_answering(
    traffic: Traffic, office: Office
) -> None:
    await killed_at_random(traffic, office, 3)


@pytest.mark.soak
async def test_processes_killed_fifty_times(traffic: Traffic, office: Office) -> None:
    await killed_at_random(traffic, office, 50)


async def test_another_keeper_is_elected_when_one_is_killed(serving) -> None:
    """On another host, before the first has started a new one."""
    first, second = await serving(**MANY), await serving(**MANY)

    async def elected(served: Served) -> int:
        return len(served.events("keeper-elected"))

    await eventually(lambda: elected(first))
    assert await elected(second) == 0
    first.signal(signal.SIGSTOP)  # it starts no other
    os.kill(first.processes()["keeper"], signal.SIGKILL)
    await eventually(lambda: elected(second))
    first.signal(signal.SIGCONT)
    [won] = second.events("keeper-elected")
    assert won["term"] == 2


async def test_processes_end_and_are_replaced_without_a_failed_request(traffic: Traffic) -> None:
    served = traffic.served
    async with traffic.flowing():
        asked = served.processes()["worker-1"]
        os.kill(asked, signal.SIGTERM)
        await filled_anew(served, "worker-1", asked)
        before = served.processes()
        served.signal(signal.SIGHUP)

        async def replaced() -> bool:
            return bool(served.events("processes-replaced"))

        await eventually(replaced)
        await traffic.goes_on()
    after = served.processes()
    assert not set(before.values()) & set(after.values())
    assert traffic.failures == []
    assert set(traffic.answers) == {200, 201}


async def test_others_cover_for_a_worker_that_cannot_start(
    served: Served, settings: dict[str, object]
) -> None:
    key = str(settings["sealing_key_file"])
    os.rename(key, f"{key}.away")
    killed = served.processes()["worker-1"]
    os.kill(killed, signal.SIGKILL)

    async def failed() -> bool:
        return len(served.events("process-not-started")) >= 2

    await eventually(failed)
    assert key in served.events("process-not-started")[0]["reason"]
    for _ in range(20):
        async with (
            aiohttp.ClientSession() as fresh,
            fresh.get(f"{served.url}/healthz", timeout=aiohttp.ClientTimeout(20)) as response,
        ):
            assert response.status == 200
    os.rename(f"{key}.away", key)
    await filled_anew(served, "worker-1", killed)


async def test_requests_under_way_end_when_it_stops(serving, holder: Holder) -> None:
    served: Served = await serving(**MANY, drain_seconds=60)
    go_on = asyncio.Event()

    async def lines() -> AsyncIterator[bytes]:
        yield b'{"handle":"%b/D1","values":[]}\n' % holder.prefix.encode()
        await go_on.wait()
        yield b'{"handle":"%b/D2","values":[]}\n' % holder.prefix.encode()

    stream = {"Content-Type": "application/x-ndjson", "Authorization": f"Bearer {holder.key}"}
    url = f"{served.url}/v1/identifiers"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=lines(), headers=stream) as response,
    ):
        await response.content.readline()  # the first line is committed
        stopping = asyncio.create_task(asyncio.to_thread(served.stop))

        async def leaving() -> bool:
            return len(served.events("stopping")) >= WORKERS

        await eventually(leaving)
        go_on.set()
        last = (await response.content.read()).splitlines()[-1]
    assert b'"created":2' in last
    assert await stopping == 0
    assert not served.alive


async def test_killed_it_starts_again_at_once(served: Served) -> None:
    children = served.processes()
    served.kill()
    await served.start()
    assert (await served.ask("GET", "/readyz")).status == 200

    async def gone() -> bool:
        return not any(map(running, children.values()))

    await eventually(gone)
    await assert_each_tells_its_metrics(served)


async def assert_each_tells_its_metrics(served: Served) -> None:
    ports = served.events("serving")[-1]["metrics"]
    assert len(set(ports)) == WORKERS + 1
    for _ in range(20):
        async with aiohttp.ClientSession() as fresh, fresh.get(f"{served.url}/healthz"):
            pass
    told = []
    async with aiohttp.ClientSession() as session:
        for port in ports:
            async with session.get(f"http://127.0.0.1:{port}/metrics") as response:
                told.append(await response.text())
    assert ["biaoshi_keeper_up 1.0" in text for text in told] == [True, False, False]
    requests = 'biaoshi_requests_total{operation="healthz"'
    counts = [
        sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(requests))
        for text in told
    ]
    assert counts[0] == 0
    assert sum(counts) == 20
    assert (await served.ask("GET", "/metrics")).status == 404


async def test_a_process_that_cannot_start_is_told_in_one_line(serving, linked) -> None:
    linked = linked | {"national_node_key_file": "/nowhere/key.pem"}
    with pytest.raises(AssertionError, match="ended while starting") as told:
        await serving(**MANY, **linked)
    last = str(told.value).splitlines()[-1]
    assert last.startswith("biaoshi: ")
    assert "/nowhere/key.pem" in last
