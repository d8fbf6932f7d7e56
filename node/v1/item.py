"""Registrations as v1 clients write them: values by index, attributes by a data template, or
both."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from registry.access.actor import Actor
from registry.errors import InvalidInput
from registry.identifier import Identifier
from registry.record.registration import Registration
from registry.record.value import DataIn, ValueIn, normalise, timestamp_of
from registry.template.request import RequestedTemplates
from registry.template.templates import Templates


class StrictData(DataIn, frozen=True, forbid_unknown_fields=True):
    """Data of a value. The format is string, base64, hex, admin, vlist, site or key."""


class StrictValue(ValueIn, frozen=True, forbid_unknown_fields=True):
    """A handle value to store."""

    data: StrictData | str


class Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole content of an identifier's record. `template` is the version of one of the
    prefix's data templates, `attributes` are values of its items by their idType; what the
    template gives need not be sent."""

    values: list[StrictValue] = []
    template: str | None = None
    attributes: dict[str, Any] | None = None


class Item(Content, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An identifier to register, with its content."""

    handle: str


class ContentReader:
    """Turns the contents of one request into registrations. Each template is asked for once."""

    def __init__(self, templates: Templates, actor: Actor, now: datetime) -> None:
        self._templates = RequestedTemplates(templates, actor)
        self._now = now

    async def registration(
        self, identifier: Identifier, content: Content, *, new: bool = False
    ) -> Registration:
        """Raises what is wrong with the content. The attributes of a `new` record are as old as
        its registration, and then their time is not stored."""
        values = normalise(content.values, now=self._now)
        if content.template is None:
            if content.attributes is not None:
                raise InvalidInput(
                    "attributes go by a template", field="template", rule="template-needed"
                )
            return Registration(identifier, values)
        template = await self._templates.get(identifier.canonical_prefix, content.template)
        timestamp = "" if new else timestamp_of(self._now)
        values = template.values_of(content.attributes or {}, timestamp, beside=values)
        return Registration(identifier, values, template.template_id)
