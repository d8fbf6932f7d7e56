"""CSV files as registrations."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import pytest

from node.cli.upload.line import InvalidFile
from node.cli.upload.table import Table


def read(tmp_path: Path, content: str | bytes, prefix: str | None = "88.118.1") -> Table:
    file = tmp_path / "up.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return Table(file, prefix)


def refusal(tmp_path: Path, content: str | bytes) -> str:
    with pytest.raises(InvalidFile) as refused:
        list(read(tmp_path, content).lines())
    return f"{refused.value.rule}: {refused.value.detail}"


def test_columns_become_values(tmp_path: Path) -> None:
    text = "标识后缀,产品名称,详情网址,批次\nSN-1,灯,https://e/1,B1\nSN-2,,,B2\n"
    first, second = read(tmp_path, text).lines()
    assert (first.number, first.handle) == (2, "88.118.1/SN-1")
    assert first.item["values"] == [
        {"index": 2000, "type": "产品名称", "data": "灯"},
        {"index": 1, "type": "URL", "data": "https://e/1"},
        {"index": 2001, "type": "批次", "data": "B1"},
    ]
    assert second.item["values"] == [{"index": 2001, "type": "批次", "data": "B2"}]


def test_whole_handles_stay_whole(tmp_path: Path) -> None:
    (line,) = read(tmp_path, "name,handle\nx,88.118.2/A/B\n").lines()
    assert line.handle == "88.118.2/A/B"


def test_a_suffix_with_its_prefix_gets_no_second_one(tmp_path: Path) -> None:
    (line,) = read(tmp_path, "suffix\n88.118.1/A\n").lines()
    assert line.handle == "88.118.1/A"


def test_the_first_column_is_the_identifier_where_none_says_so(tmp_path: Path) -> None:
    (suffix,) = read(tmp_path, "code,name\nA,x\n").lines()
    assert suffix.handle == "88.118.1/A"
    (whole,) = read(tmp_path, "code,name\n88.118.3/A,x\n", None).lines()
    assert whole.handle == "88.118.3/A"


def test_only_suffixes_need_a_prefix(tmp_path: Path) -> None:
    assert read(tmp_path, "suffix\nA\n", None).needs_prefix
    assert not read(tmp_path, "handle\nA\n", None).needs_prefix


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk"])
def test_the_encodings_of_spreadsheets(tmp_path: Path, encoding: str) -> None:
    (line,) = read(tmp_path, "标识后缀,产品名称\r\nA,灯具\r\n".encode(encoding)).lines()
    assert line.item["values"] == [{"index": 2000, "type": "产品名称", "data": "灯具"}]


def test_lines_are_counted_as_editors_do(tmp_path: Path) -> None:
    lines = list(read(tmp_path, 'suffix,note\nA,"two\nlines"\n\nB,x\n').lines())
    assert [line.number for line in lines] == [2, 5]


def test_the_shipped_products_can_be_read() -> None:
    with as_file(files("node.demo").joinpath("products.csv")) as file:
        lines = list(Table(file, "88.118.1").lines())
    assert len(lines) == 1000
    assert lines[-1].number == 1001


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "empty-file: up.csv: it is empty"),
        ("\n\n", "empty-file: up.csv: it is empty"),
        ("suffix,a\nA,1\nB\n", "ragged-row: up.csv, line 3: 1 cells, but the header has 2"),
        ('suffix,a\nA,"1\n', "csv-syntax: up.csv, line 2: "),
        ("suffix,\nA,1\n", "header: up.csv, line 1: column 2 has no name"),
        ("suffix,a,A\nA,1,2\n", "header: up.csv, line 1: two columns are named a"),
        ("88.118.1/A,灯\n88.118.1/B,灯\n", "header: up.csv, line 1: this is an identifier"),
        (b"suffix,a\nA,1\nB,\xff\xff\n", "encoding: up.csv, line 3: neither UTF-8 nor GB 18030"),
        ("suffix\nA\n".encode("utf-16"), "encoding: up.csv: this is UTF-16"),
        (b"suffix\nA\0B\n", "encoding: up.csv, line 2: it holds a NUL"),
    ],
)
def test_a_broken_form_is_told_with_its_line(
    tmp_path: Path, content: str | bytes, told: str
) -> None:
    assert refusal(tmp_path, content).startswith(told)
