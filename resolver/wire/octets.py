"""Reading and writing numbers, octet strings and texts.

A reader never reads beyond its octets, and `done` refuses octets that nobody has read. A count of
items is refused at once where the octets that are left could not hold them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import TypeVar

from registry.errors import InvalidInput

T = TypeVar("T")

_U16 = struct.Struct(">H")
_U32 = struct.Struct(">I")


class Malformed(InvalidInput):
    kind = "malformed-message"
    title = "Not a message of the Handle protocol"


class Reader:
    """Octets and how far they have been read."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def raw(self, size: int) -> bytes:
        if size > self.left:
            raise Malformed(f"{size} octets are announced and {self.left} are there")
        self._at += size
        return self._data[self._at - size : self._at]

    def u8(self) -> int:
        return self.raw(1)[0]

    def u16(self) -> int:
        (number,) = _U16.unpack(self.raw(2))
        return int(number)

    def u32(self) -> int:
        (number,) = _U32.unpack(self.raw(4))
        return int(number)

    def octets(self) -> bytes:
        """An octet string after its length."""
        return self.raw(self.u32())

    def text(self) -> str:
        """A UTF-8 text after its length."""
        try:
            return self.octets().decode()
        except UnicodeDecodeError:
            raise Malformed("a text is not UTF-8") from None

    def many(self, smallest: int, read: Callable[[Reader], T]) -> tuple[T, ...]:
        """A count and as many items, each of at least `smallest` octets."""
        count = self.u32()
        if count * smallest > self.left:
            raise Malformed(f"{count} items are announced in {self.left} octets")
        return tuple(read(self) for _ in range(count))

    def rest(self) -> bytes:
        return self.raw(self.left)

    def done(self) -> None:
        if self.left:
            raise Malformed(f"{self.left} octets follow where nothing should")


def u8(number: int) -> bytes:
    return number.to_bytes(1, "big")


def u16(number: int) -> bytes:
    return _U16.pack(number)


def u32(number: int) -> bytes:
    return _U32.pack(number)


def octets(data: bytes) -> bytes:
    return _U32.pack(len(data)) + data


def text(string: str) -> bytes:
    return octets(string.encode())


def many(items: Iterable[bytes]) -> bytes:
    listed = list(items)
    return _U32.pack(len(listed)) + b"".join(listed)
