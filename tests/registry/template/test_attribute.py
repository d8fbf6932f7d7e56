"""The rules for the value of one item."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import InvalidAttribute
from registry.template.attribute import check_text
from registry.template.template import TemplateItem


def item(**members: Any) -> TemplateItem:
    kind = members.pop("type", "string")
    metadata = {"type": kind} | members.pop("metadata", {})
    known = {"idIndex": 2000, "idType": "X", "name": "项目", "metadata": metadata}
    return msgspec.convert(known | members, TemplateItem)


def rule(one: TemplateItem, given: Any) -> str | None:
    with pytest.raises(InvalidAttribute) as refused:
        check_text(one, given)
    assert refused.value.field == "attributes.X"
    return refused.value.rule


@pytest.mark.parametrize(
    ("kind", "given_", "stored"),
    [
        ("string", "灯", "灯"),
        ("string", "", ""),
        ("string", "two\nlines", "two\nlines"),
        ("number", 0, "0"),
        ("number", -7, "-7"),
        ("number", 12.5, "12.5"),
        ("number", 1.0, "1"),
        ("number", 1e-7, "0.0000001"),
        ("number", 1e22, "10000000000000000000000"),
        ("number", "12.50", "12.50"),
        ("number", "-0.5", "-0.5"),
        ("date", "2026-03-02", "2026-03-02"),
        ("date", "2028-02-29", "2028-02-29"),
        ("date", "2026-03-02T08:30:00+08:00", "2026-03-02T08:30:00+08:00"),
        ("date", "2026-03-02T08:30:00.250Z", "2026-03-02T08:30:00.250Z"),
        ("reference", "88.608.1/A/b", "88.608.1/A/b"),
    ],
)
def test_what_is_stored(kind: str, given_: Any, stored: str) -> None:
    assert check_text(item(type=kind), given_) == stored


WRONG: dict[str, list[Any]] = {
    "string": [1, 1.5, True, None, [], {}, "a\0b", "\ud800"],
    "number": [
        True, None, "", " 1", "1 ", "+1", "1.", ".5", "01", "1e5", "0x1", "１", "NaN", "1,000",
        10**64, -(10**64), 10**5000, 1e300, float("nan"), float("inf"), "1" * 65, [1],
    ],
    "date": [
        None, "", "2026-3-2", "20260302", "2026-02-30", "2027-02-29", "2026-03-02T08:30:00",
        "2026-03-02 08:30:00Z", "2026-03-02T25:00:00Z", "2026-W10-1", 20260302, "０026-03-02",
        "2026-03-02\n",
    ],
    "reference": [None, "", "abc", "/x", "88.608.1/", "88.608.1/ x", 5, "a\0/b"],
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_the_wrong_type(kind: str) -> None:
    one = item(type=kind)
    assert [rule(one, wrong) for wrong in WRONG[kind]] == ["type"] * len(WRONG[kind])


def test_lengths_are_in_characters() -> None:
    one = item(metadata={"minLength": 2, "maxLength": 3})
    assert [check_text(one, text) for text in ("灯具", "灯具厂")] == ["灯具", "灯具厂"]
    assert [rule(one, text) for text in ("", "灯", "灯具工厂")] == ["length"] * 3


def test_the_usual_length_is_that_of_the_field() -> None:
    assert check_text(item(), "灯" * 255) == "灯" * 255
    assert rule(item(), "灯" * 256) == "length"


def test_an_empty_text_is_no_required_value() -> None:
    assert rule(item(required=True), "") == "required"


@given(st.one_of(st.integers(-(10**62), 10**62), st.floats(allow_nan=False, allow_infinity=False)))
def test_numbers_keep_their_value(number: float) -> None:
    one = item(type="number", metadata={"maxLength": 4096})
    try:
        text = check_text(one, number)
    except InvalidAttribute:
        assert isinstance(number, float)
        assert abs(number) >= 1e50 or abs(number) < 1e-20  # more digits than a number has
    else:
        assert Decimal(text) == Decimal(repr(number))
