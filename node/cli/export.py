"""`biaoshi export`: all records of a prefix into a file."""

from __future__ import annotations

import csv
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from node.cli.access import USUAL, Access
from node.cli.option import flag
from node.cli.register import own_prefix
from node.cli.terminal import console
from node.v1.export_end import End
from node.v1.exports import END
from registry.errors import Unavailable

TAIL = 4096  # bytes at the end of a file, in which its last line stands


class ExportBroken(Unavailable):
    kind = "export-broken"
    title = "The export is not whole"


class Format(StrEnum):
    NDJSON = "ndjson"
    CSV = "csv"


def add_to(app: App) -> None:
    app.command(export)


async def export(
    file: Annotated[
        Path | None, Parameter(help="Where to write. Default: the prefix and the format's ending.")
    ] = None,
    /,
    *,
    prefix: Annotated[
        str | None, Parameter(help="Default: the enterprise's own, if it has just one.")
    ] = None,
    form: Annotated[
        Format | None, Parameter(name="--format", help="Default: by the file's ending, or NDJSON.")
    ] = None,
    dates: Annotated[
        bool, flag("With the time of each registration (NDJSON), as `biaoshi import` takes them.")
    ] = False,
    access: Access = USUAL,
) -> None:
    """Export all live records of a prefix.

    NDJSON can be registered again with `biaoshi register`; CSV opens in a spreadsheet, a row to a
    value. The file appears when it is whole: an export that breaks off leaves none. It holds the
    private values that the key may see.
    """
    form = form or _by_ending(file)
    async with access.as_("enterprise") as client:
        prefix = prefix or await own_prefix(client)
        target = file or Path(f"{prefix}.{form}")
        query = "?dates=true" if dates and form is Format.NDJSON else ""
        part = target.with_name(f"{target.name}.part")
        try:
            _reserve(part)
            await client.download(f"/v1/prefixes/{prefix}/identifiers.{form}{query}", part)
            count = _count(part, form)
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)
    console().print(f"已导出 {count:,} 个标识 identifiers exported to {target}", soft_wrap=True)


def _by_ending(file: Path | None) -> Format:
    return Format.CSV if file is not None and file.suffix.lower() == ".csv" else Format.NDJSON


def _reserve(part: Path) -> None:
    """An empty file that nobody else may read: it may hold secrets."""
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _count(part: Path, form: Format) -> int:
    """How many identifiers the last line tells. Raises ExportBroken unless the export is whole."""
    last = _last_line(part)
    told = _end(last) if form is Format.NDJSON else _last_row(last.decode("utf-8", "replace"))
    if told is None or not told.complete:
        why = told.problem.detail if told and told.problem else "its last line is missing"
        raise ExportBroken(f"the export broke off: {why}. Give the same command again")
    return told.identifiers


def _end(line: bytes) -> End | None:
    try:
        return msgspec.json.decode(line, type=End)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _last_row(line: str) -> End | None:
    row = next(csv.reader([line]), [])
    if len(row) < 2 or not row[1].isdecimal():
        return None
    return End(int(row[1]), complete=row[0] == END)


def _last_line(part: Path) -> bytes:
    with part.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - TAIL))
        lines = stream.read().rstrip(b"\r\n").split(b"\n")
    return lines[-1].strip()
