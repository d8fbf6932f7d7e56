"""While another node fails, what it said last is told, marked, and not for ever."""

from __future__ import annotations

from dataclasses import replace

import pytest

from registry.access.actor import anonymous
from registry.errors import NationalNodeUnavailable, RemoteUnavailable
from registry.identifier import Identifier
from resolver import fallback
from resolver.elsewhere import Elsewhere
from resolver.fallback import Fallback
from resolver.query import Answer, Outcome, Query, Source

QUERY = Query(Identifier("86.1000.1", "Demo"), anonymous())
ANSWER = Answer(Outcome.FOUND, Source.RECURSIVE, "86.1000.1/Demo", "[]", via=("https://b",))
GONE = Answer(Outcome.NOT_FOUND, Source.RECURSIVE, "86.1000.1/Demo")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Remote:
    answer: Answer | Exception | None = ANSWER

    async def resolve(self, query: Query) -> Answer | None:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize("error", [RemoteUnavailable("slow"), NationalNodeUnavailable("away")])
async def test_what_was_said_last_is_told_within_the_bound(error: Exception) -> None:
    clock, remote = Clock(), Remote()
    link = Fallback(remote, clock, seconds=60.0)
    fresh = await link.resolve(QUERY)
    assert fresh == ANSWER
    remote.answer = error
    clock.now += 60
    stale = await link.resolve(QUERY)
    assert stale is not None
    assert stale.stale
    assert stale.values == ANSWER.values
    clock.now += 1
    with pytest.raises(type(error)):
        await link.resolve(QUERY)


@pytest.mark.parametrize("answer", [GONE, None])
async def test_what_is_no_more_is_not_told(answer: Answer | None) -> None:
    remote = Remote()
    link = Fallback(remote, Clock(), seconds=60.0)
    await link.resolve(QUERY)
    remote.answer = answer
    assert await link.resolve(QUERY) == answer
    remote.answer = RemoteUnavailable("slow")
    with pytest.raises(RemoteUnavailable):
        await link.resolve(QUERY)


async def test_filters_are_told_apart() -> None:
    remote = Remote()
    link = Fallback(remote, Clock(), seconds=60.0)
    await link.resolve(QUERY)
    remote.answer = RemoteUnavailable("slow")
    with pytest.raises(RemoteUnavailable):
        await link.resolve(Query(QUERY.identifier, anonymous(), types=frozenset({"URL"})))


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fallback, "MAX_OCTETS", 10_000)
    link = Fallback(Remote(), Clock(), seconds=60.0)
    for number in range(1000):
        await link.resolve(Query(Identifier("86.1000.1", str(number)), anonymous()))
    assert link.size <= 10_000


async def test_stale_answers_are_not_kept_as_fresh_ones() -> None:
    clock, remote = Clock(), Remote()
    kept = Elsewhere(Fallback(remote, clock, seconds=600.0), None, clock, seconds=100.0)
    assert await kept.resolve(QUERY) == ANSWER
    clock.now += 101
    remote.answer = RemoteUnavailable("slow")
    stale = await kept.resolve(QUERY)
    assert stale is not None
    assert stale.stale
    remote.answer = ANSWER
    again = await kept.resolve(QUERY)
    assert again is not None
    assert not again.stale


async def test_what_was_asked_for_takes_room_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fallback, "MAX_OCTETS", 100_000)
    link = Fallback(Remote(), Clock(), seconds=60.0)
    for number in range(20):
        await link.resolve(replace(QUERY, types=frozenset({f"{number:020000d}"})))
    assert link.size <= 100_000
    assert len(link._last) < 5
