"""The history of a record: every state it was in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from registry.importing.store import Origin
from registry.record import permission
from registry.record.archive import Form
from registry.record.store import Action, Change, Row
from registry.record.value import Value
from registry.template.compiled import Compiled

_NAMES = {
    Action.AMENDED: "amended",
    Action.WITHDRAWN: "withdrawn",
    Action.REVIVED: "revived",
}


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """One state of a record in its history, with the values it had from then on."""

    revision: int
    action: str
    at: datetime
    actor: str | None  # None for the first registration: its batch knows
    values: tuple[Value, ...] | None  # None while it is withdrawn
    imported_from: str | None = None  # the node where it was registered, if that was not this one
    imported_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Stored:
    """What a row held for a time."""

    public: str | None
    private: bytes | None
    template_id: int | None


class History:
    """Puts a record's states together. A state shows what its template gave when it began, and who
    may read it is decided by the template as it is now."""

    def __init__(
        self,
        form: Form,
        row: Row,
        registered_at: datetime,
        generations: Sequence[tuple[datetime, Compiled]],
        origin: Origin | None = None,
    ) -> None:
        self._form = form
        self._row = row
        self._registered_at = registered_at
        self._generations = generations
        self._origin = origin

    def events(self, changes: Sequence[Change], may_read: bool) -> list[Event]:
        """The states, oldest first: each is what the next change found."""
        states = [_Stored(c.public_before, c.private_before, c.template_before) for c in changes]
        states.append(_Stored(self._row.public, self._row.private, self._row.template_id))
        first = self._values(states[0], self._registered_at, may_read)
        events = [self._first(first)]
        for change, state in zip(changes, states[1:], strict=True):
            withdrawn = change.action is Action.WITHDRAWN
            values = None if withdrawn else self._values(state, change.changed_at, may_read)
            name = _NAMES[change.action]
            events.append(Event(change.revision, name, change.changed_at, change.actor, values))
        return events

    def _first(self, values: tuple[Value, ...]) -> Event:
        event = Event(1, "registered", self._registered_at, None, values)
        if self._origin is None:
            return event
        return msgspec.structs.replace(
            event, imported_from=self._origin.node, imported_at=self._origin.imported_at
        )

    def _values(self, state: _Stored, at: datetime, may_read: bool) -> tuple[Value, ...]:
        values: Iterable[Value] = self._form.merged(self._row, state.public, state.private)
        if state.template_id is not None:
            then, now = self._template(state.template_id, at)
            whole = then.whole(tuple(values), self._row.spelling, self._registered_at)
            values = now.dressed(whole)
        if may_read:
            return permission.readable(values)
        return tuple(value for value in values if value.public)

    def _template(self, template_id: int, at: datetime) -> tuple[Compiled, Compiled]:
        """A template as it was at a time, and as it is now."""
        known = [one for one in self._generations if one[1].template_id == template_id]
        before = [template for since, template in known if since <= at]
        return (before[-1] if before else known[0][1]), known[-1][1]
