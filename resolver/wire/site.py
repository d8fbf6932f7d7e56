"""HS_SITE: a service's sites and servers (RFC 3651 §3.2.2), and which server holds a handle.

u16 format 1, u8 major, u8 minor, u16 serial, u8 flags (80h primary, 40h several primaries), u8 hash
option, bytes hash filter, u32 n × {str name, str value}, u32 n servers × {u32 id, 16-octet address,
bytes public key, u32 n × {u8 1 admin 2 query 3 both, u8 transport, u32 port}}
"""

from __future__ import annotations

import hashlib
import ipaddress
from enum import IntEnum

import msgspec

from registry.identifier import fold_case
from resolver.wire.octets import Malformed, Reader, many, octets, text, u8, u16, u32

FORMAT = 1
PRIMARY, MULTI_PRIMARY = 0x80, 0x40
ADMIN, QUERY = 1, 2
_SMALLEST = {"attribute": 8, "server": 28, "interface": 6}


class HashOption(IntEnum):
    """Which part of a handle decides which server has it."""

    PREFIX = 0
    SUFFIX = 1
    ALL = 2


class WireInterface(msgspec.Struct, frozen=True):
    kind: int
    protocol: int
    port: int

    @classmethod
    def read(cls, reader: Reader) -> WireInterface:
        return cls(reader.u8(), reader.u8(), reader.u32())

    @property
    def admin(self) -> bool:
        return bool(self.kind & ADMIN)

    @property
    def query(self) -> bool:
        return bool(self.kind & QUERY)

    def build(self) -> bytes:
        return u8(self.kind) + u8(self.protocol) + u32(self.port)


class WireServer(msgspec.Struct, frozen=True):
    """`address` is 16 octets, an IPv4 one right-aligned; `public_key` as HS_PUBKEY data."""

    server_id: int
    address: bytes
    public_key: bytes
    interfaces: tuple[WireInterface, ...] = ()

    @classmethod
    def read(cls, reader: Reader) -> WireServer:
        number, address, key = reader.u32(), reader.raw(16), reader.octets()
        return cls(number, address, key, reader.many(_SMALLEST["interface"], WireInterface.read))

    @property
    def ip(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
        """::1 alone looks like an IPv4 address and is none."""
        if not any(self.address[:12]) and self.address[12]:
            return ipaddress.IPv4Address(self.address[12:])
        whole = ipaddress.IPv6Address(self.address)
        return whole.ipv4_mapped or whole

    def build(self) -> bytes:
        interfaces = many(interface.build() for interface in self.interfaces)
        return u32(self.server_id) + self.address + octets(self.public_key) + interfaces


class WireSite(msgspec.Struct, frozen=True, kw_only=True):
    version: int = FORMAT
    protocol: tuple[int, int] = (2, 11)
    serial: int = 1
    primary: bool = True
    multi_primary: bool = False
    hash_option: int = HashOption.ALL
    hash_filter: bytes = b""
    attributes: tuple[tuple[str, str], ...] = ()
    servers: tuple[WireServer, ...] = ()

    @classmethod
    def parse(cls, data: bytes) -> WireSite:
        reader = Reader(data)
        version, major, minor, serial = reader.u16(), reader.u8(), reader.u8(), reader.u16()
        flags, hash_option = reader.u8(), reader.u8()
        if version != FORMAT or hash_option > HashOption.ALL or flags & ~(PRIMARY | MULTI_PRIMARY):
            raise Malformed("a site of a form that is not known here")
        parsed = cls(
            version=version,
            protocol=(major, minor),
            serial=serial,
            primary=bool(flags & PRIMARY),
            multi_primary=bool(flags & MULTI_PRIMARY),
            hash_option=hash_option,
            hash_filter=reader.octets(),
            attributes=reader.many(_SMALLEST["attribute"], _attribute),
            servers=reader.many(_SMALLEST["server"], WireServer.read),
        )
        reader.done()
        return parsed

    def build(self) -> bytes:
        flags = (PRIMARY if self.primary else 0) | (MULTI_PRIMARY if self.multi_primary else 0)
        return (
            u16(self.version)
            + u8(self.protocol[0])
            + u8(self.protocol[1])
            + u16(self.serial)
            + u8(flags)
            + u8(self.hash_option)
            + octets(self.hash_filter)
            + many(text(name) + text(value) for name, value in self.attributes)
            + many(server.build() for server in self.servers)
        )

    def server_of(self, handle: str) -> WireServer:
        """The server that has this handle. Raises Malformed for a site without servers."""
        if not self.servers:
            raise Malformed("a site without servers")
        prefix, slash, suffix = fold_case(handle).partition("/")
        hashed = {
            HashOption.PREFIX: prefix,
            HashOption.SUFFIX: suffix,
            HashOption.ALL: f"{prefix}{slash}{suffix}",
        }[HashOption(self.hash_option)]
        return self.servers[_hash(hashed) % len(self.servers)]


def _hash(part: str) -> int:
    """|int32 of the last four octets of its MD5|"""
    tail = hashlib.md5(part.encode(), usedforsecurity=False).digest()[-4:]
    return abs(int.from_bytes(tail, "big", signed=True))


def _attribute(reader: Reader) -> tuple[str, str]:
    return reader.text(), reader.text()
