"""Registrations as v1 clients write them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from registry.errors import UnknownTemplate
from registry.record.value import DataIn, Value, ValueIn, normalise


class StrictData(DataIn, frozen=True, forbid_unknown_fields=True):
    """Data of a value. The format is string, base64, hex, admin, vlist, site or key."""


class StrictValue(ValueIn, frozen=True, forbid_unknown_fields=True):
    """A handle value to store."""

    data: StrictData | str


class Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole content of an identifier's record."""

    values: list[StrictValue] = []
    template: str | None = None
    attributes: dict[str, Any] | None = None


class Item(Content, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An identifier to register, with its content."""

    handle: str


def values_of(content: Content, now: datetime) -> tuple[Value, ...]:
    """The content's values, normalised. Raises what is wrong with them."""
    if content.template is not None or content.attributes is not None:
        # Data templates come with a later version; until then no template is known.
        raise UnknownTemplate(
            f"there is no template {content.template!r}", field="template", rule="unknown-template"
        )
    return normalise(content.values, now=now)
