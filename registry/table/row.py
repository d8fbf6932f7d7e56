"""Reading rows from bytes, so that it can begin anywhere between two rows.

A row counts from 1 as spreadsheets show it, blank ones too, whatever line ends stand within its
cells. One that cannot be read is told of and harms no other: reading goes on at the next line.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass

from registry.table.dialect import Dialect, InvalidTable

MAX_ROW = 1 << 20  # bytes
MAX_BROKEN = 10_000  # rows that cannot be read, before the file as a whole is none


@dataclass(frozen=True, slots=True)
class Row:
    """`end` is where the next row begins. One without cells could not be read."""

    number: int
    end: int
    cells: list[str] | None
    trouble: str = ""

    @property
    def blank(self) -> bool:
        return self.cells is not None and not any(self.cells)


class RowReader:
    """Takes a file's bytes in order, from a place where a row begins."""

    def __init__(self, dialect: Dialect, position: int, number: int) -> None:
        """`number` is that of the row before."""
        self._dialect = dialect
        self._position = position
        self._number = number
        self._rest = b""
        self._broken = 0
        self._skipping = False  # the rest of a line that is too long

    def feed(self, data: bytes, *, last: bool) -> list[Row]:
        """The rows that end in what was fed by now. Raises InvalidTable where too many are none."""
        self._rest += data
        rows: list[Row] = []
        if self._skipping and not self._skip():
            return rows
        while True:
            found = list(self._whole_rows(last))
            rows += found
            if not (last or found) and len(self._rest) > MAX_ROW:
                rows.append(self._cut())
                if self._skipping:
                    return rows
            elif last or len(self._rest) <= MAX_ROW:
                return rows

    def _whole_rows(self, last: bool) -> Iterator[Row]:
        """Rows that lie whole in the rest, which is then what they leave."""
        lines = _Lines(self._rest, self._dialect.encoding, last=last)
        cells = csv.reader(lines, delimiter=self._dialect.delimiter, strict=True)
        start = 0
        while True:
            lines.row_begins()
            try:
                row = self._row(next(cells), lines.taken - start)
            except StopIteration:
                break
            except (csv.Error, UnicodeDecodeError) as error:
                if lines.exhausted and not last and lines.taken - start <= MAX_ROW:
                    break  # the row may go on in what is yet to come
                row = self._unreadable(lines.retreat() - start, str(error))
            start = lines.taken
            yield row
        self._rest = self._rest[start:]

    def _row(self, cells: list[str], size: int) -> Row:
        self._number += 1
        self._position += size
        return Row(self._number, self._position, cells)

    def _unreadable(self, size: int, trouble: str) -> Row:
        self._broken += 1
        if self._broken > MAX_BROKEN:
            raise InvalidTable(
                f"more than {MAX_BROKEN} rows cannot be read, the last of them for: {trouble}",
                "csv-syntax",
                self._number,
            )
        self._number += 1
        self._position += size
        return Row(self._number, self._position, None, trouble)

    def _cut(self) -> Row:
        """A row that does not end within the limit: its first line is given up."""
        line, end, _ = self._rest.partition(b"\n")
        self._skipping = not end
        size = len(line) + len(end)
        self._rest = self._rest[size:]
        return self._unreadable(size, f"a row has at most {MAX_ROW} bytes")

    def _skip(self) -> bool:
        """Throw away the rest of a line; whether it has ended."""
        line, end, self._rest = self._rest.partition(b"\n")
        self._position += len(line) + len(end)
        self._skipping = not end
        return bool(end)


class _Lines:
    """The lines of a text for csv.reader, which takes no more of them than a row needs."""

    def __init__(self, data: bytes, encoding: str, *, last: bool) -> None:
        self._data = data
        self._encoding = encoding
        self._last = last
        self._first_end = 0  # of the first line of the present row
        self.taken = 0  # bytes
        self.exhausted = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        end = self._data.find(b"\n", self.taken) + 1
        if not end:
            end = len(self._data) if self._last else self.taken
        if end == self.taken:
            self.exhausted = True
            raise StopIteration
        line = self._data[self.taken : end]
        self.taken = end
        if not self._first_end:
            self._first_end = end
        return line.decode(self._encoding)

    def row_begins(self) -> None:
        self._first_end = 0

    def retreat(self) -> int:
        """Go back behind the first line of the row; how many bytes are taken then."""
        self.taken = self._first_end
        self.exhausted = False
        return self.taken
