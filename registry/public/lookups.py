"""Lookups: what anyone may read of a record, asked for by many at once.

Everybody who asks while a query is under way, or within one turn of the event loop, is answered by
the next query together: a round trip costs as much for two hundred identifiers as for one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from registry.database import Connection, Database, storable
from registry.identifier import Identifier
from registry.public import store
from registry.public.store import Glimpse
from registry.record.archive import Form
from registry.record.store import Found
from registry.record.tag import Tag
from registry.template.compiled import Compiled

MAX_TOGETHER = 256  # of one query: more would keep the first of them waiting for the last
PATIENCE = 5.0  # seconds that a query may take before those who wait are told so


@dataclass(frozen=True, slots=True)
class Public:
    """The public view of an identifier. `text` is the JSON of the values of a live record."""

    hosted: bool  # the prefix's records are held here
    known: bool = False  # it was registered once, and may have been withdrawn
    text: str | None = None
    tag: Tag | None = None
    template_id: int | None = None
    prefix_id: int = 0  # 0 where the prefix is not this node's


ELSEWHERE = Public(hosted=False)

Key = tuple[str, str]  # prefix and suffix in comparison form
Waiting = dict[Key, asyncio.Future[Public]]


class Lookups:
    """Answers say what was committed before they were asked for. Owned by the tasks that run
    `run`; several of them let one query be answered while the next is sent."""

    def __init__(self, database: Database, form: Form) -> None:
        self._database = database
        self._form = form
        self._waiting: Waiting = {}
        self._arrived = asyncio.Event()
        self._running = 0

    def key(self, identifier: Identifier) -> Key:
        return (
            identifier.canonical_prefix,
            identifier.canonical_suffix(self._form.case_sensitive),
        )

    @property
    def working(self) -> bool:
        """Whether anybody runs, and what is asked is answered."""
        return self._running > 0

    def ask(self, key: Key) -> asyncio.Future[Public]:
        """The public view, some time later. The future is shared: nobody may cancel it."""
        future = self._waiting.get(key)
        if future is None:
            future = asyncio.get_running_loop().create_future()
            self._waiting[key] = future
            self._arrived.set()
        return future

    async def find(self, identifier: Identifier) -> Public:
        key = self.key(identifier)
        if self._running:
            return await asyncio.shield(self.ask(key))
        # Nothing works in the background: this caller is alone.
        async with self._database.connection() as connection:
            return (await self._read(connection, [key]))[0]

    async def run(self) -> None:
        """Answer until cancelled; then those still waiting are turned away."""
        self._running += 1
        try:
            while True:
                await self._arrived.wait()
                if waiting := self._take():
                    await self._answer(waiting)
        finally:
            self._running -= 1
            if not self._running:
                _turn_away(self._waiting)
                self._waiting = {}

    def _take(self) -> Waiting:
        """Those to be answered next, first come first."""
        if len(self._waiting) <= MAX_TOGETHER:
            taken, self._waiting = self._waiting, {}
            self._arrived.clear()
            return taken
        keys = [key for key, _ in zip(self._waiting, range(MAX_TOGETHER), strict=False)]
        return {key: self._waiting.pop(key) for key in keys}

    async def _answer(self, waiting: Waiting) -> None:
        try:
            async with asyncio.timeout(PATIENCE), self._database.connection() as connection:
                found = await self._read(connection, list(waiting))
        except asyncio.CancelledError:
            _turn_away(waiting)
            raise
        except Exception as error:
            for future in waiting.values():
                future.set_exception(error)
                future.exception()  # told, even where nobody waits any more
            return
        for future, public in zip(waiting.values(), found, strict=True):
            future.set_result(public)

    async def _read(self, connection: Connection, keys: Sequence[Key]) -> list[Public]:
        fit = [key for key in keys if storable(key[0]) and storable(key[1])]
        seen = await store.find(connection, [key[0] for key in fit], [key[1] for key in fit])
        templates = await self._form.shelf.take(connection, _templates(seen))
        read = {
            key: self._public(glimpse, templates) for key, glimpse in zip(fit, seen, strict=True)
        }
        return [read.get(key, ELSEWHERE) for key in keys]

    def _public(self, glimpse: Glimpse, templates: dict[int, Compiled]) -> Public:
        row, prefix_id = glimpse.row, glimpse.prefix_id
        if row is None or not row.live:
            return Public(glimpse.hosted, known=row is not None, prefix_id=prefix_id)
        template = None if row.template_id is None else templates[row.template_id]
        if template is not None:
            # What is shown is of this generation, which may be newer than the row's.
            row = replace(row, generation=template.generation)
        text = self._form.public_text(Found(None, row, glimpse.registered_at, template))
        return Public(glimpse.hosted, True, text, row.tag, row.template_id, prefix_id)


def _templates(seen: Sequence[Glimpse]) -> dict[int, int]:
    return {
        row.template_id: row.generation
        for _, _, row, _ in seen
        if row is not None and row.template_id is not None and row.generation is not None
    }


def _turn_away(waiting: Waiting) -> None:
    for future in waiting.values():
        future.cancel()
