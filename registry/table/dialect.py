"""How a text file of rows is written: its encoding, and what separates its cells."""

from __future__ import annotations

import codecs
import csv
from typing import BinaryIO

import msgspec

from registry.errors import InvalidInput

ENCODINGS = ("utf-8", "gb18030")  # spreadsheets of this country write either
DELIMITERS = (",", ";", "\t")
BLOCK = 1 << 20  # bytes
SAMPLE_ROWS = 50

_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class InvalidTable(InvalidInput):
    kind = "invalid-table"
    title = "The file cannot be read as a table of registrations"

    def __init__(self, detail: str, rule: str, line: int | None = None) -> None:
        place = f"line {line}: " if line else ""
        super().__init__(f"{place}{detail}", field="file", rule=rule)


class Dialect(msgspec.Struct, frozen=True):
    """`start` is where the first row begins, `lines` how many line ends there are."""

    encoding: str
    delimiter: str
    start: int
    lines: int


def recognise(file: BinaryIO, encoding: str | None, delimiter: str | None) -> Dialect:
    """The dialect of a file that can be read in it from end to end. What is given is not guessed.
    Raises InvalidTable."""
    file.seek(0)
    head = file.read(BLOCK)
    if head.startswith(_WIDE):
        raise InvalidTable("this is UTF-16: save it as CSV in UTF-8", "encoding")
    if not head.strip():
        raise InvalidTable("the file is empty", "empty-file")
    start = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
    found = _encoding(file, start, ENCODINGS if encoding is None else (encoding,))
    lines = _line_ends(file)
    text = head[start:].decode(found, "ignore")
    return Dialect(found, _delimiter(text) if delimiter is None else delimiter, start, lines)


def _encoding(file: BinaryIO, start: int, candidates: tuple[str, ...]) -> str:
    broken = 0
    for encoding in candidates:
        line = _broken_line(file, start, encoding)
        if line is None:
            return encoding
        broken = broken or line
    names = " nor ".join(candidates)
    raise InvalidTable(
        f"this is neither {names}" if candidates[1:] else f"not {names}", "encoding", broken
    )


def _broken_line(file: BinaryIO, start: int, encoding: str) -> int | None:
    """The first line that is not in the encoding; None where all are."""
    decoder = codecs.getincrementaldecoder(encoding)()
    file.seek(start)
    line = 1
    block = b""
    try:
        while block := file.read(BLOCK):
            if b"\0" in block:
                raise InvalidTable("the file holds a NUL: this is no text", "encoding")
            decoder.decode(block)
            line += block.count(b"\n")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        # What the decoder had kept of the block before holds no line end.
        return line + error.object[: error.start].count(b"\n")
    return None


def _line_ends(file: BinaryIO) -> int:
    file.seek(0)
    ends = returns = 0
    while block := file.read(BLOCK):
        ends += block.count(b"\n")
        returns += block.count(b"\r")
    if returns and not ends:
        raise InvalidTable(
            "lines end in CR alone, as on very old computers: save the file anew", "line-ends"
        )
    return ends


def _delimiter(text: str) -> str:
    """What parts the first rows into as many cells as possible, the same number in each; or else
    what stands most often in the header."""
    sample = text.split("\n")[: SAMPLE_ROWS + 1]
    if len(sample) > 1:
        sample.pop()  # it may be cut off
    even = {mark: _even_width(sample, mark) for mark in DELIMITERS}
    best = max(DELIMITERS, key=lambda mark: even[mark])
    if even[best] > 1:
        return best
    header = next((line for line in sample if line.strip()), "")
    return max(DELIMITERS, key=header.count)


def _even_width(sample: list[str], delimiter: str) -> int:
    """How many cells every row has; 0 where they differ or cannot be read."""
    rows = csv.reader((line + "\n" for line in sample), delimiter=delimiter)
    try:
        widths = {len(row) for row in rows if row}
    except csv.Error:
        return 0
    return widths.pop() if len(widths) == 1 else 0
