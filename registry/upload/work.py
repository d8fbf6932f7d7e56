"""Advancing uploads. The position of an upload is the byte at which its next row begins."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import msgspec

from registry.database import Connection, Database
from registry.errors import BiaoshiError, UnknownTemplate
from registry.job.admission import admit
from registry.job.job import Advance, Lease
from registry.job.ledger import Ledger
from registry.record.archive import Form
from registry.record.bulk import Bulk, Line, Refusal, Terms
from registry.record.registration import Method
from registry.record.shape import Shapes
from registry.record.value import normalise
from registry.table import sheet
from registry.table.column import Columns
from registry.table.dialect import Dialect, InvalidTable, recognise
from registry.table.row import Row
from registry.upload import store
from registry.upload.content import Content, Place, header
from registry.upload.parts import Parts
from registry.upload.upload import Upload

CHUNK = 10_000  # rows
MAX_NAMED = 255


@dataclass(slots=True)
class _Chunk:
    """Rows that will be committed together."""

    lines: list[Line] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)


class UploadWork:
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
        if upload.options.template is not None:
            raise UnknownTemplate("uploads take no template yet", field="template", rule="template")
        dialect = upload.dialect or await self._open_sheet(lease, upload, ledger, parts)
        names, place = await header(self._database, parts, dialect)
        columns = Columns(names, lease.prefix, upload.options.columns, None)
        if ledger.position:
            place = Place(ledger.position, ledger.line)
        content = Content(self._database, parts, dialect, place)
        terms = Terms(lease.actor, Method.UPLOAD, revive=upload.options.revive)
        while not ledger.finished:
            rows = await content.rows(self._chunk)
            finished = len(rows) < self._chunk
            if rows:
                place = Place(rows[-1].end, rows[-1].number)
            chunk = await asyncio.to_thread(self._read, columns, rows)
            await ledger.commit(partial(self._commit, lease, terms, chunk, place, finished))
            if await ledger.must_yield():
                return

    def _read(self, columns: Columns, rows: list[Row]) -> _Chunk:
        """Turn rows into lines. Whatever is wrong with one harms no other."""
        chunk = _Chunk()
        shapes = Shapes(self._now())
        for row in rows:
            if row.blank:
                continue
            chunk.numbers.append(row.number)
            try:
                chunk.lines.append(self._line(columns, shapes, row))
            except BiaoshiError as error:
                name = columns.spelling(row.cells or [""])
                refusal = Refusal(row.number, name[:MAX_NAMED], error.with_traceback(None))
                chunk.refusals.append(refusal)
        return chunk

    def _line(self, columns: Columns, shapes: Shapes, row: Row) -> Line:
        """Raises what is wrong with the row."""
        if row.cells is None:
            raise InvalidTable(row.trouble, "csv-syntax")
        entry = columns.entry(row.cells)
        public = shapes.write(entry.values)
        if public is not None:
            return self._bulk.line(row.number, entry.identifier, public)
        values = normalise(entry.values, now=self._now())
        return self._bulk.long_line(row.number, entry.identifier, values)

    async def _commit(
        self,
        lease: Lease,
        terms: Terms,
        chunk: _Chunk,
        place: Place,
        finished: bool,
        tx: Connection,
    ) -> Advance:
        await admit(tx, self._form, lease.actor, lease.prefix)
        tally = await self._bulk.commit_in(tx, terms, {lease.prefix: list(chunk.lines)})
        tally.refusals = sorted([*chunk.refusals, *tally.refusals], key=lambda one: one.number)
        return Advance(
            position=place.position,
            line=place.number,
            lines=chunk.numbers,
            tally=tally,
            finished=finished,
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
