"""Exports: all live records of a prefix, some at a time, each with what its reader may see.

No snapshot is held: every part is read by itself and its connection given back before it is sent,
however slowly that goes. So a record stands there as it was when its part was read, and what is
registered meanwhile behind that place comes too.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from registry.access.actor import Actor
from registry.database import Connection, Database
from registry.prefix.prefix import Holding
from registry.query.queries import Queries
from registry.query.question import Question, State
from registry.query.store import Entry
from registry.record import permission, store
from registry.record.archive import Archive, Form
from registry.record.store import Row
from registry.record.typed_data import Right
from registry.record.value import Value, encode
from registry.template.compiled import Compiled
from registry.template.template import TEMPLATE_INDEX

PAGE = 1000  # identifiers looked up at a time
PART_RECORDS = 250
PART_BYTES = 2 * 1024 * 1024  # of values as they are stored


@dataclass(frozen=True, slots=True)
class Exported:
    """A record as its reader may see it. Without the value that names its template: `template` does
    that, by its version."""

    handle: str
    revision: int
    registered_at: datetime
    template: str | None
    text: str | None  # the values as JSON, where they are stored so
    values: tuple[Value, ...]

    @property
    def json(self) -> str:
        return encode(self.values) if self.text is None else self.text


class Exports:
    """For the prefix's enterprise and operators. Safe to share between tasks."""

    def __init__(self, database: Database, form: Form, queries: Queries) -> None:
        self._database = database
        self._form = form
        self._queries = queries

    async def open(self, actor: Actor, question: Question) -> Export:
        """An export of the live records that answer a question. Raises what the question is
        refused with."""
        question = replace(question, state=State.LIVE)
        await self._queries.page(actor, question, "", 1)
        async with self._database.connection() as connection:
            holding = await self._queries.holding(connection, question.prefix)
            archive = Archive(connection, self._form)
            rights = await permission.rights(actor, holding, (), archive)
        may_read = bool(rights & Right.READ_VALUE)
        reader = _Reader(self._form, holding, may_read)
        return Export(self._database, self._queries, actor, question, reader)


class Export:
    """One export."""

    def __init__(
        self,
        database: Database,
        queries: Queries,
        actor: Actor,
        question: Question,
        reader: _Reader,
    ) -> None:
        self._database = database
        self._queries = queries
        self._actor = actor
        self._question = question
        self._reader = reader

    async def parts(self) -> AsyncGenerator[list[Exported], None]:
        """The records in order, a bounded number of bytes at a time."""
        after: str | None = ""
        while after is not None:
            page = await self._queries.page(self._actor, self._question, after, PAGE)
            for entries in _parts(page.entries):
                async with self._database.connection() as connection:
                    part = await self._reader.read(connection, entries)
                yield part
            after = page.next


class _Reader:
    """Reads records with what one reader may see of them."""

    def __init__(self, form: Form, holding: Holding, may_read: bool) -> None:
        self._form = form
        self._holding = holding
        self._may_read = may_read

    async def read(self, connection: Connection, entries: Sequence[Entry]) -> list[Exported]:
        """Those records that are live by now."""
        suffixes = [entry.suffix for entry in entries]
        rows = await store.rows(connection, self._holding.prefix_id, suffixes)
        used = {row.template_id for row in rows.values() if row.template_id is not None}
        templates = {
            number: await self._form.shelf.current(connection, number) for number in sorted(used)
        }
        return [
            self._exported(rows[entry.suffix], entry.registered_at, templates)
            for entry in entries
            if rows[entry.suffix].live
        ]

    def _exported(
        self, row: Row, registered_at: datetime, templates: dict[int, Compiled]
    ) -> Exported:
        template = None if row.template_id is None else templates[row.template_id]
        as_stored = template is None and not (self._may_read and row.private)
        values: Iterable[Value] = ()
        if not as_stored:
            values = self._seen(self._form.whole(row, template, registered_at))
        return Exported(
            handle=f"{self._holding.prefix}/{row.spelling}",
            revision=row.revision,
            registered_at=registered_at,
            template=None if template is None else template.version,
            text=(row.public or "[]") if as_stored else None,
            values=tuple(values),
        )

    def _seen(self, values: Iterable[Value]) -> Iterator[Value]:
        listed = permission.readable(values) if self._may_read else _public(values)
        return (value for value in listed if value.index != TEMPLATE_INDEX)


def _public(values: Iterable[Value]) -> tuple[Value, ...]:
    return tuple(value for value in values if value.public)


def _parts(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Entries in parts, none of which has too many bytes unless a single one has."""
    part: list[Entry] = []
    size = 0
    for entry in entries:
        if part and (len(part) == PART_RECORDS or size + entry.size > PART_BYTES):
            yield part
            part, size = [], 0
        part.append(entry)
        size += entry.size
    if part:
        yield part
