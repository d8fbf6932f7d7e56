"""Clients that ask a node one thing after the other, each over a connection of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.end_to_end.served import Served, eventually

PAUSE = 0.005  # seconds between two requests of a client: the cores are for the node


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    kind: str
    status: int  # 0: the connection broke
    at: float  # of time.monotonic
    retry_after: str | None = None
    marked: bool = False  # said to be possibly outdated
    said: str = ""  # where it was no success


class Clients:
    """`ask` makes the next request of each kind; every kind has `each` clients."""

    def __init__(
        self, served: Served, ask: Mapping[str, Callable[[], Request]], *, each: int = 4
    ) -> None:
        self._served = served
        self._ask = ask
        self._each = each
        self.answers: list[Answer] = []

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            tasks = []
            for kind in list(self._ask) * self._each:
                session = await stack.enter_async_context(aiohttp.ClientSession())
                session._retry_connection = False  # what broke is to be seen
                tasks.append(asyncio.create_task(self._go_on_asking(session, kind)))
            try:
                await self.go_on()
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    def since(self, start: int) -> list[Answer]:
        return self.answers[start:]

    async def until(self, wanted: Callable[[Answer], bool], times: int) -> None:
        """Return when so many further answers of each kind are as wanted."""
        start = len(self.answers)

        async def reached() -> bool:
            fit = [answer.kind for answer in self.since(start) if wanted(answer)]
            return all(fit.count(kind) >= times for kind in self._ask)

        await eventually(reached)

    async def go_on(self) -> None:
        """Return when every client may have been answered a few times more."""
        await self.until(lambda _: True, 3 * self._each)

    def rate(self, start: float, end: float) -> float:
        """Good answers a second between two times."""
        good = [a for a in self.answers if a.status in (200, 201) and start <= a.at < end]
        return len(good) / (end - start)

    async def _go_on_asking(self, session: aiohttp.ClientSession, kind: str) -> None:
        while True:
            self.answers.append(await self._one(session, kind))
            await asyncio.sleep(PAUSE)

    async def _one(self, session: aiohttp.ClientSession, kind: str) -> Answer:
        request = self._ask[kind]()
        url = self._served.url + request.path
        try:
            async with session.request(request.method, url, **request.options) as response:
                text = await response.text()
        except aiohttp.ClientError as error:
            return Answer(kind, 0, time.monotonic(), said=repr(error))
        return Answer(
            kind,
            response.status,
            time.monotonic(),
            response.headers.get("Retry-After"),
            "Cache-Status" in response.headers,
            "" if response.ok else text,
        )
