"""Reading records: what is stored, what a reader may see of it, and how it came to be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from registry.access.actor import Actor, Role
from registry.database import Connection, Database, storable
from registry.errors import (
    IdentifierNotFound,
    NotAuthenticated,
    NotPermitted,
    PrefixNotFound,
)
from registry.identifier import Identifier
from registry.importing import store as importing
from registry.importing.store import Origin
from registry.lookup import store as lookup
from registry.lookup.search import search
from registry.prefix import store as prefixes
from registry.prefix.prefix import Holding
from registry.record import permission, store
from registry.record.archive import Archive, Form, look_up
from registry.record.history import Event, History
from registry.record.store import Found, Row
from registry.record.typed_data import Right
from registry.record.value import Value
from registry.template import store as templates

SEARCH_LIMIT = 1000
PAGE_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class View:
    """A record as one reader sees it. `hidden` tells that there are values this reader may not
    see; `listed` are the values it may."""

    holding: Holding
    row: Row
    registered_at: datetime
    listed: tuple[Value, ...]
    hidden: bool
    granted: bool = False  # it may see what is only for those who hold a grant


def _now() -> datetime:
    return datetime.now(UTC)


class Catalogue:
    """Reads on connections of its own, each call seeing what was committed before it."""

    def __init__(
        self,
        database: Database,
        form: Form,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._database = database
        self._form = form
        self._now = now  # when grants expire

    async def find(self, identifier: Identifier) -> Found:
        """What is stored, unread: enough to answer anyone with the public values."""
        async with self._database.connection() as connection:
            return await look_up(connection, self._form, identifier)

    def public_text(self, found: Found) -> str:
        """What anyone may read of a live record that was found, as JSON."""
        return self._form.public_text(found)

    async def view(self, actor: Actor, identifier: Identifier) -> View | None:
        """The live record with all values this actor may read; None where there is none."""
        async with self._database.connection() as connection:
            found = await look_up(connection, self._form, identifier)
            if not (found.holding and found.row and found.registered_at and found.row.live):
                return None
            values = self._form.whole(found.row, found.template, found.registered_at)
            archive = Archive(connection, self._form)
            rights = await permission.rights(actor, found.holding, values, archive)
            may_read = bool(rights & Right.READ_VALUE)
            granted = frozenset() if may_read else await self._granted(connection, actor, found)
        if may_read:
            listed = permission.readable(values)
        else:
            listed = tuple(v for v in values if v.public or v.index in granted)
        hidden = len(listed) < len(values)
        return View(
            found.holding, found.row, found.registered_at, listed, hidden, granted=bool(granted)
        )

    async def origin(self, batch_id: int) -> Origin | None:
        """Where the identifiers of a batch come from; None where they were registered here."""
        async with self._database.connection() as connection:
            return await importing.origin(connection, batch_id)

    async def history(self, actor: Actor, identifier: Identifier) -> list[Event]:
        """Every state the record was in, with the values that this actor may read. For the prefix's
        enterprise and operators."""
        async with self._database.connection() as connection:
            found = await look_up(connection, self._form, identifier)
            if found.holding is None:
                raise PrefixNotFound(
                    f"the prefix {identifier.prefix} does not live here", field="handle"
                )
            actor.require_reader(found.holding.enterprise_id)
            if found.row is None or found.registered_at is None:
                raise IdentifierNotFound(f"there is no {identifier}", field="handle")
            row = found.row
            changes = await store.history(connection, row.prefix_id, row.suffix, until=row.revision)
            used = {row.template_id, *(change.template_before for change in changes)} - {None}
            generations = await self._form.shelf.generations(
                connection, [number for number in used if number is not None]
            )
            values = self._form.whole(row, found.template) if row.live else ()
            archive = Archive(connection, self._form)
            rights = await permission.rights(actor, found.holding, values, archive)
            origin = await importing.origin(connection, row.batch_id)
        history = History(self._form, row, found.registered_at, generations, origin)
        return history.events(changes, bool(rights & Right.READ_VALUE))

    async def numbered_page(
        self, actor: Actor, prefix: str, number: int, size: int
    ) -> tuple[int, list[str]]:
        """How many identifiers a prefix has, and those of one page; size 0 counts only, a negative
        size takes all. No page has more than PAGE_LIMIT. Needs the right to list."""
        async with self._database.connection() as connection:
            holding = await self._holding(connection, prefix)
            archive = Archive(connection, self._form)
            await permission.require(Right.LIST_HANDLES, actor, holding, (), archive)
            total = await store.count(connection, holding.prefix_id)
            limit = PAGE_LIMIT if size < 0 else min(size, PAGE_LIMIT)
            offset = 0 if size < 0 else max(number, 0) * size
            suffixes = (
                await store.numbered_page(connection, holding.prefix_id, offset, limit)
                if limit and offset < total
                else []
            )
        return total, [f"{prefix}/{suffix}" for suffix in suffixes]

    async def search(self, actor: Actor, wanted: dict[str, str]) -> list[str]:
        """Reverse lookup: this actor's enterprise's identifiers whose public values match a LIKE
        pattern for every type wanted, at most SEARCH_LIMIT. Of what data templates describe, those
        items that are marked searchable."""
        async with self._database.connection() as connection:
            enterprise_id = await self._enterprise_of(connection, actor)
            if not all(storable(text) for pair in wanted.items() for text in pair):
                return []  # no record holds such text
            owned = await lookup.owned(connection, enterprise_id)
            return await search(
                connection,
                owned,
                wanted,
                SEARCH_LIMIT,
                case_sensitive=self._form.case_sensitive,
            )

    async def identity_values(self, handle: str) -> tuple[Value, ...]:
        """All values of a record that an identity may rest on, secrets included."""
        async with self._database.connection() as connection:
            return await Archive(connection, self._form).values(handle)

    async def rights(self, actor: Actor, identifier: Identifier) -> Right:
        """What the actor may do to an identifier, whether or not there is a record. Raises
        PrefixNotFound."""
        async with self._database.connection() as connection:
            found = await look_up(connection, self._form, identifier)
            if found.holding is None:
                raise PrefixNotFound(
                    f"the prefix {identifier.prefix} does not live here", field="handle"
                )
            live = found.row is not None and found.row.live
            values = self._form.whole(found.row, found.template) if live and found.row else ()
            archive = Archive(connection, self._form)
            return await permission.rights(actor, found.holding, values, archive)

    async def administered(self, actor: Actor) -> list[str]:
        """The prefixes of the actor's enterprise that it has rights on, in order; an operator's
        are all. At most PAGE_LIMIT."""
        async with self._database.connection() as connection:
            enterprise_id = None if actor.operator else await self._enterprise_of(connection, actor)
            page = await prefixes.page(
                connection, enterprise_id=enterprise_id, state=None, after="", limit=PAGE_LIMIT
            )
            held = await prefixes.holdings(connection, [one.prefix for one in page])
            archive = Archive(connection, self._form)
            return [
                holding.prefix
                for holding in sorted(held.values(), key=lambda one: one.prefix)
                if holding.hosted and await permission.rights(actor, holding, (), archive)
            ]

    async def _enterprise_of(self, connection: Connection, actor: Actor) -> int:
        """The enterprise an actor belongs to: its key's, or that of its identity's prefix."""
        if actor.role is Role.ENTERPRISE and actor.enterprise_id is not None:
            return actor.enterprise_id
        if actor.identity is None:
            if actor.anonymous:
                raise NotAuthenticated("this needs an enterprise's key", rule="key-needed")
            raise NotPermitted("this is for an enterprise's key", rule="enterprise-only")
        text = Identifier.parse(actor.identity.handle).canonical_prefix
        holding = (await prefixes.holdings(connection, [text])).get(text)
        if holding is None:
            raise NotPermitted("this identity is no enterprise's of this node", rule="no-prefix")
        return holding.enterprise_id

    async def _granted(self, connection: Connection, actor: Actor, found: Found) -> frozenset[int]:
        """The indexes that an enterprise may read because the owner lets it."""
        template, enterprise_id = found.template, actor.enterprise_id
        if template is None or not template.granted:
            return frozenset()
        if actor.role is not Role.ENTERPRISE or enterprise_id is None:
            return frozenset()
        granted = await templates.is_granted(
            connection, template.prefix_id, template.template_id, enterprise_id, self._now()
        )
        return template.granted if granted else frozenset()

    async def _holding(self, connection: Connection, prefix: str) -> Holding:
        holding = (await prefixes.holdings(connection, [prefix])).get(prefix)
        if holding is None:
            raise PrefixNotFound(f"the prefix {prefix} does not live here", field="prefix")
        return holding
