"""This node's records as anyone may read them: from the cache, or asked for with all others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from registry.database import is_away
from registry.identifier import Identifier
from registry.public.lookups import Key, Lookups, Public
from resolver.cache import Cache, Held

DOUBT_SECONDS = 0.5  # how long the database is asked while it may be away, before what was is told
PAUSE_SECONDS = 1.0  # how long it is not asked again then


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known of an identifier. `held` is the public view of a live record with values.
    Stale is what was true when the database was last heard of."""

    hosted: bool
    known: bool
    prefix_id: int  # 0 where the prefix is not this node's
    held: Held | None
    stale: bool = False


class Records:
    """Safe to share between tasks of one event loop."""

    def __init__(
        self,
        lookups: Lookups,
        cache: Cache,
        mark: Callable[[str], bytes] = str.encode,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`mark` makes what stands for an identifier where resolutions are noted, from its
        comparison form."""
        self._mark = mark
        self._lookups = lookups
        self._clock = clock
        self._away_until = 0.0
        self.cache = cache

    @property
    def ready(self) -> bool:
        """Whether `ask` is answered, and changes of what is held are heard of."""
        return self.cache.certain and self._lookups.working

    def ask(self, key: Key) -> asyncio.Future[Public]:
        """Look up without waiting; what comes of it goes to `keep`."""
        return self._lookups.ask(key)

    async def see(self, identifier: Identifier) -> Sight:
        """Raises what the database raises, where nothing is at hand."""
        prefix, suffix = self._lookups.key(identifier)
        key = f"{prefix}/{suffix}"
        held = self.cache.get(key)
        if held is not None:
            return _seen(held)
        stale = self.cache.get_stale(key)
        if stale is not None and self._clock() < self._away_until:
            return _seen(stale, stale=True)
        try:
            async with asyncio.timeout(None if stale is None else DOUBT_SECONDS):
                return await self._ask(identifier, key)
        except Exception as error:
            if stale is None or not is_away(error):
                raise
            self._away_until = self._clock() + PAUSE_SECONDS
            return _seen(stale, stale=True)

    async def _ask(self, identifier: Identifier, key: str) -> Sight:
        born = self.cache.moment
        return self.keep(key, born, await self._lookups.find(identifier))

    def keep(self, key: str, born: int, public: Public) -> Sight:
        """Hold what a lookup that began at the moment `born` has found."""
        if public.text is None or public.tag is None or not public.hosted:
            self.cache.absent(key)
            return Sight(public.hosted, public.known, public.prefix_id, None)
        held = Held(
            key,
            public.text.encode(),
            public.tag.revision,
            public.tag.generation,
            public.template_id,
            public.prefix_id,
            self._mark(key),
            born,
            f'"{public.tag}"'.encode(),
        )
        self.cache.hold(held)
        return _seen(held)


def _seen(held: Held, *, stale: bool = False) -> Sight:
    return Sight(True, True, held.prefix_id, held, stale)
