"""Encoding and separator of a file."""

from __future__ import annotations

import io

import pytest

from registry.table.dialect import BLOCK, Dialect, InvalidTable, recognise


def known(data: bytes, encoding: str | None = None, delimiter: str | None = None) -> Dialect:
    return recognise(io.BytesIO(data), encoding, delimiter)


@pytest.mark.parametrize(
    ("data", "encoding", "start"),
    [
        ("后缀,名称\n1,灯\n".encode(), "utf-8", 0),
        ("后缀,名称\n1,灯\n".encode("utf-8-sig"), "utf-8", 3),
        ("后缀,名称\n1,灯\n".encode("gbk"), "gb18030", 0),
        ("后缀,名称\n1,𠮷\n".encode("gb18030"), "gb18030", 0),
        (b"suffix,name\n1,lamp\n", "utf-8", 0),
        (b"a" * (BLOCK - 1) + "灯,x\n".encode(), "utf-8", 0),  # a character on the border
        (b"a,b\n" * BLOCK + "灯,x\n".encode("gbk"), "gb18030", 0),  # known at the very end only
    ],
)
def test_the_encoding(data, encoding, start):
    found = known(data)
    assert (found.encoding, found.start) == (encoding, start)
    assert found.lines == data.count(b"\n")


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n1;2\n", ";"),
        ("a\tb\n1\t2\n", "\t"),
        ("a;b\n1,5;2,5\n3;4\n", ";"),  # decimal commas are not everywhere
        ("a;b\n1,5;2,5\n", ";"),
        ("a,b\n1;x,2;y\n", ","),
        ('a,b\n"1;2;3",4\n', ","),
        ("suffix\n1\n2\n", ","),
        ("suffix\nx;y\n", ","),
        ("suffix,url", ","),
        ("a,b,c\n1,2\n1,2,3\n", ","),  # ragged
        ('a;b\n"open;1\n', ";"),
    ],
)
def test_the_separator(text, delimiter):
    assert known(text.encode()).delimiter == delimiter


def test_what_is_given_is_not_guessed():
    assert known(b"a;b\n1;2\n", "gb18030", ",") == Dialect("gb18030", ",", 0, 2)


@pytest.mark.parametrize(
    ("data", "encoding", "rule", "line"),
    [
        (b"", None, "empty-file", None),
        (b" \r\n \n", None, "empty-file", None),
        ("a,b\n".encode("utf-16"), None, "encoding", None),
        (b"a,b\n1,\0\n", None, "encoding", None),
        (b"a\rb\rc", None, "line-ends", None),
        (b"a,b\n1,\xff\xff\n", None, "encoding", 2),
        ("a,b\n1,灯\n".encode("gbk"), "utf-8", "encoding", 2),
        (b"a,b\n1,\xe7", "utf-8", "encoding", 2),
    ],
)
def test_what_is_no_text(data, encoding, rule, line):
    with pytest.raises(InvalidTable) as raised:
        known(data, encoding)
    assert raised.value.rule == rule
    assert raised.value.detail.startswith(f"line {line}: ") == (line is not None)
