"""Idempotency: a POST sent again with the same Idempotency-Key gets the first answer again.

The answer is stored in the transaction of the change itself, so there is no instant at which the
change is made and the answer lost. Answers may hold new keys, so they are stored sealed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec

from registry.access import store
from registry.database import Connection, Database
from registry.errors import InvalidInput, KeyReused
from registry.sealing import SealingKey

MAX_KEY = 200

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Once:
    """A request that must take effect once: its sender, its key, and the digest of its content."""

    actor: str
    key: str
    digest: bytes

    @classmethod
    def of(cls, actor: str, key: str, *content: bytes) -> Once:
        if not 1 <= len(key) <= MAX_KEY or not key.isascii() or not key.isprintable():
            raise InvalidInput(
                f"an Idempotency-Key is 1 to {MAX_KEY} printable ASCII characters",
                field="Idempotency-Key",
                rule="idempotency-key",
            )
        return cls(actor, key, b"").also_of(*content)

    def also_of(self, *content: bytes) -> Once:
        """The same request, when more of its content is known."""
        digest = hashlib.sha256(self.digest)
        for part in content:
            digest.update(len(part).to_bytes(8, "big") + part)
        return replace(self, digest=digest.digest())


class OnceRunner:
    """Runs work in one transaction, or returns what the same request got before."""

    def __init__(self, database: Database, key: SealingKey) -> None:
        self._database = database
        self._key = key

    async def run(
        self, once: Once | None, kind: type[T], work: Callable[[Connection], Awaitable[T]]
    ) -> T:
        """The result of `work`, of the given kind; raises KeyReused for another request's key."""
        if once is None:
            return await self._database.transaction(work)

        async def guarded(tx: Connection) -> T:
            earlier = await store.claim(tx, once.actor, once.key, once.digest)
            if earlier is None:
                result = await work(tx)
                answer = self._key.seal(msgspec.json.encode(result), _context(once))
                await store.settle(tx, once.actor, once.key, answer)
                return result
            return self._again(once, kind, *earlier)

        return await self._database.transaction(guarded)

    async def earlier(self, once: Once | None, kind: type[T]) -> T | None:
        """What the same request got before, for who would do much in vain; None where it got
        nothing, which may change before `run`. Raises KeyReused."""
        if once is None:
            return None
        async with self._database.connection() as connection:
            found = await store.answered(connection, once.actor, once.key)
        return None if found is None else self._again(once, kind, *found)

    def _again(self, once: Once, kind: type[T], digest: bytes, answer: bytes) -> T:
        if digest != once.digest:
            raise KeyReused(
                "this Idempotency-Key came with another request before",
                field="Idempotency-Key",
                rule="idempotency-key-reused",
            )
        return msgspec.json.decode(self._key.unseal(answer, _context(once)), type=kind)


def _context(once: Once) -> str:
    return f"idempotency/{once.actor}/{once.key}"
