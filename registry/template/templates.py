"""The templates of a prefix. Only its enterprise writes them: a pattern decides what a million
records resolve to, and an operator writes no records."""

from __future__ import annotations

import msgspec

from registry.access import store as access
from registry.access.actor import Actor, Role, Scope
from registry.access.once import Once, OnceRunner
from registry.change.notice import Notice, Tell, to_nobody
from registry.database import Connection, Database, storable
from registry.errors import (
    InvalidInput,
    NotPermitted,
    NotPrefixOwner,
    PrefixNotFound,
    TemplateExists,
    TemplateNotFound,
    UnknownTemplate,
    WrongState,
)
from registry.lookup import store as searchable
from registry.prefix import store as prefixes
from registry.prefix.prefix import Holding
from registry.template import store
from registry.template.compiled import Compiled
from registry.template.definition import (
    Definition,
    TemplateChange,
    TemplateWish,
    check_version,
)
from registry.template.shelf import Shelf
from registry.template.store import Stored
from registry.template.template import Template


class Templates:
    """Every change is audited and makes a new generation. Safe to share between tasks."""

    def __init__(
        self, database: Database, once: OnceRunner, shelf: Shelf, tell: Tell = to_nobody
    ) -> None:
        self._database = database
        self._once = once
        self._shelf = shelf
        self._tell = tell  # hears of changes before their caller

    async def create(
        self, actor: Actor, prefix: str, wish: TemplateWish, once: Once | None = None
    ) -> Template:
        """Raises InvalidTemplate, or TemplateExists for a version that the prefix has."""
        check_version(wish.version)
        definition = Definition().changed(wish)

        async def work(tx: Connection) -> Template:
            holding = await owned(tx, actor, prefix)
            stored = await store.add(tx, actor, holding.prefix_id, wish.version, definition)
            if stored is None:
                raise TemplateExists(
                    f"{prefix} has a template {wish.version}",
                    field="version",
                    rule="template-exists",
                )
            await access.audit(
                tx, actor, "template.created", _subject(stored), _detail(stored.template)
            )
            return stored.template

        return await self._once.run(once, Template, work)

    async def amend(
        self, actor: Actor, prefix: str, version: str, change: TemplateChange
    ) -> Template:
        """The template after a change, which is added to what is there: items are matched by index
        and type, and stay where they are not named. One that changes nothing makes no generation.
        """

        async def work(tx: Connection) -> tuple[int, Template]:
            await owned(tx, actor, prefix)
            before = await store.get(tx, prefix, version, "FOR NO KEY UPDATE OF t")
            if before is None:
                raise _missing(prefix, version)
            present = _definition(before.template)
            definition = present.changed(change)
            if definition == present:
                return before.template_id, before.template
            await store.change(tx, actor, before.template_id, definition)
            if _searchable(definition) - _searchable(present):
                await searchable.add_gap(tx, before.template_id)
            (after,) = await store.by_ids(tx, [before.template_id])
            await access.audit(
                tx, actor, "template.changed", _subject(after), _detail(after.template)
            )
            return after.template_id, after.template

        template_id, template = await self._database.transaction(work)
        self._tell(Notice(templates=(template_id,)))
        return template

    async def delete(self, actor: Actor, prefix: str, version: str) -> None:
        """Take a template out of use. Refused with WrongState while a live record has it."""

        async def work(tx: Connection) -> None:
            await owned(tx, actor, prefix)
            stored = await store.get(tx, prefix, version, "FOR UPDATE OF t")
            if stored is None:
                raise _missing(prefix, version)
            template_id = stored.template_id
            if stored.used and await store.has_records(tx, stored.prefix_id, template_id):
                raise WrongState(
                    f"there are records with the template {version}: disable its items instead",
                    field="version",
                    rule="template-used",
                )
            await store.delete(tx, template_id)
            await access.audit(tx, actor, "template.deleted", _subject(stored))

        await self._database.transaction(work)

    async def get(self, actor: Actor, prefix: str, version: str) -> Template:
        async with self._database.connection() as connection:
            holding = await readable(connection, actor, prefix)
            stored = await store.get(connection, prefix, version)
        if stored is None:
            raise _missing(prefix, version)
        return _shown(actor, holding, stored.template)

    async def list(self, actor: Actor, prefix: str, after: str, limit: int) -> list[Template]:
        """Templates of a prefix in order of their versions, those above `after`."""
        if not storable(after):
            raise InvalidInput("no version looks like this", field="after", rule="after-text")
        async with self._database.connection() as connection:
            holding = await readable(connection, actor, prefix)
            found = await store.page(connection, holding.prefix_id, after, limit)
        return [_shown(actor, holding, stored.template) for stored in found]

    async def prepared(self, actor: Actor, prefix: str, version: str) -> Compiled:
        """A template to register with, in its present state. Raises UnknownTemplate, or why this
        actor cannot register under the prefix at all."""
        async with self._database.connection() as connection:
            holding = await _holding(connection, prefix, field="handle")
            if actor.role is Role.ENTERPRISE and actor.enterprise_id != holding.enterprise_id:
                raise NotPrefixOwner(
                    f"the prefix {prefix} is not this key's", field="handle", rule="prefix-owner"
                )
            compiled = await self._shelf.named(connection, prefix, version)
        if compiled is None:
            raise UnknownTemplate(
                f"{prefix} has no template {version[:200]!r}",
                field="template",
                rule="unknown-template",
            )
        return compiled


async def owned(connection: Connection, actor: Actor, prefix: str) -> Holding:
    """A prefix whose enterprise this actor acts for. Raises unless it is one."""
    actor.require_known()
    holding = await _holding(connection, prefix)
    actor.require_enterprise(holding.enterprise_id, Scope.MANAGE)
    if actor.operator:
        raise NotPermitted("this is for the prefix's enterprise", rule="enterprise-only")
    return holding


async def readable(connection: Connection, actor: Actor, prefix: str) -> Holding:
    """A prefix of whose arrangements this actor may know. Raises unless it is one."""
    actor.require_known()
    holding = await _holding(connection, prefix)
    actor.require_reader(holding.enterprise_id)
    return holding


async def _holding(connection: Connection, prefix: str, field: str = "prefix") -> Holding:
    holding = (await prefixes.holdings(connection, [prefix])).get(prefix)
    if holding is None:
        raise PrefixNotFound(
            f"the prefix {prefix} does not live here", field=field, rule="prefix-not-found"
        )
    return holding


def _searchable(definition: Definition) -> set[int]:
    return {item.id_index for item in definition.items if item.searchable}


def _definition(template: Template) -> Definition:
    members = {name: getattr(template, name) for name in Definition.__struct_fields__}
    return Definition(**members)


def _shown(actor: Actor, holding: Holding, template: Template) -> Template:
    """The template as an actor may see it: what it gives to records at items that are not public
    is for their enterprise."""
    if actor.enterprise_id == holding.enterprise_id:
        return template
    items = tuple(
        item if item.public else msgspec.structs.replace(item, default=None, pattern=None)
        for item in template.items
    )
    return msgspec.structs.replace(template, items=items)


def _subject(stored: Stored) -> str:
    return f"{stored.template.prefix} {stored.template.version}"


def _detail(template: Template) -> dict[str, object]:
    """What the audit trail says; the items of each generation are kept with the template."""
    return {"generation": template.generation, "items": len(template.items)}


def _missing(prefix: str, version: str) -> TemplateNotFound:
    return TemplateNotFound(
        f"{prefix} has no template {version[:200]!r}", field="version", rule="template-not-found"
    )
