"""The archive turns stored rows into values and back, and reads this node's records by handle."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from registry.database import Connection
from registry.errors import InvalidIdentifier, TooLarge
from registry.identifier import Identifier
from registry.leaf.leaf import MakeLeaves
from registry.record import store
from registry.record.store import Found, Row
from registry.record.value import MAX_RECORD_BYTES, MAX_VALUES, Value, decode, encode, split
from registry.sealing import SealingKey
from registry.template.compiled import Compiled
from registry.template.definition import MAX_GIVEN_BYTES
from registry.template.shelf import Shelf
from registry.template.template import MAX_ITEMS


@dataclass(frozen=True, slots=True)
class Form:
    """How records are written down: which suffixes are the same, and what secrets are sealed with.
    Fixed for the life of the database. The shelf has the templates that records rest on; `leaves`
    makes what the certified log is owed for new identifiers, where one is kept."""

    case_sensitive: bool
    sealing: SealingKey
    shelf: Shelf = field(default_factory=Shelf)
    leaves: MakeLeaves | None = None

    def canonical(self, handle: str) -> str:
        """The comparison form of a handle; a text that is none compares as itself."""
        try:
            return Identifier.parse(handle).canonical(self.case_sensitive)
        except InvalidIdentifier:
            return handle

    def row(
        self,
        prefix_id: int,
        identifier: Identifier,
        values: tuple[Value, ...],
        template: Compiled | None = None,
    ) -> Row:
        """The row of a new record."""
        suffix = identifier.canonical_suffix(self.case_sensitive)
        shown = identifier.suffix if identifier.suffix != suffix else None
        return self.filled(Row(prefix_id, suffix, shown, None, None), values, template)

    def filled(self, row: Row, values: tuple[Value, ...], template: Compiled | None = None) -> Row:
        """The live row with these values, less what the template gives. Raises TooLarge."""
        if template is not None:
            return self._under(template, row, template.own(values, row.spelling))
        public, private = split(values)
        text, sealed = encode(public), None
        if private:
            encode(values)  # raises if both together are more than an administrator can be sent
            sealed = self._sealed(row, private)
        return replace(row, live=True, public=text, private=sealed, template_id=None)

    def values(self, row: Row) -> tuple[Value, ...]:
        """All values that a row stores, public and private, ascending by index."""
        return self.merged(row, row.public, row.private)

    def merged(self, row: Row, public: str | None, private: bytes | None) -> tuple[Value, ...]:
        """The values that an earlier state of a row stored."""
        if private is None:
            return decode(public)
        hidden = decode(self.sealing.unseal(private, _context(row)))
        return tuple(sorted((*decode(public), *hidden), key=lambda value: value.index))

    def whole(
        self, row: Row, template: Compiled | None, registered_at: datetime | None = None
    ) -> tuple[Value, ...]:
        """All values of a record, those from its template included, ascending by index."""
        stored = self.values(row)
        if template is None:
            return stored
        return template.whole(stored, row.spelling, registered_at)

    def public_text(self, found: Found) -> str:
        """What anyone may read of a live record, as JSON. Without a template it is stored so."""
        row = found.row
        assert row is not None  # the record is there
        if found.template is None:
            return row.public or "[]"
        values = self.whole(row, found.template, found.registered_at)
        return encode([value for value in values if value.public])

    def _under(self, template: Compiled, row: Row, own: tuple[Value, ...]) -> Row:
        public, private = split(own)
        _check_room(own)
        return replace(
            row,
            live=True,
            template_id=template.template_id,
            public=encode(public) if public else None,
            private=self._sealed(row, private) if private else None,
        )

    def _sealed(self, row: Row, private: tuple[Value, ...]) -> bytes:
        return self.sealing.seal(encode(private).encode(), _context(row))


def _check_room(own: tuple[Value, ...]) -> None:
    """Raise TooLarge unless a record with these values stays within the limits of all records,
    whatever its template will give some day."""
    if not own:
        return
    size = len(encode(own).encode())
    if len(own) > MAX_VALUES - MAX_ITEMS - 1 or size > MAX_RECORD_BYTES - MAX_GIVEN_BYTES:
        raise TooLarge(
            f"beside its template a record holds at most {MAX_VALUES - MAX_ITEMS - 1} values of "
            f"{MAX_RECORD_BYTES - MAX_GIVEN_BYTES} bytes",
            field="values",
            rule="record-too-large",
        )


def _context(row: Row) -> str:
    return f"record/{row.prefix_id}/{row.suffix}"


async def look_up(connection: Connection, form: Form, identifier: Identifier) -> Found:
    """Whether the prefix lives here, and the record with its template. One round trip, but for a
    template that has just changed."""
    found = await store.find(
        connection,
        identifier.canonical_prefix,
        identifier.canonical_suffix(form.case_sensitive),
    )
    row = found.row
    if row is None or row.template_id is None or row.generation is None:
        return found
    template = await form.shelf.get(connection, row.template_id, row.generation)
    # What is shown is of this generation, which may be newer than the row's.
    row = replace(row, generation=template.generation)
    return replace(found, row=row, template=template)


class Archive:
    """Reads records of this node within one transaction or on one connection. One that remembers
    reads each record once: for many questions that may take the state at the first of them."""

    def __init__(self, connection: Connection, form: Form, *, remember: bool = False) -> None:
        self._connection = connection
        self._form = form
        self._known: dict[str, tuple[Value, ...]] | None = {} if remember else None

    def canonical(self, handle: str) -> str:
        return self._form.canonical(handle)

    async def values(self, handle: str) -> tuple[Value, ...]:
        """All values of a live record; none where there is no such record here."""
        if self._known is None:
            return await self._read(handle)
        if handle not in self._known:
            self._known[handle] = await self._read(handle)
        return self._known[handle]

    async def _read(self, handle: str) -> tuple[Value, ...]:
        try:
            identifier = Identifier.parse(handle)
        except InvalidIdentifier:
            return ()
        found = await look_up(self._connection, self._form, identifier)
        if found.row is None or not found.row.live:
            return ()
        return self._form.whole(found.row, found.template, found.registered_at)
