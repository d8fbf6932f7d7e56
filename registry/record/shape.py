"""Shapes: simple values written straight as the text in which they are stored.

In a bulk registration nearly all values are public strings, and their index, type, ttl and
permissions recur from line to line. What surrounds the string is checked and encoded once per
combination; after that a value costs one look-up and the encoding of its string. Everything else
goes the long way, through `normalise`, with the same result.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from registry.errors import InvalidInput
from registry.record.value import ValueIn, encode, normalise

# Far enough below the limits of a record for any encoding of the characters.
SHORT = 8_000  # characters in all strings
FEW = 100  # values
MAX_SHAPES = 10_000
MAX_KEPT = 300  # characters of type and ttl: longer ones are looked at each time
MARK = '"value":""'

_encode = msgspec.json.Encoder().encode

_Key = tuple[int, str, int | str, str | None]


class Shapes:
    """Writes values that all get the same time."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._known: dict[_Key, tuple[bytes, bytes] | None] = {}

    def write(self, values: Sequence[ValueIn]) -> str | None:
        """The stored text of a record's values; None where they need the long way."""
        if len(values) > FEW:
            return None
        parts = []
        last = 0
        room = SHORT
        for value in values:
            data = value.data
            if not isinstance(data, str):
                if data.format != "string" or not isinstance(data.value, str):
                    return None
                data = data.value
            room -= len(data)
            if room < 0 or value.index <= last or value.references or "\0" in data:
                return None
            last = value.index
            key = (value.index, value.type, value.ttl, value.permissions)
            shape = self._known[key] if key in self._known else self._learn(key)
            if shape is None:
                return None
            try:
                parts.append(shape[0] + _encode(data) + shape[1])
            except UnicodeEncodeError:
                return None
        return (b"[" + b",".join(parts) + b"]").decode()

    def _learn(self, key: _Key) -> tuple[bytes, bytes] | None:
        """What stands before and behind the string; None where the value is not a public one, or
        not a valid one: the long way says why."""
        index, type_, ttl, permissions = key
        model = ValueIn(index=index, type=type_, data="", ttl=ttl, permissions=permissions)
        shape = self._split(model)
        if sum(len(part) for part in key if isinstance(part, str)) <= MAX_KEPT:
            if len(self._known) >= MAX_SHAPES:
                self._known.clear()
            self._known[key] = shape
        return shape

    def _split(self, model: ValueIn) -> tuple[bytes, bytes] | None:
        try:
            (value,) = normalise([model], now=self._now)
        except InvalidInput:
            return None
        if not value.public:
            return None
        # In the type, which stands before it, every quotation mark is escaped.
        head, _, tail = encode([value])[1:-1].partition(MARK)
        return (head + MARK[:-2]).encode(), tail.encode()
