"""What is uploaded: a file and how it is to be read."""

from __future__ import annotations

from typing import BinaryIO, Literal

import msgspec

from registry.table.column import ColumnWish
from registry.table.dialect import Dialect, InvalidTable, recognise
from registry.table.sheet import MAGIC, OLD_MAGIC


class UploadOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to read a file. Whatever is left out is found out."""

    columns: dict[str, ColumnWish] | None = None  # by the names in the header
    template: str | None = None  # the version of one of the prefix's data templates
    sheet: str | None = None  # of a workbook; default the first
    encoding: Literal["utf-8", "gb18030"] | None = None
    delimiter: Literal[",", ";", "\t"] | None = None
    revive: bool = False  # bring withdrawn identifiers back


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A file of which is known how to read it; a workbook's sheet is opened by the job."""

    options: UploadOptions
    size: int  # bytes
    dialect: Dialect | None  # None: still a workbook

    @property
    def estimate(self) -> int:
        """How many rows there may be below the header."""
        return max(self.dialect.lines - 1, 1) if self.dialect else 0


def examine(file: BinaryIO, options: UploadOptions) -> Upload:
    """Look through a whole file. Raises InvalidTable where no row of it could be read."""
    size = file.seek(0, 2)
    file.seek(0)
    magic = file.read(4)
    if magic == OLD_MAGIC:
        raise InvalidTable(
            "this is an old workbook, or one with a password: save it as XLSX without one, or as "
            "CSV",
            "file-kind",
        )
    if magic == MAGIC:
        return Upload(options=options, size=size, dialect=None)
    dialect = recognise(file, options.encoding, options.delimiter)
    return Upload(options=options, size=size, dialect=dialect)
