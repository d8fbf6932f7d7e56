"""Data templates (数据模板), in the field's own JSON.

The members `visibility`, `default`, `pattern` and `searchable` of an item, and all types but
`string`, are this node's own: the SNMS surface neither takes nor shows them.
"""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

MAX_VERSION = 128  # characters
MAX_NAME = 128
MAX_TYPE = 128
MAX_DESCRIPTION = 1000
MAX_INDUSTRY = 64
MAX_LENGTH = 4096
MAX_ITEMS = 200
FIRST_INDEX = 2000
TEMPLATE_INDEX = 1001  # where a record says which template it has
TEMPLATE_TYPE = "TEMPLATE"


class TemplateType(IntEnum):
    """What is identified: 主动标识载体, or 其他."""

    ACTIVE_CARRIER = 1
    OTHER = 2


class ItemState(IntEnum):
    DISABLED = 0
    ENABLED = 1


class ItemType(StrEnum):
    STRING = "string"
    NUMBER = "number"  # decimal, as 12 or -0.5
    DATE = "date"  # ISO 8601: a day, or a time with its zone
    REFERENCE = "reference"  # another identifier, prefix/suffix


class Visibility(StrEnum):
    """Who may read an item: anyone; besides the owner, enterprises that hold a grant; the owner."""

    PUBLIC = "public"
    GRANTED = "granted"
    PRIVATE = "private"


class Metadata(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The rules for an item's values. Lengths are in characters."""

    type: ItemType = ItemType.STRING
    min_length: Annotated[int, Meta(ge=0, le=MAX_LENGTH)] = 0
    max_length: Annotated[int, Meta(ge=1, le=MAX_LENGTH)] = 255


class TemplateItem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One kind of value that records hold. Where a record gives none, it has the `default`, or the
    text that the `pattern` makes of `{prefix}`, `{suffix}` and `{handle}`, percent-encoded as
    `{suffix:url}`."""

    id_index: Annotated[int, Meta(ge=FIRST_INDEX, le=2**31 - 1)]
    id_type: str
    name: str
    required: bool = False
    state: ItemState = ItemState.ENABLED
    metadata: Metadata = Metadata()
    visibility: Visibility = Visibility.PUBLIC
    default: str | None = None
    pattern: str | None = None
    searchable: bool = False

    @property
    def enabled(self) -> bool:
        return self.state is ItemState.ENABLED

    @property
    def public(self) -> bool:
        return self.visibility is Visibility.PUBLIC


class Template(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A template of a prefix. Its version names it and never changes; `generation` counts its
    states."""

    prefix: str
    version: str
    type: TemplateType
    industry_category: str
    industry_specific: str
    industry_trade: str
    industry_subclass: str
    description: str
    items: tuple[TemplateItem, ...]
    generation: int
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str
