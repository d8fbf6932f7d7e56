"""Patterns of values."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import InvalidTemplate
from registry.template.pattern import MAX_PATTERN, MAX_PLACEHOLDERS, ValuePattern


def fill(text: str, prefix: str = "88.608.1", suffix: str = "灯 A/1") -> str:
    return ValuePattern.parse(text, "pattern").fill(prefix, suffix)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("https://e.cn/p", "https://e.cn/p"),
        ("{prefix}", "88.608.1"),
        ("{suffix}", "灯 A/1"),
        ("{handle}", "88.608.1/灯 A/1"),
        ("{prefix:url}", "88.608.1"),
        ("{suffix:url}", "%E7%81%AF%20A%2F1"),
        ("{handle:url}", "88.608.1%2F%E7%81%AF%20A%2F1"),
        ("a{prefix}b{suffix}{suffix}c", "a88.608.1b灯 A/1灯 A/1c"),
    ],
)
def test_what_is_filled_in(text: str, filled: str) -> None:
    assert fill(text) == filled


@pytest.mark.parametrize(
    "text",
    ["{", "}", "{}", "{{suffix}}", "{Suffix}", "{suffix:URL}", "{suffix:}", "{ suffix }", "{NAME}"],
)
def test_other_braces(text: str) -> None:
    with pytest.raises(InvalidTemplate) as refused:
        ValuePattern.parse(text, "items[0].pattern")
    assert (refused.value.field, refused.value.rule) == ("items[0].pattern", "pattern-placeholder")


@pytest.mark.parametrize("text", ["a" * (MAX_PATTERN + 1), "{prefix}" * (MAX_PLACEHOLDERS + 1)])
def test_limits(text: str) -> None:
    with pytest.raises(InvalidTemplate) as refused:
        ValuePattern.parse(text, "pattern")
    assert refused.value.rule == "pattern-length"
    ValuePattern.parse("a" * MAX_PATTERN, "pattern")
    ValuePattern.parse("{prefix}" * MAX_PLACEHOLDERS, "pattern")


def test_what_is_filled_in_is_not_read_again() -> None:
    assert fill("{suffix}{prefix}", suffix="{prefix}{handle}") == "{prefix}{handle}88.608.1"


@given(st.text(min_size=1).filter(lambda text: text.isprintable()))
def test_encoding_can_be_undone(suffix: str) -> None:
    encoded = fill("{suffix:url}", suffix=suffix)
    assert unquote(encoded) == suffix
    assert encoded.isascii()
    assert not set(encoded) & set(' /?#&+"<>\\{}')
