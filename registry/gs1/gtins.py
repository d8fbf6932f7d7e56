"""Registering GTINs, and reading Digital Links."""

from __future__ import annotations

from registry.access import store as access
from registry.access.actor import Actor
from registry.database import Connection, Database, storable
from registry.errors import InvalidInput
from registry.gs1 import store
from registry.gs1.gtin import Gtin, GtinNotFound, GtinTaken, GtinWish, parts_of
from registry.identifier import Identifier
from registry.spelling import Recognised, gtin14
from registry.template.templates import owned, readable


class Gtins:
    """Every change is audited. Safe to share between tasks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, actor: Actor, digits: str, wish: GtinWish) -> Gtin:
        """Say which identifiers a GTIN means. Raises GtinTaken where another prefix has it."""
        gtin = gtin14(digits)
        wish.check()

        async def work(tx: Connection) -> Gtin:
            holding = await owned(tx, actor, wish.prefix)
            holding.require_open()
            if not await store.put(tx, actor, gtin, holding.prefix_id, wish.product, wish.item):
                raise GtinTaken(
                    f"{gtin} is registered under another prefix", field="gtin", rule="gtin-taken"
                )
            await access.audit(tx, actor, "gtin.registered", f"{wish.prefix} {gtin}")
            return await _get(tx, gtin)

        return await self._database.transaction(work)

    async def delete(self, actor: Actor, digits: str) -> None:
        gtin = gtin14(digits)

        async def work(tx: Connection) -> None:
            found = await _get(tx, gtin)
            await owned(tx, actor, found.prefix)
            await store.delete(tx, gtin)
            await access.audit(tx, actor, "gtin.deleted", f"{found.prefix} {gtin}")

        await self._database.transaction(work)

    async def list(self, actor: Actor, prefix: str, after: str, limit: int) -> list[Gtin]:
        """Those of a prefix in the order of their digits, above `after`."""
        if not storable(after):
            raise InvalidInput("no GTIN looks like this", field="after", rule="after-text")
        async with self._database.connection() as connection:
            holding = await readable(connection, actor, prefix)
            return await store.page(connection, holding.prefix_id, after, limit)

    async def identifier(self, link: Recognised) -> Identifier:
        """The identifier that a GTIN or a Digital Link means. Raises GtinNotFound."""
        parts = parts_of(link.text)
        async with self._database.connection() as connection:
            found = await _get(connection, parts["gtin"])
        return found.identifier(parts)


async def _get(connection: Connection, gtin: str) -> Gtin:
    found = await store.get(connection, gtin)
    if found is None:
        raise GtinNotFound(
            f"nobody has registered the GTIN {gtin} here", field="gtin", rule="gtin-not-found"
        )
    return found
