"""Looking at the roll. Operators see all of it, an enterprise its own lines."""

from __future__ import annotations

from registry.access.actor import Actor, Role
from registry.database import Database, storable
from registry.errors import EnterpriseNotFound, InvalidInput, NotPermitted, PrefixNotFound
from registry.roll import store
from registry.roll.store import EnterpriseLine, PrefixLine, Search

PAGE_LIMIT = 1000


class Roll:
    """Reads on connections of its own. Pages are numbered from 0."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prefixes(
        self, actor: Actor, search: Search, page: int, size: int
    ) -> tuple[int, list[PrefixLine]]:
        """How many prefixes there are, and those of one page, newest first."""
        own = _own(actor)
        _check(search, size)
        async with self._database.connection() as connection:
            return await store.prefixes(connection, own, search, page * size, size)

    async def prefix(self, actor: Actor, text: str) -> PrefixLine:
        actor.require_known()
        async with self._database.connection() as connection:
            line = await store.prefix(connection, text) if storable(text) else None
        if line is None:
            raise PrefixNotFound("this is not a prefix of this node", field="prefix")
        actor.require_reader(line.enterprise_id)
        return line

    async def enterprises(
        self, actor: Actor, search: Search, page: int, size: int
    ) -> tuple[int, list[EnterpriseLine]]:
        """How many enterprises there are, and those of one page, newest first."""
        own = _own(actor)
        _check(search, size)
        async with self._database.connection() as connection:
            return await store.enterprises(connection, own, search, page * size, size)

    async def enterprise(self, actor: Actor, enterprise_id: int) -> EnterpriseLine:
        actor.require_reader(enterprise_id)
        async with self._database.connection() as connection:
            line = await store.enterprise(connection, enterprise_id)
        if line is None:
            raise EnterpriseNotFound(f"there is no enterprise {enterprise_id}", field="id")
        return line


def _own(actor: Actor) -> int | None:
    """The one enterprise whose lines this actor sees; None for all."""
    actor.require_known()
    if actor.operator:
        return None
    if actor.role is not Role.ENTERPRISE or actor.enterprise_id is None:
        raise NotPermitted("this is for operators and enterprises", rule="operator-only")
    return actor.enterprise_id


def _check(search: Search, size: int) -> None:
    if not all(storable(text) for text in (search.name, search.prefix) if text):
        raise InvalidInput("nothing is called so", rule="search-text")
    if not 1 <= size <= PAGE_LIMIT:
        raise InvalidInput(f"a page has 1 to {PAGE_LIMIT} lines", rule="page-size")
