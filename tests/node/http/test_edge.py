"""The outermost layer: ids, errors in the surface's dialect, logs that tell nothing."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import patch

import asyncpg
import msgspec
import pytest
from aiohttp import web
from structlog.testing import capture_logs
from yarl import URL

from node.app import open_node
from node.serve import listening
from node.settings import Settings
from registry.database import DATABASE_AWAY
from resolver.records import Records
from tests.node.live import SUBJECT, Enterprise, Live
from tests.node.refused import plain, refused


@pytest.mark.parametrize("given", ["request-17", "a" * 64, "A.b_c-12345678"])
async def test_a_harmless_request_id_is_kept(live: Live, given: str) -> None:
    reply = await live.ask("GET", "/v1/audit", headers={"X-Request-Id": given})
    assert (reply.headers["X-Request-Id"], reply.body["request_id"]) == (given, given)


@pytest.mark.parametrize(
    "given", ["", "short", "a" * 65, "with blank x", "quote\"'<x>", "标识标识标识"]
)
async def test_other_request_ids_are_replaced(live: Live, given: str) -> None:
    reply = await live.ask("GET", "/healthz", headers={"X-Request-Id": given})
    assert reply.headers["X-Request-Id"] != given
    assert len(reply.headers["X-Request-Id"]) == 16


async def test_every_answer_has_an_id_of_its_own(live: Live) -> None:
    replies = [await live.ask("GET", path) for path in ("/healthz", "/nothing", "/v1/audit")]
    assert len({reply.headers["X-Request-Id"] for reply in replies}) == 3


async def test_paths_and_methods_that_are_none(live: Live) -> None:
    for path in ("/", "/nothing", "/v1/nothing", "/healthz/", "/%00", "/..%2f..%2fetc/passwd"):
        plain(await live.ask("GET", "", url=URL(live.url + path, encoded=True)), 404)
    for method, path in (("POST", "/healthz"), ("DELETE", "/metrics"), ("PURGE", "/v1/audit")):
        reply = await live.ask(method, path)
        plain(reply, 405)
        assert "GET" in reply.headers["Allow"]


async def raw(live: Live, content: bytes) -> bytes:
    url = URL(live.url)
    assert url.port
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(content)
    async with asyncio.timeout(60):
        answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize(
    "content",
    [
        b"nonsense\r\n\r\n",
        b"GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
async def test_what_is_no_http(live: Live, content: bytes) -> None:
    with capture_logs() as logs:
        answer = await raw(live, content)
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400")), answer
    assert b"Traceback" not in answer
    assert "xxx" not in str(logs)


async def test_a_crash_tells_nothing(live: Live, owner: Enterprise) -> None:
    async def crash(*_: object) -> None:
        raise RuntimeError(f"with {SUBJECT['legal_person']} in its message")

    with patch.object(Records, "see", crash), capture_logs() as logs:
        reply = await live.ask("GET", f"/v1/resolve/{owner.prefix}/a")
    plain(reply, 500)
    assert reply.body["title"] == "Internal error"
    crashes = [entry for entry in logs if entry["event"] == "request-crashed"]
    assert crashes[0]["error"] == "RuntimeError"
    assert crashes[0]["request_id"] == reply.body["request_id"]
    assert "crash" in crashes[0]["at"][-1]
    assert SUBJECT["legal_person"] not in str(logs)


@pytest.mark.parametrize("error", DATABASE_AWAY, ids=lambda kind: kind.__name__)
async def test_a_database_that_is_away(
    live: Live, owner: Enterprise, error: type[Exception]
) -> None:
    async def fail(*_: object) -> None:
        raise error("for a reason")

    with patch.object(Records, "see", fail):
        reply = await live.ask("GET", f"/v1/resolve/{owner.prefix}/a")
    refused(reply, 503, "unavailable")
    assert reply.headers["Retry-After"] == "5"
    assert "for a reason" not in str(reply.body)


async def test_a_parameter_that_cannot_be_sent_is_our_mistake(
    live: Live, owner: Enterprise
) -> None:
    """asyncpg calls it an interface error; the database is not away."""

    async def fail(*_: object) -> None:
        async with live.node.wiring.database.connection() as connection:
            await connection.fetch("SELECT $1::integer", "one")

    with patch.object(Records, "see", fail):
        plain(await live.ask("GET", f"/v1/resolve/{owner.prefix}/a"), 500)


async def test_a_statement_that_takes_too_long(
    settings: Settings, live: Live, owner: Enterprise
) -> None:
    """Somebody holds the prefix's row: who waits for it is told to come again."""
    settings = msgspec.structs.replace(settings, statement_seconds=0.3)
    blocker = await asyncpg.connect(settings.database_url)
    path = f"/v1/prefixes/{owner.prefix}/administrators"
    async with open_node(settings) as node, listening(node) as url:
        target = URL(url + path)
        async with blocker.transaction():
            await blocker.execute("SELECT FROM prefix FOR UPDATE")
            body: dict[str, Any] = {"administrators": []}
            reply = await live.ask("PUT", "", url=target, key=owner.key, json=body)
            refused(reply, 503, "unavailable")
            assert reply.headers["Retry-After"] == "5"
        reply = await live.ask("PUT", "", url=target, key=owner.key, json=body)
        assert reply.status == 200
    await blocker.close()


async def test_a_client_that_leaves_harms_nobody(live: Live, owner: Enterprise) -> None:
    url = URL(live.url)
    assert url.port
    for _ in range(20):
        _, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(f"GET /v1/resolve/{owner.prefix}/a HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        writer.transport.abort()
    assert (await live.ask("GET", "/readyz")).status == 200


async def test_metrics_count_by_operation_and_outcome(live: Live, owner: Enterprise) -> None:
    await live.ask("GET", f"/v1/resolve/{owner.prefix}/secret-product")
    await live.ask("GET", "/v1/nothing")
    text = (await live.ask("GET", "/metrics")).body
    labels = 'operation="resolve",outcome="4xx",surface="v1"'
    assert f"biaoshi_requests_total{{{labels}}} 1.0" in text
    assert 'operation="unknown"' in text
    assert 'biaoshi_request_seconds_bucket{le="0.0005",operation="resolve"' in text
    for told in (owner.prefix, "secret-product", owner.key.split("_")[1], "127.0.0.1", "nothing"):
        assert told not in text


async def test_a_redirect_is_not_an_error(live: Live) -> None:
    async def moved(*_: object) -> None:
        raise web.HTTPFound("/docs")

    with patch.object(Records, "see", moved):
        reply = await live.ask("GET", "/v1/resolve/88.118.1/a", allow_redirects=False)
    assert (reply.status, reply.headers["Location"]) == (302, "/docs")
