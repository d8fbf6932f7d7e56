"""Spans of suffixes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.query.question import ABOVE_ALL, Question, Span, following

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


@pytest.mark.parametrize(
    ("beginning", "above"),
    [
        ("", ABOVE_ALL),
        ("SN", "SO"),
        ("A%", "A&"),
        ("标", "栈"),
        ("\ud7ff", "\ue000"),
        ("a\U0010ffff", "b"),
        ("\U0010ffff", ABOVE_ALL),
    ],
)
def test_what_is_above_all_that_begin_so(beginning: str, above: str) -> None:
    assert following(beginning) == above


@given(TEXT, TEXT)
def test_a_beginning_and_what_follows_it_enclose_just_what_begins_so(start: str, text: str) -> None:
    if ABOVE_ALL in start + text:
        return
    assert (start <= text < following(start)) == text.startswith(start)


@given(TEXT, TEXT)
def test_order_is_that_of_utf8(one: str, other: str) -> None:
    assert (one < other) == (one.encode() < other.encode())


def test_what_is_given_must_all_hold() -> None:
    question = Question(prefix="88.608.1", first="sn2", last="SN4", starts_with="sn")
    span = question.span(case_sensitive=False)
    inside = [text for text in ("SN", "SN2", "SN3", "SN4", "SN40") if span.low <= text < span.end]
    assert inside == ["SN2", "SN3", "SN4"]
    assert span.after("SN3").low > "SN3"
    assert Question(prefix="p", first="b", last="a").span(False).empty
    assert Question(prefix="p", starts_with="sn").span(True) == Span("sn", "so")
