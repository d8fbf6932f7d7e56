"""Templates by few words, and a clock that tests set."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias

import msgspec
import pytest

from registry.access.once import OnceRunner
from registry.database import Database
from registry.record.archive import Form
from registry.template.compiled import Compiled
from registry.template.definition import Definition, TemplateChange, TemplateWish
from registry.template.grants import Grants
from registry.template.shelf import Shelf
from registry.template.template import Template
from registry.template.templates import Templates

CREATED = datetime(2026, 1, 1, tzinfo=UTC)

Compile: TypeAlias = Callable[..., Compiled]
Define: TypeAlias = Callable[..., Awaitable[Compiled]]


@pytest.fixture
def shelf(form: Form) -> Shelf:
    return form.shelf


@pytest.fixture
def templates(database: Database, once: OnceRunner, shelf: Shelf) -> Templates:
    return Templates(database, once, shelf)


@pytest.fixture
def clock() -> list[datetime]:
    """The time it is, which a test may replace."""
    return [datetime.now(UTC)]


@pytest.fixture
def grants(database: Database, once: OnceRunner, clock: list[datetime]) -> Grants:
    return Grants(database, once, lambda: clock[0])


@pytest.fixture
def define(templates: Templates) -> Define:
    """A stored template of somebody's prefix, ready for use."""

    async def make(holder: Any, *items: dict[str, Any], version: str = "v1") -> Compiled:
        await templates.create(holder.actor, holder.prefix, wish(*items, version=version))
        return await templates.prepared(holder.actor, holder.prefix, version)

    return make


@pytest.fixture
def amend(templates: Templates) -> Callable[..., Awaitable[Template]]:
    async def change(holder: Any, *items: dict[str, Any], version: str = "v1") -> Template:
        return await templates.amend(holder.actor, holder.prefix, version, changing(*items))

    return change


def wish(*items: dict[str, Any], **members: Any) -> TemplateWish:
    """A template as a client writes it. Items get numbers and names where they have none."""
    members = {"version": "v1", **members, "items": _numbered(items)}
    return msgspec.convert(members, TemplateWish)


def changing(*items: dict[str, Any], **members: Any) -> TemplateChange:
    return msgspec.convert({**members, "items": list(items)}, TemplateChange)


def compiled(*items: dict[str, Any], generation: int = 1, prefix: str = "88.608.1") -> Compiled:
    """A template that is nowhere stored."""
    definition = Definition().changed(wish(*items))
    members = {name: getattr(definition, name) for name in Definition.__struct_fields__}
    template = Template(
        prefix=prefix,
        version="v1",
        generation=generation,
        created_at=CREATED,
        created_by="key:TEST",
        changed_at=CREATED,
        changed_by="key:TEST",
        **members,
    )
    return Compiled(1, 1, template)


def _numbered(items: tuple[dict[str, Any], ...]) -> list[dict[str, Any]]:
    return [
        {"idIndex": 2000 + position, "name": f"项目 {item['idType']}"} | item
        for position, item in enumerate(items)
    ]
