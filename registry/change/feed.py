"""The feed: a connection that hears of every committed change, and knows when it does not."""

from __future__ import annotations

import asyncio
from typing import Protocol

import asyncpg
import structlog

from registry.change import store
from registry.change.notice import CHANNEL, Notice
from registry.database import DATABASE_AWAY

HEARTBEAT = 1.0  # seconds between two signs of life, and how long one may take
PAUSE = 0.2  # seconds before it connects again

log = structlog.get_logger()


class Listener(Protocol):
    """Who keeps what the feed tells about."""

    def begin(self) -> None:
        """From now on every change is told. What was kept before may be outdated."""

    def hear(self, notice: Notice) -> None:
        """A change was committed."""

    def lose(self) -> None:
        """Changes may be missed from now on."""


class Feed:
    """Tells a listener of changes, in the order of their commits. Owned by the task that runs
    `run`, which connects again for ever."""

    def __init__(self, url: str, listener: Listener) -> None:
        self._url = url
        self._listener = listener

    async def run(self) -> None:
        lost = False
        while True:
            try:
                await self._listen()
            except (asyncpg.PostgresError, *DATABASE_AWAY) as error:
                if not lost:
                    log.warning("changes-not-heard", error=type(error).__name__)
                lost = True
            await asyncio.sleep(PAUSE)

    async def _listen(self) -> None:
        """Listen until the connection is lost, and raise why."""
        connection = await asyncpg.connect(self._url, timeout=5, command_timeout=HEARTBEAT)
        try:
            gone = asyncio.Event()
            connection.add_termination_listener(lambda _: self._hang_up(gone))
            await connection.add_listener(CHANNEL, self._told)
            self._listener.begin()
            log.debug("changes-heard")
            while True:
                await _pause(gone, HEARTBEAT)
                await store.heartbeat(connection)
        finally:
            self._listener.lose()
            connection.terminate()

    def _hang_up(self, gone: asyncio.Event) -> None:
        self._listener.lose()
        gone.set()

    def _told(self, _: object, pid: int, channel: str, payload: object) -> None:
        self._listener.hear(Notice.parse(str(payload)))


async def _pause(gone: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(gone.wait(), seconds)
    except TimeoutError:
        return
    raise ConnectionResetError("the database has closed the connection")
