"""A sheet of an XLSX workbook becomes CSV, in a process of its own with bounds on memory, time and
output: a file of a few kilobytes can hold a sheet of many gigabytes.

Cells are what the workbook last calculated. Numbers without a fraction are written without one,
so 123.0 is 123; longer ones than a spreadsheet can hold look as it shows them, 1.23E+18, since it
has lost their last digits. Texts stay as they are, 00123 too. A day is 2026-03-02, a time on it
2026-03-02T08:00:00+08:00: spreadsheets know no zone, and these are written in Beijing time.
"""

from __future__ import annotations

import asyncio
import csv
import json
import os
import resource
import sys
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

from python_calamine import CalamineError, CalamineWorkbook

from registry.table.dialect import InvalidTable

MAGIC = b"PK\x03\x04"
OLD_MAGIC = b"\xd0\xcf\x11\xe0"  # XLS, and XLSX with a password

MAX_MEMBERS = 10_000
MAX_UNPACKED = 2 << 30  # bytes
MAX_MEMORY = 2 << 30
MAX_OUTPUT = 1 << 30
MAX_SECONDS = 600  # of computing
NICE = 10
EXACT = 10**15  # spreadsheets hold 15 digits
REFUSED = 3  # exit status

Cell = str | int | float | bool | time | date | datetime | timedelta


async def convert(workbook: IO[bytes], output: IO[bytes], sheet: str | None) -> None:
    """Write a sheet, the first one unless named, as CSV in UTF-8. The files need no name: a killed
    process leaves none behind. Raises InvalidTable. Cancelled, it ends the other process."""
    workbook.flush()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        f"/dev/fd/{workbook.fileno()}",
        f"/dev/fd/{output.fileno()}",
        *([] if sheet is None else [sheet]),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        pass_fds=(workbook.fileno(), output.fileno()),
        env=_environment(),
    )
    try:
        told, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode == REFUSED:
        refusal = json.loads(told)
        raise InvalidTable(refusal["detail"], refusal["rule"])
    if process.returncode != 0:
        raise InvalidTable("the sheet is too large to be opened: save it as CSV", "sheet-size")


def _environment() -> dict[str, str]:
    """Nothing of ours but where the program is: the settings hold secrets."""
    return {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUTF8": "1", "PATH": os.defpath}


def main(arguments: list[str]) -> int:
    workbook, output, *sheet = arguments
    _bound()
    try:
        _check_package(workbook)
        with Path(output).open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            for row in _rows(workbook, sheet[0] if sheet else None):
                writer.writerow(row)
    except InvalidTable as error:
        print(json.dumps({"detail": error.detail, "rule": error.rule}))
        return REFUSED
    return 0


def _check_package(workbook: str) -> None:
    """Look at the table of contents before anything is unpacked."""
    try:
        with zipfile.ZipFile(workbook) as package:
            members = package.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise InvalidTable(f"this is no XLSX workbook: {error}", "file-kind") from None
    if not any(member.filename.lower() == "xl/workbook.xml" for member in members):
        raise InvalidTable("this is no XLSX workbook", "file-kind")
    unpacked = sum(member.file_size for member in members)
    if len(members) > MAX_MEMBERS or unpacked > MAX_UNPACKED:
        raise InvalidTable(
            f"unpacked this workbook has {unpacked} bytes; at most {MAX_UNPACKED} are opened",
            "sheet-size",
        )


def _bound() -> None:
    """Before anything is read: even a table of contents can be made to take gigabytes."""
    for limit, most in (
        (resource.RLIMIT_AS, MAX_MEMORY),
        (resource.RLIMIT_CPU, MAX_SECONDS),
        (resource.RLIMIT_FSIZE, MAX_OUTPUT),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))
    os.nice(NICE)
    # Where memory runs out the kernel ends this process, not the node.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _rows(workbook: str, name: str | None) -> Iterator[list[str]]:
    """The rows, from the first of the sheet on. Blank ones are empty."""
    try:
        with CalamineWorkbook.from_path(workbook) as opened:
            if name is not None and name not in opened.sheet_names:
                raise InvalidTable(f"the workbook has no sheet {name}", "sheet-name")
            sheet = opened.get_sheet_by_index(0) if name is None else opened.get_sheet_by_name(name)
            if sheet.start is None:
                raise InvalidTable("the sheet is empty", "empty-file")
            for cells in sheet.iter_rows():
                row = [_text(cell) for cell in cells]
                yield row if any(row) else []
    except CalamineError as error:
        raise InvalidTable(f"this workbook cannot be opened: {error}", "file-kind") from None


def _text(cell: Any) -> str:
    match cell:
        case str():
            return cell
        case bool():
            return "TRUE" if cell else "FALSE"
        case float() if abs(cell) >= EXACT:
            return f"{cell:.14E}"
        case float() if cell.is_integer():
            return str(int(cell))
        case float():
            return format(Decimal(repr(cell)), "f")
        case datetime() if cell.time() == time():
            return cell.date().isoformat()
        case datetime():
            return f"{cell.isoformat(timespec='seconds')}+08:00"
        case time():
            return cell.isoformat(timespec="seconds")
        case date():
            return cell.isoformat()
        case _:
            return str(cell)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
