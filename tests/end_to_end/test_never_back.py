"""Two node processes on one database: readers and writers at both, changes, withdrawals, revivals
and template changes, while the connections that hear of changes are cut. What a process has once
told of an identifier it never takes back, and in the end both tell what was written last."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from functools import partial

import pytest

from tests.end_to_end.office import Holder, Office
from tests.end_to_end.served import Served, eventually

PLAIN, TEMPLATED = 3, 2  # identifiers of each kind
READERS = 3  # at each process
LISTENERS = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()
                  AND (query LIKE 'LISTEN%' OR query = 'SELECT')"""


class Story:
    """What is written of one identifier: states by number, each later than the one before."""

    def __init__(self, handle: str) -> None:
        self.handle = handle
        self.state = 0
        self.live = True

    async def seen(self, served: Served) -> tuple[int, bool]:
        """The latest number of which a process tells, and whether the record is alive. Withdrawn
        is one more than whatever was there before, which a process does not say."""
        reply = await served.ask("GET", f"/v1/resolve/{self.handle}")
        assert reply.status in (200, 410), reply.body
        if reply.status == 410:
            return 0, False
        return max(int(n) for n in re.findall(r"state-(\d+)-", str(reply.body))), True


async def revise(served: Served, holder: Holder, story: Story, chance: random.Random) -> None:
    """Write the next state of a record through a process, which tells it from then on."""
    path, number = f"/v1/identifiers/{story.handle}", story.state + 1
    values = {"values": [{"index": 1, "type": "NOTE", "data": f"state-{number}-"}]}
    if not story.live:
        reply = await served.ask("PUT", f"{path}?revive=true", key=holder.key, json=values)
    elif chance.random() < 0.2:
        reply = await served.ask("DELETE", path, key=holder.key)
    else:
        reply = await served.ask("PATCH", path, key=holder.key, json=values)
    assert reply.status in (200, 201), reply.body
    withdrawn = story.live and "outcome" in reply.body and reply.body["outcome"] == "withdrawn"
    story.state, story.live = number, not withdrawn
    told = await story.seen(served)
    assert told == ((number, True) if story.live else (0, False)), "what it has just answered"


class Race:
    def __init__(self, nodes: list[Served], holder: Holder, office: Office) -> None:
        self.nodes = nodes
        self.holder = holder
        self._office = office
        self._chance = random.Random()
        self._template = f"/v1/prefixes/{holder.prefix}/templates"
        self.plain = [Story(f"{holder.prefix}/R{number}") for number in range(PLAIN)]
        self.templated = [Story(f"{holder.prefix}/T{number}") for number in range(TEMPLATED)]
        self.generation = 0
        self.reads: Counter[str] = Counter()
        self.cuts = 0

    async def prepare(self) -> None:
        made = await self._put_template("POST", self._template, {"version": "t"})
        assert made == 201
        note = {"values": [{"index": 1, "type": "NOTE", "data": "state-0-"}]}
        templated: dict[str, object] = {"template": "t", "attributes": {}}
        bodies = [(story, note) for story in self.plain]
        for story, body in [*bodies, *((story, templated) for story in self.templated)]:
            path = f"/v1/identifiers/{story.handle}"
            reply = await self.nodes[0].ask("PUT", path, key=self.holder.key, json=body)
            assert reply.status == 201, reply.body

    async def run(self, seconds: float) -> None:
        done = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for node in self.nodes * READERS:
                group.create_task(self._read(node, done))
            group.create_task(self._cut(done))
            writers = [group.create_task(self._write(story, done)) for story in self.plain]
            writers.append(group.create_task(self._change_template(done)))
            await asyncio.sleep(seconds)
            await eventually(self._something_happened)
            done.set()

    async def settle(self) -> None:
        """Both tell what was written last."""
        for story in self.templated:
            story.state = self.generation
        for node in self.nodes:
            for story in [*self.plain, *self.templated]:
                await eventually(partial(self._agrees, node, story))

    async def _agrees(self, node: Served, story: Story) -> bool:
        return await story.seen(node) == ((story.state, True) if story.live else (0, False))

    async def _something_happened(self) -> bool:
        enough = all(self.reads[node.url] > 100 for node in self.nodes) and self.cuts > 3
        return enough and self.generation > 3 and all(story.state > 5 for story in self.plain)

    async def _read(self, node: Served, done: asyncio.Event) -> None:
        stories = [*self.plain, *self.templated]
        # The latest number told of each, and whether it was told that it is withdrawn since.
        latest = dict.fromkeys([story.handle for story in stories], (-1, True))
        while not done.is_set():
            story = self._chance.choice(stories)
            before, alive = latest[story.handle]
            number, live = await story.seen(node)
            self.reads[node.url] += 1
            if not live:
                latest[story.handle] = (before, False)
                continue
            went_back = number < before or (number == before and not alive)
            assert not went_back, f"{story.handle} went from {before}, {alive} back to {number}"
            latest[story.handle] = (number, True)

    async def _write(self, story: Story, done: asyncio.Event) -> None:
        while not done.is_set():
            await revise(self._chance.choice(self.nodes), self.holder, story, self._chance)

    async def _change_template(self, done: asyncio.Event) -> None:
        while not done.is_set():
            self.generation += 1
            assert await self._put_template("PUT", f"{self._template}/t", {}) == 200
            await asyncio.sleep(0.05)

    async def _put_template(self, method: str, path: str, more: dict[str, object]) -> int:
        pattern = f"https://state-{self.generation}-.example/{{suffix}}"
        item = {"idIndex": 2000, "idType": "URL", "name": "网址", "pattern": pattern}
        node = self._chance.choice(self.nodes)
        reply = await node.ask(method, path, key=self.holder.key, json={"items": [item]} | more)
        assert reply.status in (200, 201), reply.body
        return reply.status

    async def _cut(self, done: asyncio.Event) -> None:
        while not done.is_set():
            await asyncio.sleep(self._chance.uniform(0.05, 0.4))
            self.cuts += len(await self._office.fetch(LISTENERS))


@pytest.fixture
async def nodes(serving) -> list[Served]:
    return [await serving() for _ in range(2)]


@pytest.mark.parametrize("seconds", [2.0, pytest.param(120.0, marks=pytest.mark.soak)])
async def test_no_process_takes_back_what_it_told(
    nodes: list[Served], holder: Holder, office: Office, seconds: float
) -> None:
    race = Race(nodes, holder, office)
    await race.prepare()
    await race.run(seconds)
    await race.settle()
    print(dict(race.reads), race.cuts, race.generation, [story.state for story in race.plain])
