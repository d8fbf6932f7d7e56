"""Limits per client: applications without a key, and wrong keys or passwords.

Counts live in Redis where one is configured, so that several hosts share them, and in process
otherwise or while Redis does not answer: losing them only forgets how often somebody has tried.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from registry.errors import TooManyRequests

MAX_CLIENTS = 100_000
REDIS_PATIENCE = 0.25  # seconds for one call
REDIS_REST = 5.0  # seconds in which Redis is not asked again after it did not answer

log = structlog.get_logger()


class Throttle:
    """Counts events per name and client in fixed windows."""

    def __init__(self, redis: Redis | None, clock: Callable[[], float]) -> None:
        """`clock` gives unix seconds."""
        self._redis = redis
        self._clock = clock
        self._redis_from = 0.0  # when Redis may be asked again
        self._counts: dict[tuple[str, str, int], tuple[int, float]] = {}  # with the window's end

    async def check(self, name: str, client: str, *, limit: int, window: int) -> None:
        """Raise TooManyRequests where the client has used up its events of this window (seconds),
        without counting one."""
        if await self._count(name, client, window, 0) >= limit:
            self._refuse(window)

    async def count(self, name: str, client: str, *, limit: int, window: int) -> None:
        """Count one event; raise TooManyRequests where it is one too many."""
        if await self._count(name, client, window, 1) > limit:
            self._refuse(window)

    def blocked(self, name: str, client: str, *, limit: int, window: int) -> bool:
        """Whether `check` would raise, as far as this process knows by itself."""
        slot = int(self._clock() // window)
        return self._counts.get((name, client, slot), (0, 0.0))[0] >= limit

    def _refuse(self, window: int) -> None:
        left = int(window - self._clock() % window) + 1
        raise TooManyRequests(f"too many from this address: wait {left} s", retry_after=left)

    async def _count(self, name: str, client: str, window: int, by: int) -> int:
        slot = int(self._clock() // window)
        if self._redis is not None and self._clock() >= self._redis_from:
            try:
                # The client's own timeouts are for each try, and it tries several times.
                async with asyncio.timeout(REDIS_PATIENCE):
                    return await self._shared(f"throttle:{name}:{client}:{slot}", window, by)
            except (RedisError, OSError) as error:
                self._redis_from = self._clock() + REDIS_REST
                log.warning("redis-lost", error=type(error).__name__, seconds=REDIS_REST)
        key = (name, client, slot)
        counted = self._counts.get(key, (0, 0.0))[0] + by
        if by:
            self._make_room()
            self._counts[key] = (counted, (slot + 1) * window)
        return counted

    async def _shared(self, key: str, window: int, by: int) -> int:
        assert self._redis is not None  # the caller looked
        if not by:
            return int(await self._redis.get(key) or 0)
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.incrby(key, by)
            pipeline.expire(key, window)
            counted, _ = await pipeline.execute()
        return int(counted)

    def _make_room(self) -> None:
        """Forget windows that have ended when memory is full, and all when that is not enough."""
        if len(self._counts) < MAX_CLIENTS:
            return
        now = self._clock()
        self._counts = {key: value for key, value in self._counts.items() if value[1] > now}
        if len(self._counts) >= MAX_CLIENTS:
            self._counts.clear()
