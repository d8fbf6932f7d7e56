"""A record as this API writes it: an identifier, the version of its data template, and values of
the template's items, by their index and type.

{"handle": "88.118.1/SN1", "templateVersion": "1.0",
 "value": [{"index": 2000, "type": "URL", "data": {"format": "string", "value": "https://…"}}]}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from node.snms import chinese, content
from node.snms.content import MAX_HANDLE, MAX_TYPE, MAX_VALUE, MAX_VERSION
from node.snms.misformed import Misformed
from node.wiring import Wiring
from registry.access.actor import Actor
from registry.errors import InvalidAttribute
from registry.identifier import Identifier
from registry.record.registration import Registration
from registry.record.value import MAX_INDEX, DataIn, Value, ValueIn, normalise
from registry.template.request import RequestedTemplates
from registry.template.template import FIRST_INDEX, TEMPLATE_INDEX, Template

FORMAT = "string"


class DataBody(msgspec.Struct, frozen=True):
    format: str | None = None
    value: str | None = None


class ValueBody(msgspec.Struct, frozen=True):
    """`auth` is reserved by the API: whatever is sent is taken, and means nothing."""

    index: int | None = None
    type: str | None = None
    data: DataBody | None = None
    auth: Any = None


class EntryBody(msgspec.Struct, frozen=True, rename="camel"):
    handle: str | None = None
    template_version: str | None = None
    value: list[ValueBody] | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A record to write, within the API's limits."""

    handle: str
    version: str
    values: tuple[ValueIn, ...]

    @classmethod
    def of(cls, body: EntryBody) -> Entry:
        """Raises Misformed."""
        return cls(
            content.text(body.handle, "handle", MAX_HANDLE),
            content.text(body.template_version, "templateVersion", MAX_VERSION),
            tuple(
                _value(value, f"value[{position}]")
                for position, value in enumerate(content.given(body.value, "value"))
            ),
        )


class EntryReader:
    """Turns the entries of one request into registrations. Each template is asked for once."""

    def __init__(self, wiring: Wiring, actor: Actor) -> None:
        self._templates = wiring.templates
        self._actor = actor
        self._now = wiring.now()
        self._prepared = RequestedTemplates(wiring.templates, actor)
        self._definitions: dict[tuple[str, str], Template] = {}

    async def registration(self, entry: Entry, *, new: bool) -> Registration:
        """Raises what is wrong with the entry. The values of a `new` record are as old as its
        registration, and then their time is not stored."""
        identifier = Identifier.parse(entry.handle)
        key = (identifier.canonical_prefix, entry.version)
        template = await self._prepared.get(*key)
        values = normalise(entry.values, now=self._now)
        try:
            checked = template.values_of({}, beside=values)
        except InvalidAttribute as error:
            raise explained(error, await self._definition(*key), values) from None
        if new:
            checked = tuple(value.stamped("") for value in checked)
        return Registration(identifier, checked, template.template_id)

    async def _definition(self, prefix: str, version: str) -> Template:
        """The template with the names and limits that a refusal tells."""
        if (prefix, version) not in self._definitions:
            found = await self._templates.get(self._actor, prefix, version)
            self._definitions[prefix, version] = found
        return self._definitions[prefix, version]


def explained(
    error: InvalidAttribute, template: Template, values: tuple[Value, ...]
) -> Misformed | InvalidAttribute:
    """The refusal of a value in this API's words; as it is where the template has changed since."""
    id_type = (error.field or "").removeprefix("attributes.")
    field = f"value.{id_type}"
    if error.rule == "unknown":
        items = {item.id_index: item for item in template.items}
        for value in values:
            item = items.get(value.index)
            if item is None:
                told = chinese.index_unknown(value.index)
                return Misformed(told, field=field, rule="index-unknown")
            if item.id_type != value.type:
                return Misformed(chinese.type_mismatch(item), field=field, rule="type-mismatch")
    for item in template.items:
        if item.id_type == id_type:
            return Misformed(chinese.item_fault(item, error.rule), field=field, rule=error.rule)
    return error


def _value(body: ValueBody, where: str) -> ValueIn:
    index = content.given(body.index, f"{where}.index")
    if index == TEMPLATE_INDEX:
        raise Misformed(chinese.index_reserved(index), field=f"{where}.index", rule="reserved")
    if not FIRST_INDEX <= index <= MAX_INDEX:
        raise Misformed(chinese.index_unknown(index), field=f"{where}.index", rule="index-unknown")
    data = content.given(body.data, f"{where}.data")
    if content.text(data.format, f"{where}.data.format", MAX_TYPE) != FORMAT:
        raise Misformed(chinese.FORMAT, field=f"{where}.data.format", rule="format")
    return ValueIn(
        index=index,
        type=content.text(body.type, f"{where}.type", MAX_TYPE),
        data=DataIn(content.text(data.value, f"{where}.data.value", MAX_VALUE, empty=True)),
    )
