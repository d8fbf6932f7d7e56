"""What columns become."""

from __future__ import annotations

import pytest

from registry.errors import BiaoshiError
from registry.record.value import ValueIn
from registry.table.column import Columns, ColumnWish, Role
from registry.table.dialect import InvalidTable

PREFIX = "88.118.1"
KEY = ColumnWish(role=Role.SUFFIX)
ITEMS = {"SPEC": "spec", "规格": "spec", "COLOUR": "colour"}


def columns(header, wishes=None, items=None) -> Columns:
    return Columns(header, PREFIX, wishes, items)


def entry(header, cells, **options):
    return columns(header, **options).entry(cells)


@pytest.mark.parametrize(
    ("header", "cells", "text"),
    [
        (["标识后缀"], ["SN1"], "88.118.1/SN1"),
        (["name", "Suffix"], ["x", "SN1"], "88.118.1/SN1"),
        (["标识"], ["88.118.1/SN1"], "88.118.1/SN1"),
        (["code"], ["SN1"], "88.118.1/SN1"),
        (["code"], ["88.118.1/SN1"], "88.118.1/SN1"),
        (["code"], ["00123"], "88.118.1/00123"),
    ],
)
def test_the_identifier(header, cells, text):
    assert entry(header, cells).identifier.text == text


def test_values_by_default():
    found = entry(["x", "规格", "详情网址", "备注"], ["SN1", "12W", "https://e", "n"])
    assert found.values == [
        ValueIn(index=1, type="URL", data="https://e"),
        ValueIn(index=2000, type="规格", data="12W"),
        ValueIn(index=2001, type="备注", data="n"),
    ]
    assert found.attributes == {}


def test_an_empty_cell_is_no_value_and_moves_no_index():
    found = entry(["x", "a", "b"], ["SN1", "", "2"])
    assert [value.index for value in found.values] == [2001]


def test_columns_that_are_not_spoken_of_become_nothing():
    wishes = {
        "序列号": ColumnWish(role=Role.SUFFIX),
        "网址": ColumnWish(role=Role.VALUE, index=1, type="URL"),
        "密钥": ColumnWish(role=Role.VALUE, index=3, permissions="1100"),
        "备注": ColumnWish(role=Role.IGNORED),
    }
    header = ["成本价", "序列号", "密钥", "备注", "网址"]
    found = entry(header, ["9.5", "SN1", "s", "n", "https://e"], wishes=wishes)
    assert found.identifier.suffix == "SN1"
    assert found.values == [
        ValueIn(index=1, type="URL", data="https://e"),
        ValueIn(index=3, type="密钥", data="s", permissions="1100"),
    ]


def test_attributes_go_by_the_names_or_types_of_items():
    assert entry(["x", "规格", "Colour"], ["SN1", "12W", ""], items=ITEMS).attributes == {
        "spec": "12W"
    }
    wishes = {
        "x": ColumnWish(role=Role.SUFFIX),
        "y": ColumnWish(role=Role.ATTRIBUTE, attribute="spec"),
        "colour": ColumnWish(role=Role.ATTRIBUTE),
    }
    found = entry(["x", "y", "colour"], ["SN1", "12W", "red"], wishes=wishes, items=ITEMS)
    assert found.attributes == {"spec": "12W", "colour": "red"}


@pytest.mark.parametrize(
    ("header", "options", "rule"),
    [
        (["a", "b", "a"], {}, "header"),
        (["a", "", "b"], {}, "header"),
        (["88.118.1/SN1", "https://e"], {}, "header"),
        ([""], {}, "header"),
        (["a"], {"wishes": {"b": ColumnWish(role=Role.SUFFIX)}}, "column-name"),
        (["a"], {"wishes": {"a": ColumnWish(role=Role.IGNORED)}}, "column-key"),
        (
            ["a", "b"],
            {"wishes": {"a": ColumnWish(role=Role.SUFFIX), "b": ColumnWish(role=Role.HANDLE)}},
            "column-key",
        ),
        (["k", "a"], {"wishes": {"k": KEY, "a": ColumnWish(role=Role.VALUE)}}, "column-index"),
        (
            ["k", "a"],
            {"wishes": {"k": KEY, "a": ColumnWish(role=Role.ATTRIBUTE)}},
            "template-needed",
        ),
        (["a", "other"], {"items": ITEMS}, "column-name"),
        (["a", "spec", "规格"], {"items": ITEMS}, "column-twice"),
        (
            ["a", "b", "c"],
            {
                "wishes": {
                    "a": ColumnWish(role=Role.SUFFIX),
                    "b": ColumnWish(role=Role.VALUE, index=5),
                    "c": ColumnWish(role=Role.VALUE, index=5),
                }
            },
            "column-twice",
        ),
    ],
)
def test_headers_that_say_nothing(header, options, rule):
    with pytest.raises(InvalidTable) as raised:
        columns(header, **options)
    assert raised.value.rule == rule


@pytest.mark.parametrize(
    ("cells", "rule", "named"),
    [
        (["SN1"], "ragged-row", "88.118.1/SN1"),
        (["SN1", "u", "more"], "ragged-row", "88.118.1/SN1"),
        (["", "u"], "suffix-empty", "88.118.1/"),
        ([" SN1", "u"], "edge-blank", "88.118.1/ SN1"),
        (["1.23457E+18", "u"], "number-notation", "88.118.1/1.23457E+18"),
        (["88.118.1/", "u"], "suffix-empty", "88.118.1/"),
        (["a\u200bb", "u"], "format-character", "88.118.1/a\u200bb"),
    ],
)
def test_rows_that_say_nothing(cells, rule, named):
    found = columns(["suffix", "url"])
    with pytest.raises(BiaoshiError) as raised:
        found.entry(cells)
    assert raised.value.rule == rule
    assert found.key.spelling(cells) == named


@pytest.mark.parametrize(
    ("text", "rule"), [("88.118.2/SN1", "other-prefix"), ("SN1", "no-slash"), ("", "empty")]
)
def test_whole_identifiers_are_the_prefixs_own(text, rule):
    with pytest.raises(BiaoshiError) as raised:
        columns(["handle"]).entry([text])
    assert raised.value.rule == rule


def test_empty_cells_at_the_end_count_for_nothing():
    """Spreadsheets write as many as the longest row ever had."""
    found = columns(["suffix", "url", "", ""])
    assert found.entry(["SN1", "u", "", ""]).values
    assert found.entry(["SN1", "u"]).values
    assert found.entry(["SN1", "u", "", "", ""]).values
    with pytest.raises(InvalidTable):
        found.entry(["SN1", "u", "", "x"])
