"""Answers of other nodes, kept for a while where all hosts find them.

They live in Redis where one is configured, and in process otherwise or while Redis does not answer.
Losing them loses nothing: the other node is asked again. What Redis says is checked like any other
answer from outside, and an identifier is asked for once however many wait for it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

import msgspec
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from registry.errors import RemoteUnavailable, TooLarge
from registry.identifier import Identifier
from registry.record.value import Value
from resolver.chain import Link
from resolver.foreign import public_values
from resolver.query import Answer, Outcome, Query, Source, select

PATIENCE = 0.25  # seconds that Redis gets
REST = 5.0  # seconds in which it is not asked again after it did not answer
MAX_KEPT = 4096  # answers in process
MAX_KEPT_BYTES = 16 << 20
LARGEST = 256 * 1024  # bytes of an answer that is kept
NEGATIVE_SECONDS = 5.0  # an absence is kept no longer: it may be registered any moment

log = structlog.get_logger()


class Kept(msgspec.Struct, frozen=True, gc=False):
    """What a node said of an identifier, all values of it. Found nowhere: no outcome."""

    outcome: Outcome | None
    values: msgspec.Raw
    via: tuple[str, ...]


_kept = msgspec.json.Decoder(Kept)
_values = msgspec.json.Decoder(tuple[Value, ...])


class Elsewhere:
    """A link before the recursive one. Safe to share between tasks of one event loop."""

    def __init__(
        self, link: Link, redis: Redis | None, clock: Callable[[], float], *, seconds: float
    ) -> None:
        """`clock` gives seconds; `seconds` is how long a record is kept at most, less where its
        own values say so."""
        self._link = link
        self._redis = redis
        self._clock = clock
        self._seconds = seconds
        self._redis_from = 0.0  # when Redis may be asked again
        self._kept: OrderedDict[str, tuple[float, bytes]] = OrderedDict()  # with its end
        self._size = 0
        self._asked: dict[str, asyncio.Future[Answer | None]] = {}

    async def resolve(self, query: Query) -> Answer | None:
        answer = await self._whole(_key(query.identifier), query)
        return None if answer is None else _fitting(query, answer)

    async def _whole(self, key: str, query: Query) -> Answer | None:
        """What is kept of the whole record; or what the link says, or whoever asks it already. One
        who gives up leaves it to the next."""
        text = await self._find(key)
        kept = _read(text) if text is not None else None
        if kept is not None:
            return _answer(kept)
        asked = self._asked.get(key)
        if asked is None:
            return await self._ask(key, query)
        try:
            return await asyncio.shield(asked)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not asked.cancelled() or (task is not None and task.cancelling()):
                raise
        return await self._whole(key, query)

    async def _ask(self, key: str, query: Query) -> Answer | None:
        future = self._asked[key] = asyncio.get_running_loop().create_future()
        try:
            whole = replace(query, types=frozenset(), indexes=frozenset())
            answer = await self._link.resolve(whole)
            await self._keep(key, answer)
            future.set_result(answer)
            return answer
        except Exception as error:
            future.set_exception(error)
            future.exception()  # told, even where nobody else waits
            raise
        finally:
            del self._asked[key]
            future.cancel()

    async def _find(self, key: str) -> bytes | None:
        end, text = self._kept.get(key, (0.0, b""))
        if end > self._clock():
            return text
        if self._redis is None or self._clock() < self._redis_from:
            return None
        try:
            # The client's own timeouts are for each try, and it tries several times.
            async with asyncio.timeout(PATIENCE):
                found = await self._redis.get(key)
        except (RedisError, OSError) as error:
            self._lose(error)
            return None
        return found if isinstance(found, bytes) else None

    async def _keep(self, key: str, answer: Answer | None) -> None:
        seconds = self._lifetime(answer)
        text = _written(answer)
        if seconds < 1 or len(text) > LARGEST:
            return
        if self._redis is not None and self._clock() >= self._redis_from:
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._redis.set(key, text, ex=int(seconds))
                return
            except (RedisError, OSError) as error:
                self._lose(error)
        self._keep_here(key, text, seconds)

    def _keep_here(self, key: str, text: bytes, seconds: float) -> None:
        self._forget(key)
        self._kept[key] = (self._clock() + seconds, text)
        self._size += len(text)
        while len(self._kept) > MAX_KEPT or self._size > MAX_KEPT_BYTES:
            self._forget(next(iter(self._kept)))

    def _forget(self, key: str) -> None:
        _, text = self._kept.pop(key, (0.0, b""))
        self._size -= len(text)

    def _lifetime(self, answer: Answer | None) -> float:
        """Seconds for which an answer may be kept. One that is stale already is not."""
        if answer is not None and answer.stale:
            return 0.0
        if answer is None or answer.outcome is Outcome.NOT_FOUND:
            return min(NEGATIVE_SECONDS, self._seconds)
        values = _values.decode(answer.values)
        ttls = [float(value.ttl) for value in values if isinstance(value.ttl, int)]
        return min([self._seconds, *ttls])

    def _lose(self, error: Exception) -> None:
        self._redis_from = self._clock() + REST
        log.warning("redis-lost", error=type(error).__name__, seconds=REST)


def _key(identifier: Identifier) -> str:
    """In the spelling that was asked for, but for the prefix's case: whether a suffix's matters is
    the other node's to say."""
    return f"elsewhere:{identifier.canonical_prefix}/{identifier.suffix}"


def _written(answer: Answer | None) -> bytes:
    if answer is None:
        return msgspec.json.encode(Kept(None, msgspec.Raw(b"[]"), ()))
    return msgspec.json.encode(
        Kept(answer.outcome, msgspec.Raw(answer.values.encode()), answer.via)
    )


def _read(text: bytes) -> Kept | None:
    """None for what is no answer: it is asked for again, and written anew."""
    try:
        kept = _kept.decode(text)
        public_values(_values.decode(bytes(kept.values)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, RemoteUnavailable):
        return None
    return kept


def _answer(kept: Kept) -> Answer | None:
    if kept.outcome is None:
        return None
    return Answer(kept.outcome, Source.RECURSIVE, "", bytes(kept.values).decode(), via=kept.via)


def _fitting(query: Query, answer: Answer) -> Answer:
    """The answer to this query from what the other node said of the whole record."""
    handle = query.identifier.text
    if answer.outcome not in (Outcome.FOUND, Outcome.NO_VALUES) or not (
        query.types or query.indexes
    ):
        return replace(answer, handle=handle)
    try:
        outcome, values = select(query, _values.decode(answer.values))
    except TooLarge:
        return replace(answer, handle=handle)
    return replace(answer, handle=handle, outcome=outcome, values=values)
