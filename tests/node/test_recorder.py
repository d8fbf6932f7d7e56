"""Every surface's resolutions come into the journal, each once, and nothing else does."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from metrics.journal.client import shown_address
from metrics.journal.entry import Flag, Kind, Outcome, Surface, records_of
from node.app import open_node
from node.settings import Settings
from tests.node.live import Enterprise, Live

BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
CANARY = "88.118.1/CANARY"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, canaries=(CANARY,))


async def _registered(live: Live, owner: Enterprise, *suffixes: str) -> None:
    body = {"values": [{"index": 1, "type": "URL", "data": "https://e/1"}]}
    for suffix in suffixes:
        path = f"/v1/identifiers/{owner.prefix}/{suffix}"
        assert (await live.ask("PUT", path, key=owner.key, json=body)).status == 201


async def _noted(live: Live, wanted: int) -> list[Any]:
    """The journal's records. They follow their answers, so the client may be first."""
    journal = live.node.wiring.recorder.journal
    async with asyncio.timeout(60):
        while journal.position < wanted:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.005)
    assert journal.position == wanted
    return list(records_of(journal.stretch(0, wanted).records)) if wanted else []


async def test_a_resolution_is_noted(live: Live, owner: Enterprise) -> None:
    await _registered(live, owner, "A")
    reply = await live.ask("GET", f"/v1/resolve/{owner.prefix}/a", headers=BROWSER)
    assert reply.status == 200
    (record,) = await _noted(live, 1)
    recorder = live.node.wiring.recorder
    assert record["identifier"].tobytes() == recorder.journal.digest(f"{owner.prefix}/A")
    assert shown_address(record["address"].tobytes()) == "127.0.0.1"
    assert record["outcome"] == Outcome.FOUND
    assert record["surface"] == Surface.V1
    assert record["kind"] == Kind.EXTERNAL
    assert record["party"] == 0
    async with live.node.wiring.database.connection() as connection:
        prefix_id = await connection.fetchval("SELECT prefix_id FROM prefix")
    assert record["prefix"] == prefix_id


@pytest.mark.parametrize(
    ("path", "surface"),
    [("/v1/resolve/{}", Surface.V1), ("/api/handles/{}", Surface.HANDLE_JSON)],
)
async def test_what_became_of_it(
    path: str, surface: Surface, live: Live, owner: Enterprise
) -> None:
    await _registered(live, owner, "A", "GONE")
    await live.ask("DELETE", f"/v1/identifiers/{owner.prefix}/GONE", key=owner.key)
    asked = [f"{owner.prefix}/{suffix}" for suffix in ("A", "GONE", "NEVER")] + ["99.9.9/X"]
    for handle in asked:
        await live.ask("GET", path.format(handle), headers=BROWSER)
    records = await _noted(live, 4)
    assert [record["outcome"] for record in records] == [
        Outcome.FOUND,
        Outcome.WITHDRAWN,
        Outcome.NOT_FOUND,
        Outcome.NOT_FOUND,
    ]
    assert {record["surface"] for record in records} == {surface}
    assert [bool(record["prefix"]) for record in records] == [True, True, True, False]


async def test_canaries_are_marked(live: Live, owner: Enterprise) -> None:
    assert owner.prefix == CANARY.partition("/")[0]
    await live.ask("GET", f"/v1/resolve/{CANARY}", headers=BROWSER)
    (record,) = await _noted(live, 1)
    assert record["flags"] == Flag.CANARY


async def test_not_modified_is_a_resolution(live: Live, owner: Enterprise) -> None:
    await _registered(live, owner, "A")
    path = f"/v1/resolve/{owner.prefix}/A"
    tag = (await live.ask("GET", path, headers=BROWSER)).headers["ETag"]
    reply = await live.ask("GET", path, headers=BROWSER | {"If-None-Match": tag})
    assert reply.status == 304
    records = await _noted(live, 2)
    assert records[1]["outcome"] == Outcome.FOUND
    assert records[1]["flags"] == Flag.NOT_MODIFIED


async def test_who_asked(live: Live, owner: Enterprise) -> None:
    await _registered(live, owner, "A")
    path = f"/v1/resolve/{owner.prefix}/A"
    await live.ask("GET", path, key=owner.key)
    await live.ask("GET", path, key=live.operator)
    await live.ask("GET", path, headers={"User-Agent": "Googlebot"})
    owned, operator, robot = await _noted(live, 3)
    assert owned["party"] == owner.enterprise_id
    assert owned["kind"] == Kind.EXTERNAL
    assert operator["kind"] == Kind.OPERATOR
    assert robot["kind"] == Kind.ROBOT


async def test_what_is_no_resolution_is_not_noted(live: Live, owner: Enterprise) -> None:
    await _registered(live, owner, "A")
    await live.ask("HEAD", f"/api/handles/{owner.prefix}/A")
    await live.ask("GET", "/healthz")
    await live.ask("GET", f"/v1/identifiers/{owner.prefix}/A", key=owner.key)
    await live.ask("GET", "/v1/resolve/no-slash")
    await live.ask("GET", f"/v1/resolve/{owner.prefix}/A")
    await _noted(live, 1)


async def test_a_proxy_is_not_the_client_unless_it_is_trusted(
    live: Live, owner: Enterprise
) -> None:
    await _registered(live, owner, "A")
    forged = {"X-Forwarded-For": "203.0.113.9"}
    await live.ask("GET", f"/v1/resolve/{owner.prefix}/A", headers=BROWSER | forged)
    (record,) = await _noted(live, 1)
    assert shown_address(record["address"].tobytes()) == "127.0.0.1"


async def test_the_key_is_the_same_after_a_start(live: Live, settings: Settings) -> None:
    async with open_node(settings) as again:
        one, other = live.node.wiring.recorder, again.wiring.recorder
        assert one.journal.digest("88.118.1/A") == other.journal.digest("88.118.1/A")
        assert one.clientele.caller("192.0.2.1", "x") == other.clientele.caller("192.0.2.1", "x")
        assert one.journal.writer != other.journal.writer
