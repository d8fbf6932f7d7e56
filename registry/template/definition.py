"""Defining templates: what an enterprise writes down, checked, and how a later wish changes it.

Items are matched by index and type; an item that matches none is new. Members that a wish leaves
out stay as they are, so that a surface which knows fewer of them takes none away.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, NoReturn

import msgspec
from msgspec import UNSET, Meta, UnsetType

from registry.errors import InvalidAttribute, InvalidTemplate
from registry.template.attribute import check_text
from registry.template.pattern import ValuePattern
from registry.template.template import (
    FIRST_INDEX,
    MAX_DESCRIPTION,
    MAX_INDUSTRY,
    MAX_ITEMS,
    MAX_NAME,
    MAX_TYPE,
    MAX_VERSION,
    TEMPLATE_TYPE,
    ItemState,
    ItemType,
    Metadata,
    TemplateItem,
    TemplateType,
    Visibility,
)

MAX_INDEX = 2**31 - 1
MAX_GIVEN_BYTES = 65_536  # of JSON, that a template gives to a record
_MAX_FILLED = 800  # bytes: an identifier in a placeholder, percent-encoded or escaped
_VALUE_BYTES = 160  # of JSON: what stands around a value's type and data

Industry = Annotated[str, Meta(max_length=MAX_INDUSTRY)]


class ItemWish(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """An item to add, or what of an existing one is to change."""

    id_index: Annotated[int, Meta(ge=FIRST_INDEX, le=MAX_INDEX)]
    id_type: Annotated[str, Meta(min_length=1, max_length=MAX_TYPE)]
    name: Annotated[str, Meta(min_length=1, max_length=MAX_NAME)] | UnsetType = UNSET
    required: bool | UnsetType = UNSET
    state: ItemState | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET
    visibility: Visibility | UnsetType = UNSET
    default: str | UnsetType | None = UNSET
    pattern: str | UnsetType | None = UNSET
    searchable: bool | UnsetType = UNSET


class TemplateChange(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """What of a template is to change. Items that are not named stay; none is ever removed."""

    type: TemplateType | UnsetType = UNSET
    industry_category: Industry | UnsetType = UNSET
    industry_specific: Industry | UnsetType = UNSET
    industry_trade: Industry | UnsetType = UNSET
    industry_subclass: Industry | UnsetType = UNSET
    description: Annotated[str, Meta(max_length=MAX_DESCRIPTION)] | UnsetType = UNSET
    items: Annotated[tuple[ItemWish, ...], Meta(max_length=MAX_ITEMS)] = ()


class TemplateWish(TemplateChange, frozen=True, kw_only=True, rename="camel"):
    """A new template of a prefix."""

    version: Annotated[str, Meta(min_length=1, max_length=MAX_VERSION)]


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """What a template says, apart from whose it is."""

    type: TemplateType = TemplateType.ACTIVE_CARRIER
    industry_category: str = ""
    industry_specific: str = ""
    industry_trade: str = ""
    industry_subclass: str = ""
    description: str = ""
    items: tuple[TemplateItem, ...] = ()

    def changed(self, wish: TemplateChange) -> Definition:
        """The definition after a wish. Raises InvalidTemplate naming the member and the rule."""
        given = _given(wish) | {"items": _merged(self.items, wish.items)}
        given.pop("version", None)
        after = msgspec.structs.replace(self, **given)
        _check(after)
        return after


def check_version(version: str) -> None:
    """Raise InvalidTemplate unless a template may have this version. It stands in paths."""
    if (
        not 1 <= len(version) <= MAX_VERSION
        or not version.isprintable()
        or version != version.strip()
        or "/" in version
        or version in (".", "..")
    ):
        raise InvalidTemplate(
            f"a version is 1 to {MAX_VERSION} printable characters without a slash, and has no "
            "blank at either end",
            field="version",
            rule="version-text",
        )


def _given(wish: msgspec.Struct) -> dict[str, object]:
    members = msgspec.structs.asdict(wish)
    return {name: value for name, value in members.items() if value is not UNSET}


def _merged(items: Sequence[TemplateItem], wishes: Sequence[ItemWish]) -> tuple[TemplateItem, ...]:
    """The items after wishes, ascending by index."""
    merged = {(item.id_index, item.id_type): item for item in items}
    places: dict[tuple[int, str], str] = {}
    for position, wish in enumerate(wishes):
        where = f"items[{position}]"
        key = (wish.id_index, wish.id_type)
        if key in places:
            _refuse(where, "item-twice", "this item stands twice")
        places[key] = where
        merged[key] = _changed(merged.get(key), wish, where)
    _check_unique(merged.values(), places)
    return tuple(sorted(merged.values(), key=lambda item: item.id_index))


def _changed(item: TemplateItem | None, wish: ItemWish, where: str) -> TemplateItem:
    given = _given(wish)
    if item is not None:
        after = msgspec.structs.replace(item, **given)
    elif "name" not in given:
        _refuse(f"{where}.name", "name-needed", "a new item needs a name")
    else:
        after = TemplateItem(**given)  # type: ignore[arg-type]  # of its members
    _check_item(after, where)
    return after


def _check(definition: Definition) -> None:
    if len(definition.items) > MAX_ITEMS:
        _refuse("items", "too-many-items", f"a template has at most {MAX_ITEMS} items")
    if sum(map(_given_bytes, definition.items)) > MAX_GIVEN_BYTES:
        _refuse(
            "items", "gives-too-much", f"defaults and patterns give at most {MAX_GIVEN_BYTES} bytes"
        )
    for name in ("category", "specific", "trade", "subclass"):
        text = getattr(definition, f"industry_{name}")
        if not text.isprintable():
            _refuse(f"industry{name.title()}", "industry-text", "printable text only")
    if not definition.description.replace("\n", "").isprintable():
        _refuse("description", "description-text", "printable text and line ends only")


def _given_bytes(item: TemplateItem) -> int:
    """The most that the item can add to a record. Disabled ones count: they may come back."""
    if item.default is None and item.pattern is None:
        return 0
    text = item.default if item.default is not None else item.pattern
    filled = _MAX_FILLED * (item.pattern or "").count("{")
    return len(msgspec.json.encode((item.id_type, text))) + filled + _VALUE_BYTES


def _check_unique(items: Iterable[TemplateItem], places: dict[tuple[int, str], str]) -> None:
    """Indexes, names and types are unique; types compare without case."""
    seen: set[tuple[str, object]] = set()
    # Those that were there come first, so that the wish is at fault.
    ordered = sorted(items, key=lambda item: (item.id_index, item.id_type) in places)
    for item in ordered:
        where = places.get((item.id_index, item.id_type), "items")
        for member, value in (
            ("idIndex", item.id_index),
            ("idType", item.id_type.upper()),
            ("name", item.name),
        ):
            if (member, value) in seen:
                _refuse(f"{where}.{member}", f"{member}-twice", f"another item has this {member}")
            seen.add((member, value))


def _check_item(item: TemplateItem, where: str) -> None:
    _check_names(item, where)
    metadata = item.metadata
    if metadata.min_length > metadata.max_length:
        _refuse(f"{where}.metadata.minLength", "length-order", "minLength is above maxLength")
    if item.searchable and not item.public:
        # What others may not read is stored sealed, where nothing can be looked for.
        _refuse(f"{where}.searchable", "searchable-private", "only public items can be searched")
    if item.default is not None and item.pattern is not None:
        _refuse(f"{where}.pattern", "default-and-pattern", "a default or a pattern, not both")
    if item.default is not None:
        _check_default(item, f"{where}.default")
    if item.pattern is not None:
        _check_pattern(item, f"{where}.pattern")


def _check_names(item: TemplateItem, where: str) -> None:
    for member, text in (("idType", item.id_type), ("name", item.name)):
        if not text.isprintable() or text != text.strip():
            _refuse(f"{where}.{member}", f"{member}-text", "printable text without outer blanks")
    kind = item.id_type.upper()
    if kind == TEMPLATE_TYPE or kind.startswith("HS_"):
        _refuse(f"{where}.idType", "idType-reserved", "this type has a meaning of its own")


def _check_default(item: TemplateItem, field: str) -> None:
    """A default obeys the item's own rules."""
    try:
        text = check_text(item, item.default)
    except InvalidAttribute as error:
        _refuse(field, f"default-{error.rule}", error.detail)
    if min(text, default=" ") < " ":
        _refuse(field, "default-text", "a default has no control characters")


def _check_pattern(item: TemplateItem, field: str) -> None:
    pattern = item.pattern or ""
    if item.metadata.type not in (ItemType.STRING, ItemType.REFERENCE):
        _refuse(field, "pattern-type", "only strings and references have patterns")
    if not pattern or not pattern.isprintable():
        _refuse(field, "pattern-text", "a pattern is printable text")
    ValuePattern.parse(pattern, field)


def _refuse(field: str, rule: str, detail: str) -> NoReturn:
    raise InvalidTemplate(detail, field=field, rule=rule)
