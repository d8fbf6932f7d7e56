"""The shelf: compiled templates at hand, of each the newest generation seen."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from datetime import datetime

from registry.database import Connection
from registry.template import store
from registry.template.compiled import Compiled
from registry.template.store import Stored

SIZE = 10_000


class Shelf:
    """Nothing here goes stale: whoever takes a template says which generation it must have at
    least, as the row that names the template does. Safe to share between tasks of one loop."""

    def __init__(self, size: int = SIZE) -> None:
        self._size = size
        self._known: OrderedDict[int, Compiled] = OrderedDict()

    async def get(self, connection: Connection, template_id: int, generation: int) -> Compiled:
        """A template of at least this generation."""
        return (await self.take(connection, {template_id: generation}))[template_id]

    async def named(self, connection: Connection, prefix: str, version: str) -> Compiled | None:
        """The present state of a prefix's template; None where there is none in use."""
        stored = await store.get(connection, prefix, version)
        return None if stored is None else self._place(stored)

    async def current(self, connection: Connection, template_id: int) -> Compiled:
        """The present state of a template, a deleted one too."""
        (stored,) = await store.by_ids(connection, [template_id])
        return self._place(stored)

    async def use(self, tx: Connection, template_ids: Collection[int]) -> dict[int, Compiled]:
        """The present state of templates, for records about to use them: those that are not
        deleted, nor will be before the transaction ends."""
        if not template_ids:
            return {}
        return await self.take(tx, await store.use(tx, sorted(template_ids)))

    async def generations(
        self, connection: Connection, template_ids: Collection[int]
    ) -> list[tuple[datetime, Compiled]]:
        """Every state of these templates, and since when it held, oldest first."""
        if not template_ids:
            return []
        states = await store.generations(connection, sorted(template_ids))
        return [(since, _compiled(stored)) for since, stored in states]

    async def take(self, connection: Connection, wanted: dict[int, int]) -> dict[int, Compiled]:
        """Templates by their numbers, each of at least the generation wanted."""
        found = {}
        for template_id, generation in wanted.items():
            known = self._known.get(template_id)
            if known is not None and known.generation >= generation:
                self._known.move_to_end(template_id)
                found[template_id] = known
        if missing := wanted.keys() - found.keys():
            for stored in await store.by_ids(connection, sorted(missing)):
                found[stored.template_id] = self._place(stored)
        return found

    def _place(self, stored: Stored) -> Compiled:
        known = self._known.get(stored.template_id)
        if known is not None and known.generation >= stored.template.generation:
            return known
        compiled = _compiled(stored)
        self._known[stored.template_id] = compiled
        self._known.move_to_end(stored.template_id)
        while len(self._known) > self._size:
            self._known.popitem(last=False)
        return compiled


def _compiled(stored: Stored) -> Compiled:
    return Compiled(stored.template_id, stored.prefix_id, stored.template)
