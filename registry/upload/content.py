"""The rows of an uploaded file, from any place where one begins."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from registry.database import Database
from registry.table.dialect import Dialect, InvalidTable
from registry.table.row import Row, RowReader
from registry.upload.parts import Parts

SLICE = 256 * 1024  # bytes parsed without a pause


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row begins, and the number of the row before."""

    position: int
    number: int


class Content:
    """Reads on from one place."""

    def __init__(self, database: Database, parts: Parts, dialect: Dialect, place: Place) -> None:
        self._database = database
        self._parts = parts
        self._reader = RowReader(dialect, place.position, place.number)
        self._fetched = place.position
        self._data = b""
        self._rows: deque[Row] = deque()
        self._all_fed = False

    async def rows(self, limit: int) -> list[Row]:
        """The next rows, blank ones too; fewer than `limit` only at the end of the file."""
        while len(self._rows) < limit and not self._all_fed:
            await self._feed()
        return [self._rows.popleft() for _ in range(min(limit, len(self._rows)))]

    async def _feed(self) -> None:
        if not self._data:
            self._data = await self._parts.read(self._database, self._fetched)
            self._fetched += len(self._data)
        data, self._data = self._data[:SLICE], self._data[SLICE:]
        self._all_fed = not data
        self._rows.extend(await asyncio.to_thread(self._reader.feed, data, last=self._all_fed))


async def header(database: Database, parts: Parts, dialect: Dialect) -> tuple[list[str], Place]:
    """The cells of the first row that is not blank, and where the rows below it begin. Raises
    InvalidTable."""
    content = Content(database, parts, dialect, Place(dialect.start, 0))
    while rows := await content.rows(1):
        (row,) = rows
        if row.cells is None:
            raise InvalidTable(f"the header cannot be read: {row.trouble}", "header", row.number)
        if not row.blank:
            return row.cells, Place(row.end, row.number)
    raise InvalidTable("the file has no row", "empty-file")
