"""Rows from bytes: the same whatever pieces they come in, and from wherever reading begins."""

from __future__ import annotations

import csv
import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.table.dialect import Dialect, InvalidTable
from registry.table.row import MAX_BROKEN, MAX_ROW, Row, RowReader


def read(data: bytes, size: int = 1 << 30, *, place: tuple[int, int] = (0, 0), encoding="utf-8"):
    """All rows of a text that comes in pieces of a size."""
    reader = RowReader(Dialect(encoding, ",", 0, 0), *place)
    rows: list[Row] = []
    for at in range(place[0], len(data), size):
        rows += reader.feed(data[at : at + size], last=False)
    return rows + reader.feed(b"", last=True)


def cells(rows):
    return [row.cells for row in rows]


def test_rows_and_where_they_end():
    data = '后缀,b\r\n1,2\r\n\r\n"x\ny",3'.encode()
    rows = read(data)
    assert cells(rows) == [["后缀", "b"], ["1", "2"], [], ["x\ny", "3"]]
    assert [row.number for row in rows] == [1, 2, 3, 4]
    assert [row.end for row in rows] == [10, 15, 17, len(data)]
    assert [row.blank for row in rows] == [False, False, True, False]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_pieces_change_nothing(size, encoding):
    text = '后缀,名称\n1,"灯\r\n""具"""\n,\n2,𠮷\n3,"a,b"\nlast,行'
    data = text.encode(encoding)
    whole = read(data, encoding=encoding)
    assert read(data, size, encoding=encoding) == whole
    assert whole[1].cells == ["1", '灯\r\n"具"']
    assert whole[2].blank


TABLES = st.lists(
    st.lists(st.text(alphabet='a灯,;" \n\r', max_size=6), min_size=1, max_size=4), max_size=8
)


@given(TABLES, st.integers(1, 40))
def test_what_csv_writes_is_read_from_anywhere(rows, size):
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows(rows)
    data = stream.getvalue().encode()
    found = read(data, size)
    assert cells(found) == [
        list(row) for row in csv.reader(io.StringIO(stream.getvalue(), newline=""))
    ]
    for place, row in enumerate(found):
        assert read(data, size, place=(row.end, row.number)) == found[place + 1 :]


@pytest.mark.parametrize("size", [5, 1 << 20])
def test_a_row_that_cannot_be_read_harms_no_neighbour(size):
    data = b'a,b\n1,"x"y\n2,ok\n3,"open\n4,ok\n5,ok\n'
    rows = read(data, size)
    assert cells(rows) == [["a", "b"], None, ["2", "ok"], None, ["4", "ok"], ["5", "ok"]]
    assert [row.number for row in rows] == [1, 2, 3, 4, 5, 6]
    assert rows[-1].end == len(data)
    assert "expected after" in rows[1].trouble


def test_a_quotation_mark_left_open_takes_no_more_than_its_line():
    data = b'1,"open\n' + b"2,ok\n" * 100_000
    rows = read(data, 64 * 1024)
    assert rows[0].cells is None
    assert len(rows) == 100_001
    assert all(row.cells == ["2", "ok"] for row in rows[1:])


@pytest.mark.parametrize("size", [4096, 100_000, 1 << 30])
def test_a_huge_line_is_one_row(size):
    data = b"1,ok\n" + b"x" * (3 * MAX_ROW) + b"\n2,ok\n"
    rows = read(data, size)
    assert cells(rows) == [["1", "ok"], None, ["2", "ok"]]
    assert [row.number for row in rows] == [1, 2, 3]
    assert rows[-1].end == len(data)


def test_a_huge_last_line_ends_too():
    rows = read(b"1,ok\n" + b"x" * (2 * MAX_ROW), 4096)
    assert cells(rows) == [["1", "ok"], None]


def test_what_is_no_table_at_all_is_given_up():
    with pytest.raises(InvalidTable, match="cannot be read") as raised:
        read(b'"x"y\n' * (MAX_BROKEN + 1))
    assert raised.value.rule == "csv-syntax"


def test_any_bytes_are_read_to_the_end():
    chance = random.Random(7)
    for _ in range(300):
        data = bytes(chance.choice(b'a,"\n\r;\xe7\x81\xaf\x80') for _ in range(60))
        rows = read(data, chance.randint(1, 20), encoding="gb18030")
        assert rows == read(data, encoding="gb18030")
        assert [row.number for row in rows] == list(range(1, len(rows) + 1))
        if rows:
            assert rows[-1].end == len(data)
