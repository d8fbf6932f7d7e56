"""Reading records: what is stored, what a reader may see of it, and how it came to be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

from registry.access.actor import Actor, Role
from registry.database import Connection, Database, storable
from registry.errors import (
    IdentifierNotFound,
    InvalidInput,
    NotAuthenticated,
    NotPermitted,
    PrefixNotFound,
)
from registry.identifier import Identifier
from registry.prefix import store as prefixes
from registry.prefix.prefix import Holding
from registry.record import permission, store
from registry.record.archive import Archive, Form
from registry.record.store import Action, Change, Found, Row
from registry.record.typed_data import Right
from registry.record.value import Value, decode

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


class Event(msgspec.Struct, frozen=True):
    """One state of a record in its history, with the values it had from then on."""

    revision: int
    action: str
    at: datetime
    actor: str | None  # None for the first registration: its batch knows
    values: tuple[Value, ...] | None  # None while it is withdrawn


class Catalogue:
    """Reads on connections of its own, each call seeing what was committed before it."""

    def __init__(self, database: Database, form: Form) -> None:
        self._database = database
        self._form = form

    async def find(self, identifier: Identifier) -> Found:
        """What is stored, unread: enough to answer anyone with the public values."""
        async with self._database.connection() as connection:
            return await self._find(connection, identifier)

    async def view(self, actor: Actor, identifier: Identifier) -> View | None:
        """The live record with all values this actor may read; None where there is none."""
        async with self._database.connection() as connection:
            found = await self._find(connection, identifier)
            if not (found.holding and found.row and found.registered_at and found.row.live):
                return None
            values = self._form.values(found.row)
            archive = Archive(connection, self._form)
            rights = await permission.rights(actor, found.holding, values, archive)
        may_read = rights & Right.READ_VALUE
        listed = permission.readable(values) if may_read else tuple(v for v in values if v.public)
        hidden = len(listed) < len(values)
        return View(found.holding, found.row, found.registered_at, listed, hidden)

    async def history(self, actor: Actor, identifier: Identifier) -> list[Event]:
        """Every state the record was in, with the values that this actor may read. For the prefix's
        enterprise and operators."""
        async with self._database.connection() as connection:
            found = await self._find(connection, identifier)
            if found.holding is None:
                raise PrefixNotFound(
                    f"the prefix {identifier.prefix} does not live here", field="handle"
                )
            actor.require_reader(found.holding.enterprise_id)
            if found.row is None or found.registered_at is None:
                raise IdentifierNotFound(f"there is no {identifier}", field="handle")
            row, known = found.row, found.row.revision
            changes = await store.history(connection, row.prefix_id, row.suffix, until=known)
            values = self._form.values(row) if row.live else ()
            archive = Archive(connection, self._form)
            rights = await permission.rights(actor, found.holding, values, archive)
        return self._events(row, found.registered_at, changes, bool(rights & Right.READ_VALUE))

    async def page(
        self, actor: Actor, prefix: str, after: str, limit: int
    ) -> list[tuple[str, Row]]:
        """Live records of a prefix above a canonical suffix, with their identifiers."""
        async with self._database.connection() as connection:
            holding = await self._holding(connection, prefix)
            actor.require_reader(holding.enterprise_id)
            if not storable(after):
                raise InvalidInput("no suffix looks like this", field="after", rule="after-text")
            rows = await store.page(connection, holding.prefix_id, after, limit)
        return [(f"{prefix}/{row.spelling}", row) for row in rows]

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
        pattern for every type wanted, at most SEARCH_LIMIT."""
        async with self._database.connection() as connection:
            enterprise_id = await self._enterprise_of(connection, actor)
            if not all(storable(text) for pair in wanted.items() for text in pair):
                return []  # no record holds such text
            owned = await store.owned(connection, enterprise_id)
            rows = await store.search(connection, owned, wanted, SEARCH_LIMIT)
        return [f"{prefix}/{suffix}" for prefix, suffix in rows]

    async def identity_values(self, handle: str) -> tuple[Value, ...]:
        """All values of a record that an identity may rest on, secrets included."""
        async with self._database.connection() as connection:
            return await Archive(connection, self._form).values(handle)

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

    async def _find(self, connection: Connection, identifier: Identifier) -> Found:
        return await store.find(
            connection,
            identifier.canonical_prefix,
            identifier.canonical_suffix(self._form.case_sensitive),
        )

    async def _holding(self, connection: Connection, prefix: str) -> Holding:
        holding = (await prefixes.holdings(connection, [prefix])).get(prefix)
        if holding is None:
            raise PrefixNotFound(f"the prefix {prefix} does not live here", field="prefix")
        return holding

    def _events(
        self, row: Row, registered_at: datetime, changes: list[Change], may_read: bool
    ) -> list[Event]:
        """The states of a record, oldest first: each is what the next change found."""
        names = {
            Action.AMENDED: "amended",
            Action.WITHDRAWN: "withdrawn",
            Action.REVIVED: "revived",
        }
        states = [self._state(row, c.public_before, c.private_before, may_read) for c in changes]
        states.append(self._state(row, row.public, row.private, may_read))
        events = [Event(1, "registered", registered_at, None, states[0])]
        for change, values in zip(changes, states[1:], strict=True):
            events.append(
                Event(
                    change.revision, names[change.action], change.changed_at, change.actor, values
                )
            )
        return events

    def _state(
        self, row: Row, public: str | None, private: bytes | None, may_read: bool
    ) -> tuple[Value, ...] | None:
        if public is None:
            return None  # a tombstone
        if not may_read:
            return decode(public)
        return permission.readable(self._form.merged(row, public, private))
