"""The short way of writing values: never anything but what the long way writes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from registry.errors import BiaoshiError
from registry.record import shape
from registry.record.shape import Shapes
from registry.record.typed_data import Reference
from registry.record.value import MAX_RECORD_BYTES, DataIn, ValueIn, encode, normalise

NOW = datetime(2026, 11, 23, 11, 40, 28, tzinfo=UTC)
LATER = datetime(2026, 11, 23, 11, 40, 29, tzinfo=UTC)
TRAPS = [
    "", "URL", "a", '"', "\\", '"value":""', '\\"value\\":\\"\\"', '"value":"",', '","value":""}',
    '{"format":"string","value":""}', ',"timestamp":"x"', "灯", "\U0001f4a1", "é", "\u2028", "\0",
    "a\0b", "\n", "\x01", "\x7f", "\ud800", "\udc00x", "HS_SECKEY", "hs_seckey", "HS_ADMIN",
    "T" * 255, "T" * 256, "灯" * 85, "灯" * 86, "\\" * 255,
]  # fmt: skip

texts = st.one_of(
    st.sampled_from(TRAPS),
    st.text(max_size=30),
    st.text(alphabet='"\\:,value{}[]', max_size=30),
    st.text(alphabet=st.characters(exclude_categories=()), max_size=10),  # surrogates too
)
data = st.one_of(
    texts,
    st.sampled_from(["x" * shape.SHORT, "x" * (shape.SHORT + 1), "\x01" * shape.SHORT]),
    st.builds(DataIn, texts, st.sampled_from(["string", "base64", "hex", "STRING", "", "admin"])),
    st.builds(DataIn, st.one_of(st.none(), st.integers(), st.just({"a": 1}), st.just(["x"]))),
)
values_in = st.builds(
    ValueIn,
    index=st.one_of(st.integers(1, 5), st.sampled_from([-1, 0, 2**31 - 1, 2**31, 2**64])),
    type=texts,
    data=data,
    ttl=st.one_of(
        st.sampled_from([86_400, 0, -1, 2**31 - 1, 2**31, "2027-01-01T00:00:00Z", "86400", ""]),
        st.sampled_from(["2027-01-01T08:00:00.5+08:00", "2027-01-01", "2207-01-01T00:00:00Z"]),
        st.integers(0, 100_000),
    ),
    permissions=st.sampled_from([None, "1110", "1111", "1100", "0000", "0010", "111", "1112", ""]),
    references=st.sampled_from([[], [], [Reference("88.1.2/A", 1)]]),
    timestamp=st.sampled_from([None, "2001-01-01T00:00:00Z", "x"]),
)
plain = st.builds(
    ValueIn,
    index=st.integers(1, 2**31 - 1),
    type=st.sampled_from(["URL", "X.灯", '"value":""', "a\\b"]),
    data=st.one_of(st.text(max_size=50), st.sampled_from(TRAPS)),
    ttl=st.sampled_from([86_400, 60, "2027-01-01T00:00:00Z"]),
    permissions=st.sampled_from([None, "1110", "1111"]),
)


@pytest.fixture(scope="module")
def shapes() -> Shapes:
    """One for all examples, so that shapes met earlier are used again."""
    return Shapes(NOW)


def long_way(values: list[ValueIn]) -> str | None:
    try:
        return encode(normalise(values, now=NOW))
    except BiaoshiError:
        return None


@given(values=st.lists(values_in, max_size=4))
@settings(max_examples=1500, deadline=None)
@example(values=[])
@example(values=[ValueIn(1, '"value":""', ""), ValueIn(2, '\\"value\\":\\"\\"', '"value":""')])
def test_anything_is_written_as_the_long_way_writes_it_or_left_to_it(
    shapes: Shapes, values: list[ValueIn]
) -> None:
    written = shapes.write(values)
    assert written is None or written == long_way(values)


@given(values=st.lists(plain, max_size=5, unique_by=lambda value: value.index))
@settings(max_examples=300, deadline=None)
def test_public_strings_are_written_the_short_way(shapes: Shapes, values: list[ValueIn]) -> None:
    values.sort(key=lambda value: value.index)
    long = long_way(values)
    assume(long is not None)
    assert shapes.write(values) == long


MANY = [ValueIn(index, "U", "") for index in range(1, 1002)]
BROAD = [ValueIn(index, "\\" * 255, "") for index in range(1, 1001)]


@pytest.mark.parametrize(
    "values",
    [
        [ValueIn(1, "HS_SECKEY", "x")],
        [ValueIn(1, "URL", "x", permissions="1100")],
        [ValueIn(1, "URL", "x", references=[Reference("88.1.2/A", 1)])],
        [ValueIn(1, "URL", DataIn("eA==", "base64"))],
        [ValueIn(2, "URL", "x"), ValueIn(1, "URL", "x")],
        [ValueIn(1, "URL", "x"), ValueIn(1, "URL", "x")],
        [ValueIn(1, "URL", "a\0b")],
        [ValueIn(1, "URL", "\ud800")],
        [ValueIn(1, "\ud800", "x")],
        [ValueIn(1, "URL", "x" * (shape.SHORT + 1))],
        [ValueIn(1, "URL", "x" * shape.SHORT), ValueIn(2, "URL", "x")],
        MANY,  # more than a record holds
        BROAD,  # as many as a record holds, but too many bytes
    ],
)
def test_everything_else_goes_the_long_way(values: list[ValueIn]) -> None:
    assert Shapes(NOW).write(values) is None


def test_what_is_written_at_most_fits_a_record() -> None:
    most = [ValueIn(index, "\\" * 255, "") for index in range(1, shape.FEW)]
    most.append(ValueIn(shape.FEW, "\\" * 255, "\x01" * shape.SHORT))
    written = Shapes(NOW).write(most)
    assert written == long_way(most)
    assert written is not None
    assert len(written) < MAX_RECORD_BYTES


def test_each_writes_its_own_time() -> None:
    value = [ValueIn(1, "URL", "x")]
    assert "11:40:28Z" in (Shapes(NOW).write(value) or "")
    assert "11:40:29Z" in (Shapes(LATER).write(value) or "")


@pytest.mark.parametrize(
    "make",
    [
        lambda n: ValueIn(n + 1, "URL", "x"),
        lambda n: ValueIn(1, f"T{n}", "x"),
        lambda n: ValueIn(1, "URL", "x", ttl=n),
        lambda n: ValueIn(1, "URL", "x", permissions=f"{n:032d}"),  # refused ones too
    ],
)
def test_shapes_remembered_are_bounded(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[int], Any]
) -> None:
    monkeypatch.setattr(shape, "MAX_SHAPES", 10)
    shapes = Shapes(NOW)
    for number in [*range(25), *range(25)]:
        value = [make(number)]
        assert shapes.write(value) == long_way(value)
        assert len(shapes._known) <= 10


def test_texts_of_any_length_are_not_remembered() -> None:
    shapes = Shapes(NOW)
    for number in range(10):
        text = f"{number}" * 100_000
        shapes.write([ValueIn(1, text, "x")])
        shapes.write([ValueIn(1, "URL", "x", ttl=f"2027-01-01T00:00:00.{text}Z")])
        shapes.write([ValueIn(1, "URL", "x", permissions=text)])
    assert not shapes._known
