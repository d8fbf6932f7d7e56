"""CSV files: a column with the identifier, the others become values.

| column | becomes |
|---|---|
| 标识后缀, suffix | the suffix under the prefix that was named |
| 标识, handle | the whole identifier |
| neither is there | the first column is the suffix, or the whole identifier without a prefix |
| 详情网址, url | the value of type URL at index 1 |
| any other, the first of them | the value of that type at index 2000, the next at 2001, … |

An empty cell becomes no value, and the others keep their indexes.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from node.cli.upload.line import InvalidFile, Line

SUFFIX_COLUMNS = ("标识后缀", "suffix")
HANDLE_COLUMNS = ("标识", "handle")
URL_COLUMNS = ("详情网址", "url")
URL_INDEX = 1
FIRST_INDEX = 2000  # where the items of a product begin, as the field numbers them

ENCODINGS = ("utf-8-sig", "gb18030")  # spreadsheets of this country write either
_WIDE = (b"\xff\xfe", b"\xfe\xff")
_BLOCK = 1 << 20


class Table:
    """A CSV file whose header was read."""

    def __init__(self, file: Path, prefix: str | None) -> None:
        """Raises InvalidFile, or OSError where it can't be read."""
        self._file = file
        self.prefix = prefix
        self._encoding = _encoding(file)
        header = next(self._rows(), None)
        if header is None:
            raise InvalidFile(file, "empty-file", "it is empty")
        self._columns = [name.strip() for name in header[1]]
        self._check_header(header[0])
        self._key, self.whole = self._find_key()

    @property
    def needs_prefix(self) -> bool:
        """Whether its first column says that it holds suffixes, and no prefix was named."""
        return self._columns[self._key].lower() in SUFFIX_COLUMNS and self.prefix is None

    def lines(self) -> Iterator[Line]:
        width = len(self._columns)
        rows = self._rows()
        next(rows)
        for number, row in rows:
            if len(row) != width:
                raise InvalidFile(
                    self._file,
                    "ragged-row",
                    f"{len(row)} cells, but the header has {width}",
                    number,
                )
            yield Line(number, {"handle": self._handle(row), "values": self._values(row)})

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """Rows that are not blank, with the number of the line each begins on."""
        with self._file.open(encoding=self._encoding, newline="") as stream:
            reader = csv.reader(stream, strict=True)
            begins = 1
            try:
                for row in reader:
                    if row:
                        yield begins, row
                    begins = reader.line_num + 1
            except csv.Error as error:
                raise InvalidFile(self._file, "csv-syntax", str(error), begins) from None

    def _check_header(self, number: int) -> None:
        names = [name.lower() for name in self._columns]
        if "" in names:
            place = names.index("") + 1
            raise InvalidFile(self._file, "header", f"column {place} has no name", number)
        for name in names:
            if names.count(name) > 1:
                raise InvalidFile(self._file, "header", f"two columns are named {name}", number)
        if not set(names) & {*SUFFIX_COLUMNS, *HANDLE_COLUMNS} and "/" in names[0]:
            raise InvalidFile(
                self._file,
                "header",
                "this is an identifier where the names of the columns belong",
                number,
            )

    def _find_key(self) -> tuple[int, bool]:
        """The identifier's column, and whether it holds whole identifiers."""
        for place, name in enumerate(self._columns):
            if name.lower() in SUFFIX_COLUMNS:
                return place, False
            if name.lower() in HANDLE_COLUMNS:
                return place, True
        return 0, False

    def _handle(self, row: list[str]) -> str:
        text = row[self._key]
        if self.whole or self.prefix is None or text.startswith(f"{self.prefix}/"):
            return text
        return f"{self.prefix}/{text}"

    def _values(self, row: list[str]) -> list[dict[str, Any]]:
        values = []
        index = FIRST_INDEX
        for place, (name, text) in enumerate(zip(self._columns, row, strict=True)):
            if place == self._key:
                continue
            if name.lower() in URL_COLUMNS:
                at, kind = URL_INDEX, "URL"
            else:
                at, kind = index, name
                index += 1
            if text:
                values.append({"index": at, "type": kind, "data": text})
        return values


def _encoding(file: Path) -> str:
    """The encoding in which the whole file can be read."""
    broken = 0
    for encoding in ENCODINGS:
        line = _broken_line(file, encoding)
        if line is None:
            return encoding
        broken = broken or line
    raise InvalidFile(file, "encoding", "neither UTF-8 nor GB 18030", broken)


def _broken_line(file: Path, encoding: str) -> int | None:
    """The first line that is not in the encoding; None where all are."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    with file.open("rb") as stream:
        if stream.read(2) in _WIDE:
            raise InvalidFile(file, "encoding", "this is UTF-16: save it as CSV in UTF-8")
        stream.seek(0)
        try:
            while block := stream.readline(_BLOCK):
                if b"\0" in block:
                    raise InvalidFile(file, "encoding", "it holds a NUL: this is no text", line)
                decoder.decode(block)
                line += block.endswith(b"\n")
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return line
    return None
