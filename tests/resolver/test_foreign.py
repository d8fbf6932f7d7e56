"""Bounds of other nodes' values: the same for whatever way they come."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from registry.errors import RemoteUnavailable
from registry.record.typed_data import Reference
from registry.record.value import MAX_VALUES, Data, Value
from resolver.foreign import MAX_U32, public_values
from resolver.wire.octets import Reader
from resolver.wire.typed import to_wire
from resolver.wire.value import WireValue

VALUE = Value(index=1, type="URL", data=Data("string", "https://example.com"), ttl=60)


def changed(**members: Any) -> Value:
    return msgspec.structs.replace(VALUE, **members)


WITHIN = [
    VALUE,
    changed(index=0),
    changed(index=MAX_U32),
    changed(type="x" * 255),
    changed(ttl=0),
    changed(ttl=MAX_U32),
    changed(ttl=None),
    changed(ttl="2030-01-01T00:00:00Z"),
    changed(ttl="whenever"),
    changed(timestamp="yesterday"),
    changed(references=tuple(Reference("a/b", n) for n in range(100))),
    changed(data=Data("base64", "AAE=")),
    changed(data=Data("hex", "00ff")),
    changed(data=Data("admin", {"handle": 7})),
    changed(data=Data("key", [[]])),
    changed(data=Data("vlist", "text")),
    changed(data=Data("site", {"version": 10**30})),
    changed(data=Data("unknown", {"a": None})),
]
BEYOND = [
    (changed(index=-1), "index"),
    (changed(index=MAX_U32 + 1), "index"),
    (changed(index=10**30), "index"),
    (changed(type=""), "type"),
    (changed(type="x" * 256), "type"),
    (changed(type="标" * 86), "type"),
    (changed(ttl=-1), "ttl"),
    (changed(ttl=MAX_U32 + 1), "ttl"),
    (changed(ttl="x" * 65), "ttl"),
    (changed(timestamp="x" * 65), "timestamp"),
    (changed(references=tuple(Reference("a/b", n) for n in range(101))), "references"),
    (changed(references=(Reference("a/b", -1),)), "references"),
    (changed(references=(Reference("a/b", MAX_U32 + 1),)), "references"),
    (changed(references=(Reference("x" * 2049, 1),)), "references"),
    (changed(data=Data("x" * 33, "")), "data.format"),
    (changed(data=Data("string", 7)), "data.value"),
    (changed(data=Data("string", "x" * 262_145)), "data.value"),
    (changed(data=Data("base64", "A")), "data.value"),
    (changed(data=Data("base64", "标")), "data.value"),
    (changed(data=Data("hex", "0g")), "data.value"),
    (changed(data=Data("hex", None)), "data.value"),
]


@pytest.mark.parametrize("value", WITHIN)
def test_within_bounds(value: Value) -> None:
    """And then it can be told over the wire."""
    assert public_values([value]) == [value]
    built = to_wire(value).build()
    assert WireValue.read(Reader(built)).type == value.type


@pytest.mark.parametrize(("value", "member"), BEYOND)
def test_out_of_bounds(value: Value, member: str) -> None:
    with pytest.raises(RemoteUnavailable, match=rf"values\[1\]\.{member}"):
        public_values([VALUE, value])


@pytest.mark.parametrize("permissions", ["1100", "11", "", "11101", "2212", "xx1x"])
def test_who_may_read(permissions: str) -> None:
    assert public_values([changed(permissions=permissions)]) == []


def test_how_many() -> None:
    assert len(public_values([VALUE] * MAX_VALUES)) == MAX_VALUES
    with pytest.raises(RemoteUnavailable, match="more than"):
        public_values([VALUE] * (MAX_VALUES + 1))
