"""Two nodes on one database: one answers by the lane, the other by aiohttp alone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import aiohttp
import pytest

from node import foundation
from node.app import open_node
from node.lane.desk import Desk
from node.lane.site import LANE
from node.serve import listening, working
from node.settings import Settings
from tests.end_to_end.served import eventually
from tests.node.live import Enterprise, Live

SECONDS = 60.0
_VARIES = (
    (re.compile(rb"\r\nDate: [^\r]*"), b"\r\nDate: D"),
    (re.compile(rb"\r\nX-Request-Id: [0-9a-f]{16}\r"), b"\r\nX-Request-Id: R\r"),
    (re.compile(rb'"request_id":"[0-9a-f]{16}"'), b'"request_id":"R"'),
)


def stripped(answers: bytes) -> bytes:
    """Answers without what differs each time."""
    for pattern, text in _VARIES:
        answers = pattern.sub(text, answers)
    return answers


@dataclass(frozen=True)
class Pair:
    lane: Live
    plain: Live
    owner: Enterprise

    @property
    def desk(self) -> Desk:
        return self.lane.node.app[LANE]

    def by_lane(self, answers: bytes) -> int:
        """How many of the answers the lane gave: its request ids begin alike."""
        return answers.count(b"X-Request-Id: " + self.desk._run)


async def exchange(live: Live, chunks: Sequence[bytes]) -> bytes:
    """Everything a node answers to the chunks until it closes the connection, which the last
    request must ask for."""
    port = int(live.url.rpartition(":")[2])
    async with asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for chunk in chunks:
                writer.write(chunk)
                await writer.drain()
                # So that each arrives by itself, mostly; nothing hangs on it.
                await asyncio.sleep(0.001 if len(chunks) > 1 else 0)
            return await reader.read(-1)
        except ConnectionError:
            return b"reset"
        finally:
            writer.close()


async def converse(live: Live, requests: Sequence[bytes], last: bytes) -> list[bytes]:
    """The answers to requests on one connection, each sent when the one before is answered; to the
    last, all that comes until the connection is closed."""
    port = int(live.url.rpartition(":")[2])
    answers = []
    async with asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in requests:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"\r\nContent-Length: ([0-9]+)", head)
            bodyless = request.startswith(b"HEAD") or b" 304 " in head[:20]
            body = b"" if bodyless or not length else await reader.readexactly(int(length[1]))
            answers.append(head + body)
        writer.write(last)
        answers.append(await reader.read(-1))
        writer.close()
    return answers


@pytest.fixture
async def pair(settings: Settings) -> AsyncIterator[Pair]:
    await foundation.prepare(settings)
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        opened = []
        for with_lane in (True, False):
            node = await stack.enter_async_context(open_node(settings))
            if not with_lane:
                del node.app[LANE]
            await stack.enter_async_context(working(node))
            url = await stack.enter_async_context(listening(node))
            opened.append(Live(node, url, session, ""))

        async def hears() -> bool:
            return all(live.node.wiring.records.ready for live in opened)

        await eventually(hears, SECONDS)
        yield Pair(*opened, await opened[0].enterprise())
