"""Sending to a node whose answers get lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import stamina
from aiohttp import web
from aiohttp.test_utils import TestServer

from node.cli.client import NodeClient, NodeRefused
from node.cli.upload.line import Line
from node.cli.upload.refusals import Refusals
from node.cli.upload.sending import IN_FLIGHT, Sending, UploadBroken


class Flaky:
    """A node that answers only every third request; `seen` are the handles it took in."""

    def __init__(self) -> None:
        self.requests = 0
        self.under_way = self.most = 0
        self.seen: set[str] = set()
        self.refuse: int | None = None

    async def post(self, request: web.Request) -> web.Response:
        self.requests += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            return await self._answer(request, self.requests)
        finally:
            self.under_way -= 1

    async def _answer(self, request: web.Request, number: int) -> web.Response:
        items = await request.json()
        await asyncio.sleep(0.01)
        if self.refuse:
            return web.json_response({"title": "no"}, status=self.refuse)
        results = []
        for item in items:
            outcome = "unchanged" if item["handle"] in self.seen else "created"
            self.seen.add(item["handle"])
            results.append({"handle": item["handle"], "outcome": outcome})
        if number % 3 == 1:
            assert request.transport is not None
            request.transport.abort()  # taken in, and the answer is lost
        if number % 3 == 2:
            return web.json_response({"title": "busy"}, status=503)
        return web.json_response({"results": results, "totals": {}})


class Lines:
    def __init__(self, count: int) -> None:
        self.count = count

    def lines(self) -> Iterator[Line]:
        return (Line(i, {"handle": f"88.118.1/{i}"}) for i in range(1, self.count + 1))


@pytest.fixture
def flaky() -> Flaky:
    return Flaky()


@pytest.fixture
async def client(flaky: Flaky) -> AsyncIterator[NodeClient]:
    app = web.Application(client_max_size=1 << 24)
    app.router.add_post("/v1/identifiers", flaky.post)
    async with TestServer(app) as server, NodeClient(str(server.make_url(""))) as client:
        yield client


async def test_lost_answers_are_asked_for_again(
    flaky: Flaky, client: NodeClient, tmp_path: Path
) -> None:
    told: list[int] = []
    with Refusals(tmp_path / "f.csv") as refusals, stamina.set_testing(True, attempts=9):
        sending = Sending(client, refusals, told.append)
        await sending.send(Lines(7500))
    assert sum(sending.totals.values()) == len(flaky.seen) == sum(told) == 7500
    assert set(sending.totals) <= {"created", "unchanged"}
    assert 1 < flaky.most <= IN_FLIGHT


async def test_a_node_that_stays_away_ends_the_upload(
    flaky: Flaky, client: NodeClient, tmp_path: Path
) -> None:
    flaky.refuse = 503
    with Refusals(tmp_path / "f.csv") as refusals, stamina.set_testing(True, attempts=2):
        sending = Sending(client, refusals, lambda _: None)
        with pytest.raises(UploadBroken, match="0 lines were answered before"):
            await sending.send(Lines(10))


async def test_a_refusal_of_the_whole_is_not_repeated(
    flaky: Flaky, client: NodeClient, tmp_path: Path
) -> None:
    flaky.refuse = 401
    with Refusals(tmp_path / "f.csv") as refusals, pytest.raises(NodeRefused, match="no"):
        await Sending(client, refusals, lambda _: None).send(Lines(10))
    assert flaky.requests == 1
    assert not refusals.file.exists()
