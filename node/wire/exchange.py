"""How many session keys are exchanged: anybody may ask for one, and each takes milliseconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from node.http.throttle import Throttle
from node.wire.call import Line
from registry.errors import TooManyRequests

T = TypeVar("T")

MINUTE = 60
MAX_EACH = 120  # a minute, of one address
MAX_ALL = 1200  # a minute: a fifth of a processor at the most
AT_WORK = 2
MAX_WAITING = 32
EACH, ALL = "key-exchanges", "all-key-exchanges"


class Exchanges:
    """Safe to share between tasks of one event loop."""

    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle
        self._room = asyncio.Semaphore(AT_WORK)
        self._inside = 0

    async def admit(self, line: Line) -> None:
        """Count one. Raises TooManyRequests."""
        # Whoever sends datagrams with another's address must not use up what that one has.
        way = "-by-datagram" if line.udp else ""
        await self._throttle.count(EACH + way, line.address, limit=MAX_EACH, window=MINUTE)
        await self._throttle.count(ALL + way, "", limit=MAX_ALL, window=MINUTE)

    async def work(self, compute: Callable[[], T]) -> T:
        """The result, computed beside the event loop. Raises TooManyRequests where too many
        wait."""
        if self._inside >= AT_WORK + MAX_WAITING:
            raise TooManyRequests("too many session keys are asked for: wait 1 s", retry_after=1)
        self._inside += 1
        try:
            async with self._room:
                return await asyncio.to_thread(compute)
        finally:
            self._inside -= 1
