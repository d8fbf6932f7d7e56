"""Where the index leads: never past a record that has what is wanted."""

from __future__ import annotations

import pytest

from registry.lookup.plan import _suffix_bound, head_of


@pytest.mark.parametrize(
    ("like", "head"),
    [
        ("abc", "abc"), ("abc%", "abc"), ("%abc", ""), ("a_c", "a"), (r"10\%x%", "10%x"),
        (r"a\\b%", "a\\b"), ("", ""), ("a\\", "a"),
    ],
)  # fmt: skip
def test_heads(like: str, head: str) -> None:
    assert head_of(like) == head


@pytest.mark.parametrize(
    ("pattern", "head", "bound"),
    [
        ("https://e/{suffix}", "https://e/sn1", "SN1"),
        ("https://e/{suffix}", "HTTPS://E/", ""),
        ("https://e/{suffix}", "https://", ""),
        ("https://e/{suffix}", "https://f/sn1", None),
        ("{handle:url}", "88.608.1%2fsn%20", "SN "),
        ("{handle:url}", "88.608.1%2fsn%2", "SN"),
        ("{handle:url}", "88.608.2%2fsn", None),
        ("{prefix}/{suffix}.html", "88.608.1/sn1.html", "SN1"),
        ("{suffix}-{suffix}", "ab-ab", "AB"),
        ("{suffix}{suffix}", "abab", ""),
        ("x/{prefix}", "x/88.608.1", ""),
        ("{suffix}", "灯一b", "灯一"),
        ("{suffix:url}", "%e7%81%af%e4%b8", ""),
        ("{suffix}", "é", ""),
    ],
)
def test_bounds_of_suffixes(pattern: str, head: str, bound: str | None) -> None:
    assert _suffix_bound("88.608.1", pattern, head, False) == bound


def test_where_case_counts_letters_say_nothing() -> None:
    assert _suffix_bound("88.608.1", "{suffix}", "123-ab", True) == "123-"
