"""Sheets of workbooks: cells become text sensibly, and no workbook takes the node down."""

from __future__ import annotations

import asyncio
import io
import tempfile
import zipfile
from pathlib import Path

import pytest

from registry.table import sheet as sheets
from registry.table.dialect import InvalidTable
from tests.registry.table.workbook import sheet, workbook

FAR = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    '<row r="1"><c r="A1"><v>1</v></c></row>'
    '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>'
)


async def opened(data: bytes, name: str | None = None) -> str:
    with tempfile.TemporaryFile() as packed, tempfile.TemporaryFile() as output:
        packed.write(data)
        await sheets.convert(packed, output, name)
        output.seek(0)
        return output.read().decode()


async def rows(data: bytes, name: str | None = None) -> list[str]:
    return (await opened(data, name)).split("\r\n")[:-1]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("00123", "00123"),
        ("灯具", "灯具"),
        ("a,b", '"a,b"'),
        ("line\nbreak", '"line\nbreak"'),
        (123, "123"),
        (123.0, "123"),
        ("123.0", "123.0"),
        (0.1, "0.1"),
        (-2.5, "-2.5"),
        (1e-7, "0.0000001"),
        (999999999999999, "999999999999999"),
        (12345678901234567890, "1.23456789012346E+19"),
        (b'<c r="A2" t="b"><v>1</v></c>', "TRUE"),
        (b'<c r="A2"><f>1+1</f><v>2</v></c>', "2"),
        (b'<c r="A2" t="str"><f>"S"&amp;1</f><v>S1</v></c>', "S1"),
        (b'<c r="A2" t="e"><v>#N/A</v></c>', ""),
        ((46083, 1), "2026-03-02"),
        ((46083.333333333336, 2), "2026-03-02T08:00:00+08:00"),
    ],
)
async def test_cells_become_text(value, text):
    assert await rows(workbook(One=sheet([["suffix", "x"], [value, "x"]]))) == [
        "suffix,x",
        f"{text},x",
    ]


async def test_rows_keep_their_numbers():
    data = workbook(One=sheet([["a"], [], [None], ["b"]], first=3))
    assert await rows(data) == ["", "", "a", "", "", "b"]


async def test_the_first_sheet_or_the_one_named():
    data = workbook(One=sheet([["a"]]), 二=sheet([["b"]]))
    assert await rows(data) == ["a"]
    assert await rows(data, "二") == ["b"]


@pytest.mark.parametrize(
    ("data", "name", "rule"),
    [
        (workbook(One=sheet([["a"]])), "Two", "sheet-name"),
        (workbook(One=sheet([])), None, "empty-file"),
        (workbook(One="<worksheet"), None, "file-kind"),
        (workbook(One=FAR), None, "sheet-size"),
        (b"PK\x03\x04 and then something else", None, "file-kind"),
        (workbook(One=sheet([["a"]]))[:-30], None, "file-kind"),
    ],
)
async def test_workbooks_that_cannot_be_opened(data, name, rule):
    with pytest.raises(InvalidTable) as raised:
        await opened(data, name)
    assert raised.value.rule == rule


async def test_a_package_of_something_else():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as package:
        package.writestr("readme.txt", "no workbook")
    with pytest.raises(InvalidTable, match="no XLSX"):
        await opened(packed.getvalue())


@pytest.fixture
def bounded(monkeypatch):
    """Opens workbooks within other bounds: `bounded("MAX_OUTPUT", 1000)`."""
    original = asyncio.create_subprocess_exec

    def bound(name: str, most: int) -> None:
        async def start(program, *words, **options):
            run = (
                f"import sys; from registry.table import sheet; sheet.{name} = {most}; "
                f"sys.exit(sheet.main({list(words[2:])!r}))"
            )
            return await original(program, "-c", run, **options)

        monkeypatch.setattr(asyncio, "create_subprocess_exec", start)

    return bound


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("MAX_UNPACKED", 1_000_000),
        ("MAX_MEMBERS", 3),
        ("MAX_OUTPUT", 1 << 20),
        ("MAX_MEMORY", 50 << 20),
        ("MAX_SECONDS", 0),
    ],
)
async def test_a_workbook_that_takes_more_than_its_bounds(bounded, name, most):
    """Whatever it says of itself, the process has its bounds; the node goes on."""
    data = workbook(One=sheet([["x" * 30_000] for _ in range(1000)]))
    assert len(data) < 300_000
    assert len(await opened(data)) == 1000 * 30_002
    bounded(name, most)
    with pytest.raises(InvalidTable) as raised:
        await opened(data)
    assert raised.value.rule == "sheet-size"


async def test_cancelling_ends_the_process():
    data = workbook(One=sheet([["a" * 50, number] for number in range(60_000)]))
    task = asyncio.create_task(opened(data))
    children: list[str] = []
    async with asyncio.timeout(60):
        while not children:
            await asyncio.sleep(0.01)
            children = _children()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not any(_command(pid) for pid in children)


async def test_the_other_process_knows_no_secret(monkeypatch):
    monkeypatch.setenv("BIAOSHI_DATABASE_URL", "postgresql://secret")
    assert "secret" not in "".join(sheets._environment().values())


def _children() -> list[str]:
    tasks = Path("/proc/self/task").iterdir()
    found = [pid for task in tasks for pid in (task / "children").read_text().split()]
    return [pid for pid in found if "registry.table.sheet" in _command(pid)]


def _command(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode()
    except OSError:
        return ""
