"""Handle values on the wire (RFC 3651 §3.1, RFC 3652 §2.2.4).

u32 index, u32 timestamp, u8 ttl type, u32 ttl, u8 permissions, str type, bytes data,
u32 count of references × {str handle, u32 index}
"""

from __future__ import annotations

import msgspec

from resolver.wire.code import TtlType
from resolver.wire.octets import Malformed, Reader, many, octets, text, u8, u32

SMALLEST_VALUE = 26  # octets
SMALLEST_REFERENCE = 8


class WireReference(msgspec.Struct, frozen=True):
    handle: str
    index: int

    @classmethod
    def read(cls, reader: Reader) -> WireReference:
        return cls(reader.text(), reader.u32())

    def build(self) -> bytes:
        return text(self.handle) + u32(self.index)


class WireValue(msgspec.Struct, frozen=True, kw_only=True):
    """`permissions`: 8 administrators read, 4 administrators write, 2 public read, 1 public write.
    `ttl` is seconds or, absolute, a unix time."""

    index: int
    timestamp: int = 0
    ttl_type: TtlType = TtlType.RELATIVE
    ttl: int = 86_400
    permissions: int = 0b1110
    type: str
    data: bytes
    references: tuple[WireReference, ...] = ()

    @classmethod
    def read(cls, reader: Reader) -> WireValue:
        return cls(
            index=reader.u32(),
            timestamp=reader.u32(),
            ttl_type=_ttl_type(reader.u8()),
            ttl=reader.u32(),
            permissions=reader.u8(),
            type=reader.text(),
            data=reader.octets(),
            references=reader.many(SMALLEST_REFERENCE, WireReference.read),
        )

    def build(self) -> bytes:
        return (
            u32(self.index)
            + u32(self.timestamp)
            + u8(self.ttl_type)
            + u32(self.ttl)
            + u8(self.permissions)
            + text(self.type)
            + octets(self.data)
            + many(reference.build() for reference in self.references)
        )


def read_values(reader: Reader) -> tuple[WireValue, ...]:
    return reader.many(SMALLEST_VALUE, WireValue.read)


def build_values(values: tuple[WireValue, ...]) -> bytes:
    return many(value.build() for value in values)


def _ttl_type(number: int) -> TtlType:
    try:
        return TtlType(number)
    except ValueError:
        raise Malformed(f"a ttl is of type 0 or 1, not {number}") from None
