"""Health and readiness, with the database gone and back."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import asyncpg
import msgspec
import pytest

from node import foundation
from node.app import open_node
from node.embedded.postgres import EmbeddedPostgres
from node.serve import listening, working
from node.settings import Settings
from tests.node.live import Enterprise, Live
from tests.node.refused import refused


async def test_a_node_that_works(live: Live) -> None:
    healthy = await live.ask("GET", "/healthz")
    assert (healthy.status, healthy.body) == (200, {"status": "ok"})
    ready = await live.ask("GET", "/readyz")
    assert ready.status == 200
    assert (ready.body["status"], ready.body["missing"]) == ("ready", {})
    assert ready.body["degraded"] == {"national_node": "not configured: filings wait in the outbox"}


async def test_metrics(live: Live) -> None:
    reply = await live.ask("GET", "/metrics")
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "biaoshi_build_info{" in reply.body


async def superuser(url: str) -> asyncpg.Connection[asyncpg.Record]:
    """A superuser's connection to another database of the same server."""
    head, _, query = url.partition("?")
    server = head.replace("biaoshi@", "postgres@").rpartition("/")[0]
    return await asyncpg.connect(f"{server}/postgres?{query}")


END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1"


async def test_a_database_that_goes_away_and_comes_back(
    live: Live, owner: Enterprise, settings: Settings
) -> None:
    name = settings.database_url.rpartition("/")[2].partition("?")[0]
    path = f"/v1/identifiers/{owner.prefix}/a"
    assert (await live.ask("PUT", path, key=owner.key, json={})).status == 201
    root = await superuser(settings.database_url)
    await root.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    await root.execute(END, name)
    try:
        for _ in range(3):
            for method, target in (("GET", f"/v1/resolve/{owner.prefix}/a"), ("PUT", path)):
                body = {} if method == "PUT" else None
                key = owner.key if method == "PUT" else None
                reply = await live.ask(method, target, key=key, json=body)
                refused(reply, 503, "unavailable")
                assert reply.headers["Retry-After"] == "5"
        ready = await live.ask("GET", "/readyz")
        assert (ready.status, ready.body["status"]) == (503, "not ready")
        assert ready.body["missing"]["database"].startswith("does not answer")
        assert (await live.ask("GET", "/healthz")).status == 200
        assert (await live.ask("GET", "/metrics")).status == 200
    finally:
        await root.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        await root.close()
    assert (await live.ask("GET", f"/v1/resolve/{owner.prefix}/a")).status == 200
    again = await live.ask("PUT", path, key=owner.key, json={})
    assert (again.status, again.body["outcome"]) == (200, "unchanged")
    assert (await live.ask("GET", "/readyz")).status == 200


async def test_a_schema_that_is_not_ours(live: Live) -> None:
    async with live.node.wiring.database.connection() as connection:
        await connection.execute("UPDATE migration SET checksum = 'x'")
    ready = await live.ask("GET", "/readyz")
    assert ready.status == 503
    assert "was changed after it ran" in ready.body["missing"]["database"]


async def test_a_sealing_key_that_is_gone(live: Live, settings: Settings) -> None:
    os.unlink(settings.sealing_key_file)
    ready = await live.ask("GET", "/readyz")
    assert (ready.status, ready.body["missing"]) == (503, {"sealing_key": "cannot be used"})


async def test_a_database_that_is_busy(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """All connections taken: not ready, and ready again when one comes free."""
    monkeypatch.setattr("node.health.PATIENCE", 0.2)
    database = live.node.wiring.database
    size = live.node.wiring.settings.database_connections
    taken = [database.connection() for _ in range(size)]
    for connection in taken:
        await connection.__aenter__()
    ready = await live.ask("GET", "/readyz")
    assert (ready.status, ready.body["missing"]) == (
        503,
        {"database": "does not answer (TimeoutError)"},
    )
    for connection in taken:
        await connection.__aexit__(None, None, None)
    assert (await live.ask("GET", "/readyz")).status == 200


@pytest.fixture
def own_server(
    scratch: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL of this test alone, which it may stop."""
    folder = Path(tempfile.mkdtemp(prefix="biaoshi-test-", dir=scratch))
    folder.chmod(0o711)
    server = EmbeddedPostgres(folder, durable=False)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        for place in (server.home, folder):
            shutil.rmtree(place or folder, ignore_errors=True)


@pytest.fixture
async def own(own_server: EmbeddedPostgres, tmp_path: Path) -> AsyncIterator[Live]:
    settings = Settings(
        database_url=own_server.url,
        secondary_prefix="88.118",
        sealing_key_file=str(tmp_path / "sealing.key"),
        port=0,
        drain_seconds=0.5,
    )
    await foundation.prepare(settings)
    async with (
        open_node(settings) as node,
        listening(node) as url,
        working(node),
        aiohttp.ClientSession() as session,
    ):
        yield Live(node, url, session, "")


async def test_a_server_that_is_stopped_and_started(
    own: Live, own_server: EmbeddedPostgres
) -> None:
    owner = await own.enterprise()
    path = f"/v1/identifiers/{owner.prefix}/a"
    assert (await own.ask("PUT", path, key=owner.key, json={})).status == 201
    url = own_server.url
    own_server.stop()
    replies = await asyncio.gather(
        *(own.ask("GET", f"/v1/resolve/{owner.prefix}/a") for _ in range(40))
    )
    for reply in replies:
        refused(reply, 503, "unavailable")
    refused(await own.ask("PUT", path, key=owner.key, json={}), 503, "unavailable")
    ready = await own.ask("GET", "/readyz")
    assert (ready.status, list(ready.body["missing"])) == (503, ["database"])
    own_server.start()
    assert own_server.url == url
    assert (await own.ask("GET", f"/v1/resolve/{owner.prefix}/a")).status == 200
    assert (await own.ask("PUT", path, key=owner.key, json={})).body["outcome"] == "unchanged"
    assert (await own.ask("GET", "/readyz")).status == 200


async def test_readiness_tells_no_address(settings: Settings, live: Live) -> None:
    ready = await live.ask("GET", "/readyz")
    assert settings.database_url not in str(ready.body)
    assert msgspec.json.encode(ready.body)
