"""A database that goes away: what is at hand is told, marked; for the rest clients come back."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import msgspec
import pytest

from node import foundation
from node.app import open_node
from node.embedded.postgres import EmbeddedPostgres
from node.serve import listening, working
from node.settings import Settings
from tests.end_to_end.served import eventually
from tests.node.live import Enterprise, Live, Reply

SECONDS = 60.0


@pytest.fixture
def server(scratch: Path) -> Iterator[EmbeddedPostgres]:
    folder = Path(tempfile.mkdtemp(prefix="biaoshi-outage-", dir=scratch))
    folder.chmod(0o711)  # as root the server has an account of its own, which must get in
    server = EmbeddedPostgres(folder, durable=False)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        for place in (server.home, folder):
            shutil.rmtree(place or folder, ignore_errors=True)


@pytest.fixture
async def node(server: EmbeddedPostgres, settings: Settings) -> AsyncIterator[Live]:
    settings = msgspec.structs.replace(settings, database_url=server.url, log_level="error")
    await foundation.prepare(settings)
    async with (
        open_node(settings) as node,
        working(node),
        listening(node) as url,
        aiohttp.ClientSession() as session,
    ):
        yield Live(node, url, session, "")


async def warmed(node: Live) -> tuple[Enterprise, str, str]:
    """An enterprise, an identifier that is at hand, and one that is not."""
    owner = await node.enterprise()
    handles = [f"{owner.prefix}/WARM", f"{owner.prefix}/COLD"]
    value = {"index": 1, "type": "URL", "data": "https://example.com"}
    for handle in handles:
        path = f"/v1/identifiers/{handle}"
        reply = await node.ask("PUT", path, key=owner.key, json={"values": [value]})
        assert reply.status == 201

    async def at_hand() -> bool:
        await node.ask("GET", f"/api/handles/{handles[0]}")
        return node.node.wiring.records.cache.get(handles[0]) is not None

    await eventually(at_hand, SECONDS)
    return owner, *handles


def stale(reply: Reply) -> bool:
    return reply.status == 200 and "ttl=-1" in reply.headers.get("Cache-Status", "")


def fresh(reply: Reply) -> bool:
    return reply.status == 200 and "Cache-Status" not in reply.headers


async def check_outage(node: Live, warm: str, cold: str) -> None:
    async def marked() -> bool:
        return stale(await node.ask("GET", f"/api/handles/{warm}"))

    await eventually(marked, SECONDS)
    for path in (f"/v1/resolve/{warm}", f"/api/handles/{warm}", f"/{warm}"):
        assert stale(await node.ask("GET", path)), path
    for path in (f"/v1/resolve/{cold}", f"/api/handles/{cold}"):
        reply = await node.ask("GET", path)
        assert reply.status in (500, 503), reply.body
        assert reply.status == 503
        assert int(reply.headers["Retry-After"]) > 0


async def check_recovery(node: Live, *handles: str) -> None:
    async def back() -> bool:
        replies = [await node.ask("GET", f"/api/handles/{handle}") for handle in handles]
        return all(fresh(reply) for reply in replies) and node.node.wiring.records.ready

    await eventually(back, SECONDS)


async def test_a_database_that_is_stopped_and_started(server: EmbeddedPostgres, node: Live) -> None:
    owner, warm, cold = await warmed(node)
    server.stop()
    await check_outage(node, warm, cold)
    server.start()
    await check_recovery(node, warm, cold)
    value = {"index": 2, "type": "NAME", "data": "again"}
    path = f"/v1/identifiers/{warm}"
    changed = await node.ask("PATCH", path, key=owner.key, json={"values": [value]})
    assert changed.status == 200
    reply = await node.ask("GET", f"/api/handles/{warm}")
    assert fresh(reply)
    assert len(reply.body["values"]) == 2


async def test_a_database_that_is_frozen(server: EmbeddedPostgres, node: Live) -> None:
    """Nothing says so: its processes just do nothing any more."""
    _, warm, cold = await warmed(node)
    frozen = _processes(server)
    assert len(frozen) > 5
    try:
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        await check_outage(node, warm, cold)
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    await check_recovery(node, warm, cold)


def _processes(server: EmbeddedPostgres) -> list[int]:
    """The server's processes: the postmaster and its children."""
    assert server.home is not None
    postmaster = int(next(server.home.rglob("postmaster.pid")).read_text().split()[0])
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    return [postmaster, *map(int, children)]
