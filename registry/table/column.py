"""Columns: what the cells under each name become.

Without a word about them, 标识后缀 or suffix is the suffix, 标识 or handle the whole identifier, or
else the first column is the suffix; 详情网址 or url becomes the value of type URL at index 1; any
other a value of the type that its name says, the first at index 2000, the next at 2001. With a data
template the others must be named as its items are, or as their types.

As soon as one column is spoken of, those that are not become nothing: what a file holds besides is
not published by accident. An empty cell becomes no value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from registry.errors import InvalidIdentifier
from registry.identifier import Identifier
from registry.record.value import MAX_INDEX, ValueIn
from registry.table.dialect import InvalidTable

SUFFIX_NAMES = ("标识后缀", "suffix")
HANDLE_NAMES = ("标识", "handle")
URL_NAMES = ("详情网址", "url")
URL_INDEX = 1
FIRST_INDEX = 2000  # where the items of a product begin, as the field numbers them

# As a spreadsheet shows a number too long for it, whose last digits it has lost.
_SCIENTIFIC = re.compile(r"[0-9](?:\.[0-9]+)?[Ee]\+[0-9]+")


class Role(StrEnum):
    SUFFIX = "suffix"
    HANDLE = "handle"
    VALUE = "value"
    ATTRIBUTE = "attribute"
    IGNORED = "ignored"


class ColumnWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a column is: the suffix, the whole identifier, a value by index and type, an attribute
    of the template by its idType, or nothing."""

    role: Role
    index: Annotated[int, Meta(ge=1, le=MAX_INDEX)] | None = None  # of a value
    type: Annotated[str, Meta(min_length=1, max_length=255)] | None = None  # of a value
    permissions: Annotated[str, Meta(pattern=r"^[01]{4}\Z")] | None = None  # of a value
    attribute: str | None = None  # default: the column's name


@dataclass(frozen=True, slots=True)
class Entry:
    """What one row says."""

    identifier: Identifier
    values: list[ValueIn]
    attributes: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Value:
    place: int
    index: int
    type: str
    permissions: str | None


class Key:
    """The column that names identifiers."""

    def __init__(
        self, names: Sequence[str], prefix: str, wishes: Mapping[str, ColumnWish] | None
    ) -> None:
        """Raises InvalidTable."""
        self._prefix = prefix
        self.place, self._whole = _assumed(names) if wishes is None else _wished(names, wishes)

    def spelling(self, cells: Sequence[str]) -> str:
        """What a row names, whatever it is worth."""
        text = cells[self.place] if self.place < len(cells) else ""
        return text if self._has_prefix(text) else f"{self._prefix}/{text}"

    def identifier(self, cells: Sequence[str]) -> Identifier:
        """Raises InvalidIdentifier or InvalidTable."""
        text = cells[self.place]
        if _SCIENTIFIC.fullmatch(text):
            raise InvalidTable(
                f"{text} is a number of which the spreadsheet has lost the last digits: give the "
                "column the format text",
                "number-notation",
            )
        if not self._has_prefix(text):
            return Identifier(self._prefix, text)
        identifier = Identifier.parse(text)
        if identifier.canonical_prefix != self._prefix:
            raise InvalidIdentifier(
                f"this file is for identifiers under {self._prefix}",
                field="identifier",
                rule="other-prefix",
            )
        return identifier

    def _has_prefix(self, text: str) -> bool:
        return self._whole or text.startswith(f"{self._prefix}/")


class Columns:
    """The columns of one file."""

    def __init__(
        self,
        header: Sequence[str],
        prefix: str,
        wishes: Mapping[str, ColumnWish] | None,
        items: Mapping[str, str] | None,
    ) -> None:
        """`items` are the template's idTypes by what a column may be named for them, in capitals;
        None without a template. Raises InvalidTable."""
        self._names = names_of(header)
        self._check_names(prefix)
        self.key = Key(self._names, prefix, wishes)
        self._values: list[_Value] = []
        self._attributes: list[tuple[int, str]] = []
        if wishes is None:
            self._assume(items)
        else:
            for name, wish in wishes.items():
                self._obey(self._names.index(name), name, wish, items)
        self._values.sort(key=lambda value: value.index)
        self._check_indexes()

    def entry(self, cells: Sequence[str]) -> Entry:
        """Raises InvalidTable or InvalidIdentifier."""
        width = len(self._names)
        if len(cells) < width or any(cells[width:]):
            raise InvalidTable(f"{len(cells)} cells, but the header has {width}", "ragged-row")
        values = [
            ValueIn(index=one.index, type=one.type, data=text, permissions=one.permissions)
            for one in self._values
            if (text := cells[one.place])
        ]
        attributes = {name: text for place, name in self._attributes if (text := cells[place])}
        return Entry(self.key.identifier(cells), values, attributes)

    def _check_names(self, prefix: str) -> None:
        for place, name in enumerate(self._names, start=1):
            if not name:
                raise InvalidTable(f"column {place} has no name", "header")
            if self._names.count(name) > 1:
                raise InvalidTable(f"two columns are named {name}", "header")
        if self._names[0].startswith(f"{prefix}/"):
            raise InvalidTable(
                "an identifier stands where the names of the columns belong", "header"
            )

    def _assume(self, items: Mapping[str, str] | None) -> None:
        index = FIRST_INDEX
        for place, name in enumerate(self._names):
            if place == self.key.place:
                continue
            if items is not None:
                self._attributes.append((place, _item(name, items)))
            elif name.lower() in URL_NAMES:
                self._values.append(_Value(place, URL_INDEX, "URL", None))
            else:
                self._values.append(_Value(place, index, name, None))
                index += 1

    def _obey(
        self, place: int, name: str, wish: ColumnWish, items: Mapping[str, str] | None
    ) -> None:
        if wish.role is Role.VALUE:
            if wish.index is None:
                raise InvalidTable(f"the value in column {name} needs an index", "column-index")
            self._values.append(_Value(place, wish.index, wish.type or name, wish.permissions))
        elif wish.role is Role.ATTRIBUTE:
            if items is None:
                raise InvalidTable("attributes go by a template", "template-needed")
            self._attributes.append((place, _item(wish.attribute or name, items)))

    def _check_indexes(self) -> None:
        indexes = [value.index for value in self._values]
        attributes = [name for _, name in self._attributes]
        if len(set(indexes)) < len(indexes) or len(set(attributes)) < len(attributes):
            raise InvalidTable("two columns become the same value", "column-twice")


def names_of(header: Sequence[str]) -> list[str]:
    """The names of the columns, without the nameless ones at the end, of which spreadsheets write
    some."""
    names = [name.strip() for name in header]
    last = max((place for place, name in enumerate(names) if name), default=0)
    return names[: last + 1]


def _assumed(names: Sequence[str]) -> tuple[int, bool]:
    """Where the identifier stands where nothing was said, and whether it stands there whole."""
    lower = [name.lower() for name in names]
    keys = [place for place, name in enumerate(lower) if name in SUFFIX_NAMES + HANDLE_NAMES]
    key = keys[0] if keys else 0
    return key, lower[key] in HANDLE_NAMES


def _wished(names: Sequence[str], wishes: Mapping[str, ColumnWish]) -> tuple[int, bool]:
    for name in wishes:
        if name not in names:
            raise InvalidTable(f"the file has no column {name}", "column-name")
    keys = [name for name, wish in wishes.items() if wish.role in (Role.SUFFIX, Role.HANDLE)]
    if len(keys) != 1:
        raise InvalidTable("one column is the suffix or the handle", "column-key")
    return names.index(keys[0]), wishes[keys[0]].role is Role.HANDLE


def _item(name: str, items: Mapping[str, str]) -> str:
    found = items.get(name.upper())
    if found is None:
        raise InvalidTable(
            f"the template has no item named {name}: say what the column is", "column-name"
        )
    return found
