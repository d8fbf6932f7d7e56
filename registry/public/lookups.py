"""Lookups: what anyone may read of a record, asked for by many at once.

Who asks while nothing is under way is asked for at once. Who asks beside a query goes with the next
one, which sets out when it is worth a round trip, when the one before is back, or when its first
has waited a moment. So few queries carry many, two or three are under way at a time, and nobody
waits for a slow one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from registry.database import Connection, Database, storable
from registry.identifier import Identifier
from registry.public import store
from registry.public.store import Glimpse
from registry.record.archive import Form
from registry.record.tag import Tag
from registry.template.compiled import Compiled

MAX_TOGETHER = 256  # of one query: more would keep the first of them waiting for the last
ENOUGH = 16  # for a query to set out beside another: a round trip costs as much as so many
MOMENT = 0.002  # seconds that the first of fewer waits for a query to come back
PATIENCE = 5.0  # seconds that a query may take before those who wait are told so


class Public(msgspec.Struct, frozen=True, gc=False):
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
        self._due = asyncio.Event()  # those who wait are to be asked for
        self._later: asyncio.TimerHandle | None = None  # when that is so at the latest
        self._running = 0
        self._asking = 0  # queries under way

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
            if not self._asking or len(self._waiting) == ENOUGH:
                self._due.set()
            elif self._later is None:
                self._later = asyncio.get_running_loop().call_later(MOMENT, self._due.set)
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
                await self._due.wait()
                if waiting := self._take():
                    await self._answer_all(waiting)
        finally:
            self._running -= 1
            if not self._running:
                _turn_away(self._waiting)
                self._waiting = {}

    async def _answer_all(self, waiting: Waiting) -> None:
        """Answer these, and on the same connection what there is to answer then."""
        try:
            async with asyncio.timeout(PATIENCE) as patience, self._database.connection() as held:
                while waiting:
                    patience.reschedule(asyncio.get_running_loop().time() + PATIENCE)
                    await self._answer(held, waiting)
                    waiting = self._take()
        except asyncio.CancelledError:
            _turn_away(waiting)
            raise
        except Exception as error:
            for future in waiting.values():
                future.set_exception(error)
                future.exception()  # told, even where nobody waits any more

    def _take(self) -> Waiting:
        """Those to be asked for next, first come first; none where it is not time yet."""
        if not (self._due.is_set() or (self._waiting and not self._asking)):
            return {}
        if self._later is not None:
            self._later.cancel()
            self._later = None
        if len(self._waiting) <= MAX_TOGETHER:
            taken, self._waiting = self._waiting, {}
            self._due.clear()
            return taken
        keys = [key for key, _ in zip(self._waiting, range(MAX_TOGETHER), strict=False)]
        return {key: self._waiting.pop(key) for key in keys}

    async def _answer(self, connection: Connection, waiting: Waiting) -> None:
        self._asking += 1
        try:
            found = await self._read(connection, list(waiting))
        finally:
            self._asking -= 1
        for future, public in zip(waiting.values(), found, strict=True):
            future.set_result(public)

    async def _read(self, connection: Connection, keys: Sequence[Key]) -> list[Public]:
        fit = [key for key in keys if storable(key[0]) and storable(key[1])]
        seen = await store.find(connection, [key[0] for key in fit], [key[1] for key in fit])
        wanted = _templates(seen)
        templates = await self._form.shelf.take(connection, wanted) if wanted else {}
        if len(fit) == len(keys):
            return [self._public(glimpse, templates) for glimpse in seen]
        read = dict(zip(fit, seen, strict=True))
        return [self._public(read[key], templates) if key in read else ELSEWHERE for key in keys]

    def _public(self, glimpse: Glimpse, templates: dict[int, Compiled]) -> Public:
        hosted, prefix_id, revision, text, found = glimpse
        if revision <= 0:
            return Public(hosted, known=revision < 0, prefix_id=prefix_id)
        if found is None or found.row is None or found.row.template_id is None:
            return Public(hosted, True, text or "[]", Tag(revision), None, prefix_id)
        template = templates[found.row.template_id]
        # What is shown is of this generation, which may be newer than the row's.
        row = replace(found.row, generation=template.generation)
        text = self._form.public_text(replace(found, row=row, template=template))
        return Public(hosted, True, text, row.tag, row.template_id, prefix_id)


def _templates(seen: Sequence[Glimpse]) -> dict[int, int]:
    rows = [glimpse.found.row for glimpse in seen if glimpse.found is not None]
    return {
        row.template_id: row.generation
        for row in rows
        if row is not None and row.template_id is not None and row.generation is not None
    }


def _turn_away(waiting: Waiting) -> None:
    for future in waiting.values():
        future.cancel()
