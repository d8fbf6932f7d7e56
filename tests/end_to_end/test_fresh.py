"""Two nodes on one database: what was committed on one is told by both, and never taken back."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from node import foundation
from node.app import open_node
from node.serve import listening, working
from node.settings import Settings
from tests.end_to_end.served import eventually
from tests.node.live import Enterprise, Live

SECONDS = 30.0  # for what should take milliseconds, on a machine that is busy
LISTENERS = """SELECT pid FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()
                  AND (query LIKE 'LISTEN%' OR query = 'SELECT')"""


@pytest.fixture
async def nodes(database_url: str, tmp_path: Path) -> AsyncIterator[list[Live]]:
    settings = Settings(
        database_url=database_url,
        secondary_prefix="88.118",
        sealing_key_file=str(tmp_path / "sealing.key"),
        port=0,
        drain_seconds=0.5,
        database_connections=8,
        log_level="error",
    )
    await foundation.prepare(settings)
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        opened = []
        for _ in range(2):
            node = await stack.enter_async_context(open_node(settings))
            await stack.enter_async_context(working(node))
            url = await stack.enter_async_context(listening(node))
            opened.append(Live(node, url, session, ""))
        yield opened


@pytest.fixture
async def owner(nodes: list[Live]) -> Enterprise:
    return await nodes[0].enterprise()


@pytest.fixture
async def admin(database_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def heard(node: Live) -> None:
    """Until the node hears of changes and so may answer from memory."""
    cache = node.node.wiring.records.cache

    async def certain() -> bool:
        return cache.certain

    await eventually(certain, SECONDS)


async def write(node: Live, owner: Enterprise, handle: str, number: int) -> None:
    value = {"index": 1, "type": "NUMBER", "data": str(number)}
    method = "PATCH" if number else "PUT"
    reply = await node.ask(
        method, f"/v1/identifiers/{handle}", key=owner.key, json={"values": [value]}
    )
    assert reply.status in (200, 201), reply.body


async def read(node: Live, handle: str) -> int:
    reply = await node.ask("GET", f"/api/handles/{handle}")
    assert reply.status == 200, reply.body
    assert "Cache-Status" not in reply.headers
    return int(reply.body["values"][0]["data"]["value"])


async def until(node: Live, handle: str, number: int) -> None:
    async def there() -> bool:
        return await read(node, handle) >= number

    await eventually(there, SECONDS)


async def test_readers_never_see_time_run_backwards(
    nodes: list[Live], owner: Enterprise, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    """Readers on both nodes beside writers on both, while LISTEN connections are cut."""
    chance = random.Random(6)
    handles = [f"{owner.prefix}/R{number}" for number in range(4)]
    written = dict.fromkeys(handles, 0)
    for handle in handles:
        await write(nodes[0], owner, handle, 0)
    done = asyncio.Event()
    reads = 0

    async def writer(handle: str) -> None:
        for number in range(1, 61):
            at = chance.choice(nodes)
            await write(at, owner, handle, number)
            written[handle] = number
            assert await read(at, handle) == number, "a node forgets what it has just answered"

    async def reader(node: Live) -> None:
        nonlocal reads
        last = dict.fromkeys(handles, 0)
        while not done.is_set():
            handle = chance.choice(handles)
            number = await read(node, handle)
            reads += 1
            assert number >= last[handle], f"{handle} went back from {last[handle]} to {number}"
            last[handle] = number

    async def cutter() -> None:
        while not done.is_set():
            await asyncio.sleep(chance.uniform(0.05, 0.4))
            await admin.execute(f"SELECT pg_terminate_backend(pid) FROM ({LISTENERS}) AS heard")

    async with asyncio.TaskGroup() as group:
        for node in nodes * 3:
            group.create_task(reader(node))
        group.create_task(cutter())
        await asyncio.gather(*(writer(handle) for handle in handles))
        done.set()
    assert reads > 100
    for node in nodes:
        for handle in handles:
            await until(node, handle, written[handle])
            assert await read(node, handle) == 60


async def test_a_change_reaches_the_other_node(nodes: list[Live], owner: Enterprise) -> None:
    one, other = nodes
    handle = f"{owner.prefix}/SEEN"
    await write(one, owner, handle, 0)
    for node in nodes:
        await heard(node)
    for number in range(1, 20):
        assert await read(other, handle) == number - 1  # it is at hand there
        await write(one, owner, handle, number)
        assert await read(one, handle) == number
        await until(other, handle, number)
    gone = await one.ask("DELETE", f"/v1/identifiers/{handle}", key=owner.key)
    assert gone.status == 200

    async def withdrawn() -> bool:
        return (await other.ask("GET", f"/v1/resolve/{handle}")).status == 410

    await eventually(withdrawn, SECONDS)
    again = await one.ask(
        "PUT",
        f"/v1/identifiers/{handle}?revive=true",
        key=owner.key,
        json={"values": [{"index": 1, "type": "NUMBER", "data": "99"}]},
    )
    assert again.status == 201
    assert await read(other, handle) == 99, "an absence was kept"


async def test_what_is_registered_on_one_is_found_on_the_other_at_once(
    nodes: list[Live], owner: Enterprise
) -> None:
    one, other = nodes
    for number in range(20):
        handle = f"{owner.prefix}/NEW{number}"
        assert (await other.ask("GET", f"/v1/resolve/{handle}")).status == 404
        await write(one, owner, handle, 0)
        assert await read(other, handle) == 0


async def test_a_template_changes_all_its_records_everywhere(
    nodes: list[Live], owner: Enterprise
) -> None:
    one, other = nodes

    def item(text: str) -> dict[str, Any]:
        pattern = f"https://{text}.example/{{suffix}}"
        return {"idIndex": 2000, "idType": "URL", "name": "网址", "pattern": pattern}

    path = f"/v1/prefixes/{owner.prefix}/templates"
    made = await one.ask("POST", path, key=owner.key, json={"version": "t", "items": [item("g0")]})
    assert made.status == 201, made.body
    handles = [f"{owner.prefix}/T{number}" for number in range(5)]
    for handle in handles:
        put = await one.ask(
            "PUT",
            f"/v1/identifiers/{handle}",
            key=owner.key,
            json={"template": "t", "attributes": {}},
        )
        assert put.status == 201, put.body
    for node in nodes:
        await heard(node)

    async def seen(node: Live, handle: str) -> str:
        values = (await node.ask("GET", f"/api/handles/{handle}")).body["values"]
        url = next(value for value in values if value["index"] == 2000)["data"]["value"]
        return str(url).removeprefix("https://").partition(".")[0]

    async def shows(node: Live, handle: str, wanted: str) -> bool:
        return await seen(node, handle) == wanted

    for generation in range(1, 6):
        for handle in handles:
            await seen(other, handle)
        changed = await one.ask(
            "PUT", f"{path}/t", key=owner.key, json={"items": [item(f"g{generation}")]}
        )
        assert changed.status == 200, changed.body
        for handle in handles:
            assert await seen(one, handle) == f"g{generation}"
            await eventually(partial(shows, other, handle, f"g{generation}"), SECONDS)


async def test_a_frozen_listening_connection_is_noticed(
    nodes: list[Live], owner: Enterprise, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    """Nothing says that it is cut: no answer to the heartbeat does."""
    one, other = nodes
    handle = f"{owner.prefix}/FROZEN"
    await write(one, owner, handle, 0)
    for node in nodes:
        await heard(node)
        await read(node, handle)
    pids = [record["pid"] for record in await admin.fetch(LISTENERS)]
    assert len(pids) == 2
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        await write(one, owner, handle, 1)
        await until(other, handle, 1)
        for number in range(2, 5):
            await write(one, owner, handle, number)
            await until(other, handle, number)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    for node in nodes:
        await heard(node)
        assert await read(node, handle) == 4
