"""The archive turns stored rows into values and back, and reads this node's records by handle."""

from __future__ import annotations

from dataclasses import dataclass, replace

from registry.database import Connection
from registry.errors import InvalidIdentifier
from registry.identifier import Identifier
from registry.record import store
from registry.record.store import Row
from registry.record.value import Value, decode, encode, split
from registry.sealing import SealingKey


@dataclass(frozen=True, slots=True)
class Form:
    """How records are written down: which suffixes are the same, and what secrets are sealed with.
    Fixed for the life of the database."""

    case_sensitive: bool
    sealing: SealingKey

    def canonical(self, handle: str) -> str:
        """The comparison form of a handle; a text that is none compares as itself."""
        try:
            return Identifier.parse(handle).canonical(self.case_sensitive)
        except InvalidIdentifier:
            return handle

    def row(self, prefix_id: int, identifier: Identifier, values: tuple[Value, ...]) -> Row:
        """The row of a new record."""
        suffix = identifier.canonical_suffix(self.case_sensitive)
        shown = identifier.suffix if identifier.suffix != suffix else None
        return self.filled(Row(prefix_id, suffix, shown, None, None), values)

    def filled(self, row: Row, values: tuple[Value, ...]) -> Row:
        """The live row with these values. Raises TooLarge."""
        public, private = split(values)
        if not private:
            return replace(row, status=store.LIVE, public=encode(public), private=None)
        encode(values)  # raises if both together are more than an administrator can be sent
        sealed = self.sealing.seal(encode(private).encode(), _context(row))
        return replace(row, status=store.LIVE, public=encode(public), private=sealed)

    def values(self, row: Row) -> tuple[Value, ...]:
        """All values of a row, public and private, ascending by index."""
        return self.merged(row, row.public, row.private)

    def merged(self, row: Row, public: str | None, private: bytes | None) -> tuple[Value, ...]:
        """The values of an earlier state of a row."""
        if private is None:
            return decode(public)
        hidden = decode(self.sealing.unseal(private, _context(row)))
        return tuple(sorted((*decode(public), *hidden), key=lambda value: value.index))


def _context(row: Row) -> str:
    return f"record/{row.prefix_id}/{row.suffix}"


class Archive:
    """Reads records of this node within one transaction or on one connection."""

    def __init__(self, connection: Connection, form: Form) -> None:
        self._connection = connection
        self._form = form

    def canonical(self, handle: str) -> str:
        return self._form.canonical(handle)

    async def values(self, handle: str) -> tuple[Value, ...]:
        """All values of a live record; none where there is no such record here."""
        try:
            identifier = Identifier.parse(handle)
        except InvalidIdentifier:
            return ()
        found = await store.find(
            self._connection,
            identifier.canonical_prefix,
            identifier.canonical_suffix(self._form.case_sensitive),
        )
        return self._form.values(found.row) if found.row and found.row.live else ()
