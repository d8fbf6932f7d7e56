"""Advancing uploads. The position of an upload is the byte at which its next row begins."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import msgspec

from registry.database import Connection, Database
from registry.errors import BiaoshiError, UnknownTemplate
from registry.job.admission import admit
from registry.job.job import Advance, Lease
from registry.job.ledger import Ledger
from registry.job.report import Named
from registry.job.store import Source
from registry.record import templated
from registry.record.archive import Form
from registry.record.bulk import Bulk, Line, Refusal, Terms
from registry.record.registration import Method, Registration
from registry.record.shape import Shapes
from registry.record.templated import Numbered
from registry.record.value import normalise
from registry.table import sheet
from registry.table.column import Columns, Entry, Key, names_of
from registry.table.dialect import Dialect, InvalidTable, recognise
from registry.table.row import Row
from registry.template.compiled import Compiled
from registry.upload import store
from registry.upload.content import Content, Place, header
from registry.upload.parts import Parts
from registry.upload.upload import Upload

CHUNK = 2_500  # rows
MAX_NAMED = 255


@dataclass(slots=True)
class _Chunk:
    """Rows that will be committed together, and where the next one begins."""

    place: Place
    last: bool  # whether no row follows
    lines: list[Line] = field(default_factory=list)
    templated: list[Numbered] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)


class UploadWork:
    """Reads a file's rows and registers them, some thousands in a transaction."""

    def __init__(
        self,
        database: Database,
        bulk: Bulk,
        form: Form,
        now: Callable[[], datetime],
        *,
        chunk: int = CHUNK,
    ) -> None:
        self._database = database
        self._bulk = bulk
        self._form = form
        self._now = now
        self._chunk = chunk

    async def run(self, lease: Lease, ledger: Ledger) -> None:
        """Register row after row until the file is done, or the job must wait for others."""
        parts = Parts(self._form.sealing, lease.job_id)
        upload = msgspec.json.decode(lease.parameters, type=Upload)
        dialect = upload.dialect or await self._open_sheet(lease, upload, ledger, parts)
        names, place = await header(self._database, parts, dialect)
        template = await self._template(lease, upload)
        items = template.named if template else None
        columns = Columns(names, lease.prefix, upload.options.columns, items)
        if ledger.position:
            place = Place(ledger.position, ledger.line)
        content = Content(self._database, parts, dialect, place)
        terms = Terms(lease.actor, Method.UPLOAD, revive=upload.options.revive)
        while not ledger.finished:
            rows = await content.rows(self._chunk)
            if rows:
                place = Place(rows[-1].end, rows[-1].number)
            chunk = _Chunk(place, last=len(rows) < self._chunk)
            template = await self._template(lease, upload)  # its rules may change meanwhile
            await asyncio.to_thread(self._read, rows, columns, template, chunk)
            await ledger.commit(partial(self._commit, lease, terms, chunk))
            if await ledger.must_yield():
                return

    async def names(self, source: Source) -> AsyncIterator[list[Named]]:
        """What the rows of an upload name, in their order, some at a time."""
        upload = msgspec.json.decode(source.parameters, type=Upload)
        if upload.dialect is None:
            return  # nothing of it was judged yet
        parts = Parts(self._form.sealing, source.job_id)
        names, place = await header(self._database, parts, upload.dialect)
        key = Key(names_of(names), source.prefix, upload.options.columns)
        content = Content(self._database, parts, upload.dialect, place)
        while rows := await content.rows(self._chunk):
            yield [Named(row.number, _name(key, row)) for row in rows if not row.blank]

    async def _template(self, lease: Lease, upload: Upload) -> Compiled | None:
        """Raises UnknownTemplate."""
        version = upload.options.template
        if version is None:
            return None
        async with self._database.connection() as connection:
            template = await self._form.shelf.named(connection, lease.prefix, version)
        if template is None:
            raise UnknownTemplate(
                f"{lease.prefix} has no template {version[:MAX_NAMED]!r}",
                field="template",
                rule="unknown-template",
            )
        return template

    def _read(
        self, rows: list[Row], columns: Columns, template: Compiled | None, chunk: _Chunk
    ) -> None:
        """Turn rows into lines. Whatever is wrong with one harms no other."""
        shapes = Shapes(self._now())
        for row in rows:
            if row.blank:
                continue
            chunk.numbers.append(row.number)
            try:
                if row.cells is None:
                    raise InvalidTable(row.trouble, "csv-syntax")
                entry = columns.entry(row.cells)
                if template is None:
                    chunk.lines.append(self._line(row.number, entry, shapes))
                else:
                    chunk.templated.append(self._templated(row.number, entry, template))
            except BiaoshiError as error:
                refusal = Refusal(row.number, _name(columns.key, row), error.with_traceback(None))
                chunk.refusals.append(refusal)

    def _line(self, number: int, entry: Entry, shapes: Shapes) -> Line:
        public = shapes.write(entry.values)
        if public is not None:
            return self._bulk.line(number, entry.identifier, public)
        values = normalise(entry.values, now=self._now())
        return self._bulk.long_line(number, entry.identifier, values)

    def _templated(self, number: int, entry: Entry, template: Compiled) -> Numbered:
        beside = normalise(entry.values, now=self._now())
        values = template.values_of(entry.attributes, beside=beside)
        return Numbered(number, Registration(entry.identifier, values, template.template_id))

    async def _commit(self, lease: Lease, terms: Terms, chunk: _Chunk, tx: Connection) -> Advance:
        await admit(tx, self._form, lease.actor, lease.prefix)
        if chunk.templated:
            tally = await templated.register(tx, self._form, terms, chunk.templated)
        else:
            tally = await self._bulk.commit_in(tx, terms, {lease.prefix: chunk.lines})
        tally.refusals = sorted([*chunk.refusals, *tally.refusals], key=lambda one: one.number)
        return Advance(
            position=chunk.place.position,
            line=chunk.place.number,
            lines=chunk.numbers,
            tally=tally,
            finished=chunk.last,
        )

    async def _open_sheet(
        self, lease: Lease, upload: Upload, ledger: Ledger, parts: Parts
    ) -> Dialect:
        """Put CSV in the place of a workbook, so that any worker can go on with it anywhere."""
        with tempfile.TemporaryFile() as workbook, tempfile.TemporaryFile() as table:
            await parts.copy(self._database, workbook)
            await sheet.convert(workbook, table, upload.options.sheet)
            dialect = await asyncio.to_thread(recognise, table, "utf-8", ",")
            opened = msgspec.structs.replace(upload, dialect=dialect)

            async def exchange(tx: Connection) -> None:
                await parts.write(tx, table)
                parameters = msgspec.json.encode(opened)
                await store.redefine(tx, lease.job_id, parameters, opened.estimate)

            await ledger.exchange(exchange)
        return dialect


def _name(key: Key, row: Row) -> str:
    """What a row names, as far as it can be shown."""
    return key.spelling(row.cells or [""])[:MAX_NAMED]
