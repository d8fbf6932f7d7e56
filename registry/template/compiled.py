"""Templates prepared for use: made once per generation, cheap for each of a million records.

A record stores its *own* values, which are those that differ from what the template gives. The
*whole* of its values is what readers get: its own, what the template gives besides, and at index
1001 the template's version. Who may read a value of an item is the template's word as it is now,
whatever it was when the value was stored.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from registry.errors import DuplicateIndex, InvalidValue
from registry.record.value import (
    DEFAULT_PERMISSIONS,
    DEFAULT_TTL,
    PRIVATE_PERMISSIONS,
    Data,
    Value,
    timestamp_of,
)
from registry.template.attribute import check_text, refuse
from registry.template.pattern import ValuePattern
from registry.template.template import (
    FIRST_INDEX,
    TEMPLATE_INDEX,
    TEMPLATE_TYPE,
    Template,
    TemplateItem,
    Visibility,
)


@dataclass(frozen=True, slots=True)
class _Slot:
    """An item ready for use."""

    item: TemplateItem
    index: int
    permissions: str
    pattern: ValuePattern | None

    @classmethod
    def of(cls, item: TemplateItem) -> _Slot:
        pattern = None if item.pattern is None else ValuePattern.parse(item.pattern, "pattern")
        permissions = DEFAULT_PERMISSIONS if item.public else PRIVATE_PERMISSIONS
        return cls(item, item.id_index, permissions, pattern)

    @property
    def gives(self) -> bool:
        """Whether a record that has no value of its own gets one."""
        return self.item.enabled and (self.item.default is not None or self.pattern is not None)

    def given(self, prefix: str, suffix: str) -> str:
        """The text of the value that a record gets."""
        if self.pattern is not None:
            return self.pattern.fill(prefix, suffix)
        return self.item.default or ""

    def value(self, text: str, timestamp: str) -> Value:
        return Value(
            index=self.index,
            type=self.item.id_type,
            data=Data("string", text),
            permissions=self.permissions,
            ttl=DEFAULT_TTL,
            timestamp=timestamp,
        )


class Compiled:
    """One generation of a template. Immutable."""

    def __init__(self, template_id: int, prefix_id: int, template: Template) -> None:
        self.template_id = template_id
        self.prefix_id = prefix_id
        self.prefix = template.prefix
        self.version = template.version
        self.generation = template.generation
        slots = [_Slot.of(item) for item in template.items]
        self._by_index = {slot.index: slot for slot in slots}
        self._by_type = {slot.item.id_type: slot for slot in slots}
        self._giving = tuple(slot for slot in slots if slot.gives)
        self._required = {
            slot.index: slot
            for slot in slots
            if slot.item.enabled and slot.item.required and not slot.gives
        }
        self.granted = frozenset(
            slot.index for slot in slots if slot.item.visibility is Visibility.GRANTED
        )

    @property
    def named(self) -> dict[str, str]:
        """The idTypes of items in use by their own text and by their names, in capitals."""
        items = [slot.item for slot in self._by_index.values() if slot.item.enabled]
        names = {item.name.upper(): item.id_type for item in items}
        return names | {item.id_type.upper(): item.id_type for item in items}

    def alike(self, values: Iterable[Value]) -> bool:
        """Whether records with these values store the same, whatever their suffixes: none of the
        values is one that a pattern might give some record."""
        slots = (self._by_index.get(value.index) for value in values)
        return not any(slot.pattern for slot in slots if slot is not None)

    def values_of(
        self, attributes: Mapping[str, Any], timestamp: str = "", beside: Iterable[Value] = ()
    ) -> tuple[Value, ...]:
        """The values of a new record: its attributes (idType: value) and values given by index
        beside them, ascending by index. Raises InvalidAttribute, or what `check_values` raises.

        Without a timestamp an attribute is told to be as old as its record's registration, which
        saves storing it.
        """
        values = {value.index: value for value in self.check_values(beside)}
        for id_type, given in attributes.items():
            slot = self._by_type.get(id_type)
            if slot is None:
                refuse(id_type, "unknown", f"the template {self.version} has no such item")
            if slot.index in values:
                raise _twice(slot)
            values[slot.index] = slot.value(self._checked(slot, given), timestamp)
        ordered = [values[index] for index in sorted(values)]
        self.check_required(self._required.keys() - values.keys())
        return tuple(ordered)

    def check_values(self, values: Iterable[Value]) -> tuple[Value, ...]:
        """Values by index that are to be written to a record, as they are stored: those of items
        obey the rules, those beyond the items stay as they are. Raises InvalidAttribute, or
        InvalidValue for the index that names the template."""
        return tuple(self._checked_value(value) for value in values)

    def check_required(self, missing: Collection[int]) -> None:
        """Raise InvalidAttribute if an item is required of those whose indexes are missing."""
        needed = self._required.keys() & missing
        if needed:
            item = self._required[min(needed)].item
            refuse(item.id_type, "required", f"{item.name} is required")

    def check_removable(self, removed: Collection[int], own: Container[int]) -> None:
        """Raise unless a record can be without these indexes, those of its own among them."""
        self.check_required(removed)
        for index in sorted(removed):
            if index == TEMPLATE_INDEX:
                raise reserved()
            slot = self._by_index.get(index)
            if slot is not None and slot.gives and index not in own:
                refuse(slot.item.id_type, "template", "this value comes from the template")

    def own(self, values: Iterable[Value], suffix: str) -> tuple[Value, ...]:
        """Those of a record's values that differ from what the template gives. Raises InvalidValue
        for the index that names the template."""
        own = []
        for value in self.dressed(values):
            if value.index == TEMPLATE_INDEX:
                raise reserved()
            if not self._is(value, suffix):
                own.append(value)
        return tuple(own)

    def whole(
        self, own: Sequence[Value], suffix: str, registered_at: datetime | None = None
    ) -> tuple[Value, ...]:
        """All values of a record, ascending by index. What the template gives is as old as the
        registration; where that does not matter, it need not be known."""
        timestamp = timestamp_of(registered_at) if registered_at else ""
        values = {
            slot.index: slot.value(slot.given(self.prefix, suffix), timestamp)
            for slot in self._giving
        }
        values[TEMPLATE_INDEX] = self._version_value(timestamp)
        for value in self.dressed(own):
            values[value.index] = value if value.timestamp else value.stamped(timestamp)
        return tuple(values[index] for index in sorted(values))

    def dressed(self, values: Iterable[Value]) -> Iterable[Value]:
        """The values with the permissions that their items give them now."""
        for value in values:
            slot = self._by_index.get(value.index)
            if slot is not None and value.permissions != slot.permissions:
                value = msgspec.structs.replace(value, permissions=slot.permissions)
            yield value

    def _checked(self, slot: _Slot, given: Any) -> str:
        if not slot.item.enabled:
            refuse(slot.item.id_type, "disabled", f"{slot.item.name} is disabled")
        return check_text(slot.item, given)

    def _checked_value(self, value: Value) -> Value:
        if value.index == TEMPLATE_INDEX:
            raise reserved()
        slot = self._by_index.get(value.index)
        if slot is None and value.index < FIRST_INDEX:
            return value
        if slot is None or slot.item.id_type != value.type:
            refuse(
                value.type,
                "unknown",
                f"the template {self.version} has no such item with index {value.index}",
            )
        if value.data.format != "string":
            refuse(value.type, "type", f"{slot.item.name} has the format string")
        text = self._checked(slot, value.data.value)
        return msgspec.structs.replace(
            value, data=Data("string", text), permissions=slot.permissions
        )

    def _is(self, value: Value, suffix: str) -> bool:
        """Whether the template gives just this value."""
        slot = self._by_index.get(value.index)
        return (
            slot is not None
            and slot.gives
            and value.data.value == slot.given(self.prefix, suffix)
            and value.same_content(slot.value(value.data.value, ""))
        )

    def _version_value(self, timestamp: str) -> Value:
        return Value(
            index=TEMPLATE_INDEX,
            type=TEMPLATE_TYPE,
            data=Data("string", self.version),
            ttl=DEFAULT_TTL,
            timestamp=timestamp,
        )


def kept(
    values: Sequence[Value], before: Sequence[Value], template: Compiled
) -> tuple[tuple[Value, ...], Compiled | None]:
    """What replacing the whole of a record by these values means, where the client's surface has
    no word for templates: one that sends back the value naming the template keeps it, one that
    leaves it out takes the template away.

    Rules are for what changes. Raises InvalidAttribute or InvalidValue.
    """
    old = {value.index: value for value in before}
    new = {value.index: value for value in values}
    mark = new.pop(TEMPLATE_INDEX, None)
    if mark is None:
        return tuple(values), None
    if mark.data != old[TEMPLATE_INDEX].data or mark.type != TEMPLATE_TYPE:
        raise reserved()
    for index, value in new.items():
        was = old.get(index)
        if was is None or not value.same_content(was):
            (new[index],) = template.check_values([value])
    template.check_required(old.keys() - new.keys())
    return tuple(new.values()), template


def reserved() -> InvalidValue:
    return InvalidValue(
        f"index {TEMPLATE_INDEX} says which template a record has: it is not written",
        field="values",
        rule="template-index",
    )


def _twice(slot: _Slot) -> DuplicateIndex:
    return DuplicateIndex(
        f"{slot.item.name} stands among the values and among the attributes",
        field=f"attributes.{slot.item.id_type}",
        rule="duplicate-index",
    )
