"""What other nodes said last, for while they or the way to them fail: told within a bound and
marked as stale. Kept in process, since all of it may be lost."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from registry.errors import Unavailable
from resolver.chain import Link
from resolver.query import Answer, Query

MAX_OCTETS = 16 << 20
LARGEST = 256 * 1024  # octets of an answer that is remembered
OVERHEAD = 500

_Key: TypeAlias = tuple[str, frozenset[str], frozenset[int]]


class Fallback:
    """A link before another one. Only records are remembered: an absence may end any moment. Safe
    to share between tasks of one event loop."""

    def __init__(self, link: Link, clock: Callable[[], float], *, seconds: float) -> None:
        """`seconds` is how old what is told may be."""
        self._link = link
        self._clock = clock
        self._seconds = seconds
        self._last: OrderedDict[_Key, tuple[float, Answer]] = OrderedDict()
        self._size = 0

    @property
    def size(self) -> int:
        return self._size

    async def resolve(self, query: Query) -> Answer | None:
        key = (query.identifier.text, query.types, query.indexes)
        try:
            answer = await self._link.resolve(query)
        except Unavailable:
            remembered = self._remembered(key)
            if remembered is None:
                raise
            return remembered
        if answer is not None and answer.found:
            self._remember(key, answer)
        else:
            self._forget(key)
        return answer

    def _remembered(self, key: _Key) -> Answer | None:
        since, answer = self._last.get(key, (0.0, None))
        if answer is None or self._clock() - since > self._seconds:
            return None
        return replace(answer, stale=True)

    def _remember(self, key: _Key, answer: Answer) -> None:
        self._forget(key)
        if len(answer.values) > LARGEST:
            return
        self._last[key] = (self._clock(), answer)
        self._size += _cost(key, answer)
        while self._size > MAX_OCTETS:
            self._forget(next(iter(self._last)))

    def _forget(self, key: _Key) -> None:
        _, answer = self._last.pop(key, (0.0, None))
        if answer is not None:
            self._size -= _cost(key, answer)


def _cost(key: _Key, answer: Answer) -> int:
    handle, types, indexes = key
    asked = len(handle) + sum(map(len, types)) + 32 * (len(types) + len(indexes))
    return (len(answer.values) + asked) * 2 + OVERHEAD
