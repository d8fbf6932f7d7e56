"""Data templates (数据模板), versions 3 and 5 of their paths.

Their items hold text, whoever reads them; what else this node knows of a template (types, patterns,
visibility) is neither shown nor touched here. Where an item comes without its index it gets the
next free one, as version 3 has it for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from aiohttp import web
from msgspec import UNSET

from node.snms import chinese, content
from node.snms.content import MAX_PREFIX, MAX_VERSION
from node.snms.envelope import success
from node.snms.misformed import Misformed
from node.snms.token import logged_in
from registry.template.definition import (
    MAX_INDEX,
    ItemWish,
    TemplateChange,
    TemplateWish,
)
from registry.template.template import (
    FIRST_INDEX,
    MAX_DESCRIPTION,
    MAX_INDUSTRY,
    MAX_LENGTH,
    MAX_NAME,
    MAX_TYPE,
    ItemState,
    ItemType,
    Metadata,
    Template,
    TemplateItem,
    TemplateType,
)

TEXT = "string"


class MetadataBody(msgspec.Struct, frozen=True, rename="camel"):
    type: str | None = None
    min_length: int | None = None
    max_length: int | None = None


class ItemBody(msgspec.Struct, frozen=True, rename="camel"):
    name: str | None = None
    id_type: str | None = None
    id_index: int | None = None
    required: bool | None = None
    state: int | None = None
    metadata: MetadataBody | None = None


class TemplateBody(msgspec.Struct, frozen=True, rename="camel"):
    prefix: str | None = None
    version: str | None = None
    industry_category: str | None = None
    industry_specific: str | None = None
    industry_trade: str | None = None
    industry_subclass: str | None = None
    type: int | None = None
    description: str | None = None
    items: list[ItemBody] | None = None


class MetadataShown(msgspec.Struct, frozen=True, rename="camel"):
    min_length: int
    max_length: int
    type: str = TEXT


class ItemShown(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    id_type: str
    id_index: int
    required: bool
    state: ItemState
    metadata: MetadataShown


class TemplateShown(msgspec.Struct, frozen=True, rename="camel"):
    prefix: str
    version: str
    industry_category: str
    industry_specific: str
    industry_trade: str
    industry_subclass: str
    type: TemplateType
    description: str
    items: list[ItemShown]


async def show(request: web.Request) -> web.Response:
    wiring, actor = await logged_in(request)
    prefix = content.parameter(request, "prefix", MAX_PREFIX)
    version = content.parameter(request, "version", MAX_VERSION)
    return success(_shown(await wiring.templates.get(actor, prefix, version)))


async def create(request: web.Request) -> web.Response:
    wiring, actor = await logged_in(request)
    body = await content.read(request, TemplateBody)
    prefix, version = _key(body)
    wish = TemplateWish(version=version, **_members(body, ()))
    await wiring.templates.create(actor, prefix, wish)
    return success(True)


async def amend(request: web.Request) -> web.Response:
    wiring, actor = await logged_in(request)
    body = await content.read(request, TemplateBody)
    prefix, version = _key(body)
    present = await wiring.templates.get(actor, prefix, version)
    change = TemplateChange(**_members(body, present.items))
    await wiring.templates.amend(actor, prefix, version, change)
    return success(True)


async def delete(request: web.Request) -> web.Response:
    wiring, actor = await logged_in(request)
    prefix, version = _key(await content.read(request, TemplateBody))
    await wiring.templates.delete(actor, prefix, version)
    return success(True)


def _key(body: TemplateBody) -> tuple[str, str]:
    return (
        content.text(body.prefix, "prefix", MAX_PREFIX),
        content.text(body.version, "version", MAX_VERSION),
    )


def _members(body: TemplateBody, present: Sequence[TemplateItem]) -> dict[str, Any]:
    """What the body says of a template, beside a template with these items. Raises Misformed."""
    return {
        "type": _chosen(body.type, TemplateType, "type"),
        "industry_category": _line(body.industry_category, "industryCategory", MAX_INDUSTRY),
        "industry_specific": _line(body.industry_specific, "industrySpecific", MAX_INDUSTRY),
        "industry_trade": _line(body.industry_trade, "industryTrade", MAX_INDUSTRY),
        "industry_subclass": _line(body.industry_subclass, "industrySubclass", MAX_INDUSTRY),
        "description": _line(body.description, "description", MAX_DESCRIPTION),
        "items": tuple(_items(content.given(body.items, "items"), present)),
    }


def _items(bodies: Sequence[ItemBody], present: Sequence[TemplateItem]) -> Iterable[ItemWish]:
    types = {item.id_type for item in present}
    known = {(item.id_index, item.id_type): item for item in present}
    taken = {item.id_index for item in present}
    taken |= {body.id_index for body in bodies if body.id_index is not None}
    free = max(taken, default=FIRST_INDEX - 1) + 1
    for position, body in enumerate(bodies):
        where = f"items[{position}]"
        id_type = content.text(body.id_type, f"{where}.idType", MAX_TYPE)
        index = body.id_index
        if index is None:
            if id_type in types:
                told = chinese.RULES["idType-twice"]
                raise Misformed(told, field=f"{where}.idType", rule="idType-twice")
            index, free = free, free + 1
        if not FIRST_INDEX <= index <= MAX_INDEX:
            raise Misformed(chinese.INDEX_RANGE, field=f"{where}.idIndex", rule="index-range")
        yield _wish(body, index, id_type, known.get((index, id_type)), where)


def _wish(
    body: ItemBody, index: int, id_type: str, was: TemplateItem | None, where: str
) -> ItemWish:
    name = UNSET if body.name is None else content.text(body.name, f"{where}.name", MAX_NAME)
    return ItemWish(
        id_index=index,
        id_type=id_type,
        name=name,
        required=UNSET if body.required is None else body.required,
        state=_chosen(body.state, ItemState, f"{where}.state"),
        metadata=_metadata(body.metadata, was, f"{where}.metadata"),
    )


def _metadata(body: MetadataBody | None, was: TemplateItem | None, where: str) -> Any:
    """The lengths that are given; a type that this API does not know stays."""
    if body is None:
        return UNSET
    if body.type not in (None, TEXT):
        raise Misformed(chinese.ITEM_TYPE, field=f"{where}.type", rule="type")
    before = was.metadata if was is not None else Metadata(type=ItemType.STRING)
    low = before.min_length if body.min_length is None else body.min_length
    high = before.max_length if body.max_length is None else body.max_length
    if not (0 <= low <= MAX_LENGTH and 1 <= high <= MAX_LENGTH):
        raise Misformed(chinese.length_range(MAX_LENGTH), field=where, rule="length-range")
    return Metadata(type=before.type, min_length=low, max_length=high)


def _chosen(value: int | None, kinds: Callable[[int], Any], name: str) -> Any:
    """One of the numbers of an enumeration."""
    if value is None:
        return UNSET
    try:
        return kinds(value)
    except ValueError:
        raise Misformed(chinese.wrong_choice(name), field=name, rule="choice") from None


def _line(value: str | None, name: str, most: int) -> Any:
    return UNSET if value is None else content.text(value, name, most, empty=True)


def _shown(template: Template) -> TemplateShown:
    return TemplateShown(
        prefix=template.prefix,
        version=template.version,
        industry_category=template.industry_category,
        industry_specific=template.industry_specific,
        industry_trade=template.industry_trade,
        industry_subclass=template.industry_subclass,
        type=template.type,
        description=template.description,
        items=[_item_shown(item) for item in template.items],
    )


def _item_shown(item: TemplateItem) -> ItemShown:
    return ItemShown(
        name=item.name,
        id_type=item.id_type,
        id_index=item.id_index,
        required=item.required,
        state=item.state,
        metadata=MetadataShown(item.metadata.min_length, item.metadata.max_length),
    )
