"""Daily statistics to the sandbox's bureau: signed, refused where they are not what they say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from award.report.report import sha256
from award.upload.statistics import DailyStatistics, Network
from metrics.log import keys as log_keys
from node.bureau import BureauClient, BureauUnavailable
from node.sandbox.bureau import ReceivingBureau
from node.sandbox.settings import Application
from node.sandbox.store import SandboxStore

DAY = date(2026, 11, 24)
STATISTICS = DailyStatistics(
    node="88.118",
    day=DAY,
    definitions="test",
    created=1,
    imported=0,
    revived=0,
    deleted=0,
    total=1,
    received=2,
    answered=1,
    counted=1,
    industries=(),
    networks=(Network("198.51.100.0/24", 1),),
)


@dataclass
class Desk:
    client: BureauClient
    stranger: BureauClient
    down: bool = False


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    known = log_keys.create(tmp_path / "known")
    strange = log_keys.create(tmp_path / "strange")
    store = SandboxStore(tmp_path / "sandbox")
    applications = (
        Application(
            app_id="a",
            public_key=bytes(32),
            shr_prefix="88.118",
            log_origin="id.city.example/log",
            log_keys=known.public_keys,
        ),
    )
    made: list[Desk] = []
    receiving = ReceivingBureau(applications, store, lambda: made[0].down)
    async with TestServer(receiving.application()) as server, aiohttp.ClientSession() as session:
        url = str(server.make_url("/bureau/v1"))

        def client(keys: log_keys.LogKeys) -> BureauClient:
            log: Any = SimpleNamespace(keys=keys, origin="id.city.example/log")
            return BureauClient(session, url, log)

        made.append(Desk(client(known), client(strange)))
        yield made[0]
    store.close()


async def test_a_receipt_and_the_same_again(desk: Desk) -> None:
    receipt = await desk.client.deliver(DAY, STATISTICS.text)
    assert receipt.startswith("88.118/2026-11-24/")
    assert await desk.client.deliver(DAY, STATISTICS.text) == receipt


@pytest.mark.parametrize(
    ("changes", "day", "status"),
    [
        ({"networks": (Network("198.51.100.7/32", 1),)}, DAY, 422),
        ({"networks": (Network("2001:db8::/64", 1),)}, DAY, 422),
        ({"networks": (Network("nowhere", 1),)}, DAY, 422),
        ({"node": "88.119"}, DAY, 422),
        ({}, date(2026, 11, 25), 422),
    ],
)
async def test_what_is_refused(desk: Desk, changes: dict[str, Any], day: date, status: int) -> None:
    text = msgspec.structs.replace(STATISTICS, **changes).text
    with pytest.raises(BureauUnavailable, match=str(status)):
        await desk.client.deliver(day, text)


async def test_another_history_of_a_day(desk: Desk) -> None:
    await desk.client.deliver(DAY, STATISTICS.text)
    with pytest.raises(BureauUnavailable, match="409"):
        await desk.client.deliver(DAY, msgspec.structs.replace(STATISTICS, created=2).text)


async def test_a_stranger_and_a_bureau_that_is_down(desk: Desk) -> None:
    with pytest.raises(BureauUnavailable, match="422"):
        await desk.stranger.deliver(DAY, STATISTICS.text)
    desk.down = True
    with pytest.raises(BureauUnavailable, match="503"):
        await desk.client.deliver(DAY, STATISTICS.text)


async def test_answers_in_pieces_are_read_whole_and_endless_ones_left() -> None:
    """A first piece alone is no receipt, and nothing is held of what never ends."""
    receipt = f'{{"receipt": "{"r" * 3000}", "sha256": "{sha256(STATISTICS.text.encode())}"}}'

    async def slowly(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for at in range(0, len(receipt), 500):
            await response.write(receipt[at : at + 500].encode())
            await asyncio.sleep(0)
        while "endless" in request.path:
            await response.write(b" " * 4096)
        return response

    app = web.Application()
    app.router.add_put("/{any:.*}", slowly)
    keys: Any = SimpleNamespace(signers=lambda name: [])
    log: Any = SimpleNamespace(keys=keys, origin="id.city.example/log")
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        url = str(server.make_url("/"))
        got = await BureauClient(session, url, log).deliver(DAY, STATISTICS.text)
        assert got == "r" * 200
        with pytest.raises(BureauUnavailable, match="longer than"):
            await BureauClient(session, f"{url}endless", log).deliver(DAY, STATISTICS.text)
