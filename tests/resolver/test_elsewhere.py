"""Answers of other nodes: kept for all hosts, lost without harm."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import msgspec
import pytest
from redis.asyncio import Redis

from registry.access.actor import anonymous
from registry.errors import RemoteUnavailable
from registry.identifier import Identifier
from resolver.elsewhere import NEGATIVE_SECONDS, REST, Elsewhere
from resolver.query import Answer, Outcome, Query, Source
from tests.node.http.test_throttle import Server, server

__all__ = ["server"]

IDENTIFIER = Identifier("86.1000.1", "Demo")
VALUES = [
    {"index": 1, "type": "URL", "data": {"format": "string", "value": "https://e"}, "ttl": 86400},
    {"index": 2, "type": "NAME", "data": {"format": "string", "value": "灯"}, "ttl": 40},
]
TEXT = msgspec.json.encode(VALUES).decode()
ANSWER = Answer(Outcome.FOUND, Source.RECURSIVE, IDENTIFIER.text, TEXT, via=("https://b",))
QUERY = Query(IDENTIFIER, anonymous())


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Remote:
    """Another node that tells an answer, or raises it, and counts how often it is asked."""

    def __init__(self, answer: Answer | Exception | None) -> None:
        self.answer = answer
        self.asked = 0
        self.go = asyncio.Event()
        self.go.set()

    async def resolve(self, query: Query) -> Answer | None:
        assert query == replace(query, types=frozenset(), indexes=frozenset()), "all is asked for"
        self.asked += 1
        await self.go.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def redis(server: Server) -> AsyncIterator[Redis]:
    client = Redis.from_url(server.url, socket_timeout=0.25, socket_connect_timeout=0.25)
    yield client
    await client.aclose()


def link(remote: Remote, redis: Redis | None, clock: Clock, seconds: float = 60) -> Elsewhere:
    return Elsewhere(remote, redis, clock, seconds=seconds)


async def test_it_is_kept_as_long_as_its_values_allow(clock: Clock) -> None:
    remote = Remote(ANSWER)
    elsewhere = link(remote, None, clock)
    for _ in range(3):
        assert await elsewhere.resolve(QUERY) == ANSWER
    assert remote.asked == 1
    clock.now += 39
    await elsewhere.resolve(QUERY)
    assert remote.asked == 1
    clock.now += 2  # the value of 40 seconds is past
    await elsewhere.resolve(QUERY)
    assert remote.asked == 2


async def test_several_hosts_share_them(redis: Redis, clock: Clock) -> None:
    remote = Remote(ANSWER)
    one, other = link(remote, redis, clock), link(remote, redis, clock)
    assert await one.resolve(QUERY) == await other.resolve(QUERY) == ANSWER
    assert remote.asked == 1
    [key] = await redis.keys("*")
    assert 0 < await redis.ttl(key) <= 40


async def test_a_filter_is_for_the_asker_alone(clock: Clock) -> None:
    remote = Remote(ANSWER)
    elsewhere = link(remote, None, clock)
    for query, indexes in [
        (replace(QUERY, types=frozenset({"name"})), [2]),
        (QUERY, [1, 2]),
        (replace(QUERY, indexes=frozenset({1})), [1]),
        (replace(QUERY, types=frozenset({"EMAIL"})), []),
    ]:
        answer = await elsewhere.resolve(query)
        assert answer is not None
        assert [value["index"] for value in msgspec.json.decode(answer.values)] == indexes
        assert answer.outcome is (Outcome.FOUND if indexes else Outcome.NO_VALUES)
    assert remote.asked == 1


@pytest.mark.parametrize(
    "answer", [None, Answer(Outcome.NOT_FOUND, Source.RECURSIVE, IDENTIFIER.text)]
)
async def test_absence_is_kept_briefly(redis: Redis, clock: Clock, answer: Answer | None) -> None:
    for store in (None, redis):
        remote = Remote(answer)
        elsewhere = link(remote, store, clock)
        assert await elsewhere.resolve(QUERY) == await elsewhere.resolve(QUERY) == answer
        assert remote.asked == 1
    [key] = await redis.keys("*")
    assert 0 < await redis.ttl(key) <= NEGATIVE_SECONDS


async def test_who_asks_at_once_asks_once(clock: Clock) -> None:
    remote = Remote(ANSWER)
    remote.go.clear()
    elsewhere = link(remote, None, clock)
    asking = [asyncio.create_task(elsewhere.resolve(QUERY)) for _ in range(20)]
    await asyncio.sleep(0)
    asking[0].cancel()  # the one who asks for all of them
    await asyncio.sleep(0)
    asking[1].cancel()
    await asyncio.sleep(0)
    remote.go.set()
    results = await asyncio.gather(*asking, return_exceptions=True)
    assert results[2:] == [ANSWER] * 18
    assert remote.asked <= 3


async def test_an_error_is_everybodys_and_not_kept(clock: Clock) -> None:
    remote = Remote(RemoteUnavailable("away"))
    elsewhere = link(remote, None, clock)
    for _ in range(2):
        with pytest.raises(RemoteUnavailable):
            await elsewhere.resolve(QUERY)
    assert remote.asked == 2


async def test_what_is_no_answer_is_asked_for_again(redis: Redis, clock: Clock) -> None:
    remote = Remote(ANSWER)
    elsewhere = link(remote, redis, clock)
    await elsewhere.resolve(QUERY)
    [key] = await redis.keys("*")
    forgeries = [
        b"\xff",
        b"{}",
        b'{"outcome":"found","values":[{}],"via":[]}',
        b"[" * 99,
    ]
    for number, text in enumerate(forgeries, 2):
        await redis.set(key, text)
        assert await elsewhere.resolve(QUERY) == ANSWER
        assert remote.asked == number


async def test_a_redis_flushed_killed_and_back(server: Server, redis: Redis, clock: Clock) -> None:
    remote = Remote(ANSWER)
    elsewhere = link(remote, redis, clock)
    await elsewhere.resolve(QUERY)
    await redis.flushall()
    assert await elsewhere.resolve(QUERY) == ANSWER
    assert remote.asked == 2
    server.process.kill()
    server.process.wait()
    for _ in range(3):
        assert await elsewhere.resolve(QUERY) == ANSWER
    assert remote.asked == 3  # kept in process meanwhile
    server.restart()
    clock.now += REST + 60
    assert await elsewhere.resolve(QUERY) == ANSWER
    assert len(await redis.keys("*")) == 1


async def test_a_frozen_redis_costs_a_moment_once(
    server: Server, redis: Redis, clock: Clock
) -> None:
    remote = Remote(ANSWER)
    elsewhere = link(remote, redis, clock)
    await elsewhere.resolve(QUERY)
    server.process.send_signal(signal.SIGSTOP)
    try:
        started = time.monotonic()
        for _ in range(50):
            assert await elsewhere.resolve(QUERY) == ANSWER
        assert time.monotonic() - started < 10  # a quarter of a second is what it is given
        assert remote.asked == 2
    finally:
        server.process.send_signal(signal.SIGCONT)


async def test_memory_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resolver.elsewhere.MAX_KEPT", 10)
    elsewhere = link(Remote(ANSWER), None, clock)
    for number in range(30):
        await elsewhere.resolve(replace(QUERY, identifier=Identifier("86.1000.1", f"D{number}")))
    assert len(elsewhere._kept) == 10
    assert elsewhere._size == sum(len(text) for _, text in elsewhere._kept.values())
