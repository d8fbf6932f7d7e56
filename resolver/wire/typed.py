"""Between values on the wire and values as this node stores them.

Data of the structured types are octets there (RFC 3651 §3.2) and JSON here; what cannot be read as
its type's structure is kept as the octets it is.
"""

from __future__ import annotations

import base64
import calendar
import ipaddress
import struct
import time
from collections.abc import Callable
from typing import Any

import msgspec

from registry.record.typed_data import Admin, Interface, PublicKey, Reference, Server, Site
from registry.record.value import DEFAULT_TTL, Data, DataIn, Value, ValueIn
from resolver.wire.code import Transport, TtlType
from resolver.wire.key import DSA, RSA, TAIL, WireKey
from resolver.wire.octets import Malformed, Reader, many, text, u16, u32
from resolver.wire.site import WireInterface, WireServer, WireSite
from resolver.wire.value import SMALLEST_REFERENCE, WireReference, WireValue

KEY_TYPE = "HS_PUBKEY"
_RIGHTS = 0xFFF
MAX_TIME = 2**32 - 1


def to_wire(value: Value) -> WireValue:
    ttl_type, ttl = _ttl_to_wire(value.ttl)
    return WireValue(
        index=value.index,
        timestamp=unix_time(value.timestamp),
        ttl_type=ttl_type,
        ttl=ttl,
        permissions=int(value.permissions, 2),
        type=value.type,
        data=data_to_wire(value.data),
        references=tuple(WireReference(r.handle, r.index) for r in value.references),
    )


def from_wire(value: WireValue) -> ValueIn:
    """The value as a client may have sent it in JSON; `normalise` checks it as that."""
    return ValueIn(
        index=value.index,
        type=value.type,
        data=data_from_wire(value.type, value.data),
        ttl=value.ttl if value.ttl_type is TtlType.RELATIVE else time_text(value.ttl),
        permissions=f"{value.permissions:04b}",
        references=[Reference(r.handle, r.index) for r in value.references],
    )


def stored(value: WireValue) -> Value:
    """A value of another node, in its own words. Raises Malformed."""
    if value.permissions > 0b1111:
        raise Malformed("permissions have four bits")
    sent = from_wire(value)
    data = sent.data
    assert isinstance(data, DataIn)  # from_wire makes no other
    return Value(
        index=value.index,
        type=value.type,
        data=Data(data.format, data.value),
        permissions=f"{value.permissions:04b}",
        ttl=sent.ttl,
        timestamp=time_text(value.timestamp),
        references=tuple(sent.references),
    )


def data_to_wire(data: Data) -> bytes:
    match data.format:
        case "string":
            return str(data.value).encode()
        case "base64":
            return base64.b64decode(data.value)
        case "hex":  # as other nodes may tell octets
            return bytes.fromhex(data.value)
    try:
        return _structure_to_wire(data)
    except (ValueError, OverflowError, struct.error, KeyError):
        # Another node's, which has no such form: it goes as the JSON it is.
        return msgspec.json.encode(data.value)


def _structure_to_wire(data: Data) -> bytes:
    match data.format:
        case "admin":
            admin = msgspec.convert(data.value, Admin)
            return u16(admin.rights) + text(admin.handle) + u32(admin.index)
        case "vlist":
            members = msgspec.convert(data.value, list[Reference])
            return many(text(member.handle) + u32(member.index) for member in members)
        case "site":
            return site_to_wire(msgspec.convert(data.value, Site)).build()
        case _:
            return _key_to_wire(msgspec.convert(data.value, PublicKey))


def data_from_wire(type_: str, data: bytes) -> DataIn:
    structured = _STRUCTURED.get(type_.upper())
    if structured is not None:
        try:
            made = DataIn(structured[1](data), structured[0])
            # What would come back otherwise than it was sent is kept as it was sent.
            if data_to_wire(Data(made.format, made.value)) in (data, data + TAIL):
                return made
        except (Malformed, ValueError):
            pass
        return DataIn(base64.b64encode(data).decode(), "base64")
    try:
        plain = data.decode()
        if "\0" not in plain:
            return DataIn(plain)
    except UnicodeDecodeError:
        pass
    return DataIn(base64.b64encode(data).decode(), "base64")


def site_to_wire(site: Site) -> WireSite:
    major, _, minor = site.protocol_version.partition(".")
    return WireSite(
        version=site.version,
        protocol=(int(major), int(minor)),
        serial=site.serial_number,
        primary=site.primary_site,
        multi_primary=site.multi_primary,
        attributes=tuple((item.name, item.value) for item in site.attributes),
        servers=tuple(_server_to_wire(server) for server in site.servers),
    )


def site_from_wire(site: WireSite) -> Any:
    """As plain JSON, checked. Raises ValueError."""
    plain = {
        "version": site.version,
        "protocolVersion": f"{site.protocol[0]}.{site.protocol[1]}",
        "serialNumber": site.serial,
        "primarySite": site.primary,
        "multiPrimary": site.multi_primary,
        "attributes": [{"name": name, "value": value} for name, value in site.attributes],
        "servers": [_server_from_wire(server) for server in site.servers],
    }
    return msgspec.to_builtins(msgspec.convert(plain, Site))


def key_from_wire(key: WireKey) -> dict[str, str]:
    """As a JSON Web Key. Raises ValueError for kinds that have no such form."""
    if key.kind == RSA:
        exponent, modulus = key.numbers
        return {"kty": "RSA", "n": _base64url(modulus), "e": _base64url(exponent)}
    if key.kind == DSA:
        q, p, g, y = (_base64url(number) for number in key.numbers)
        return {"kty": "DSA", "p": p, "q": q, "g": g, "y": y}
    raise ValueError(f"a {key.kind} has no form in JSON")


def wire_key(key: PublicKey) -> WireKey | None:
    """None for kinds that have no form on the wire."""
    if key.kty == "RSA":
        return WireKey(RSA, (_number(key.e), _number(key.n)), tail=TAIL)
    if key.kty == "DSA":
        return WireKey(DSA, tuple(_number(part) for part in (key.q, key.p, key.g, key.y)))
    return None


def unix_time(written: str) -> int:
    """Of a time as values carry it; 0 where there is none."""
    try:
        moment = calendar.timegm(time.strptime(written, "%Y-%m-%dT%H:%M:%SZ"))
    except ValueError:
        return 0
    return max(0, min(moment, MAX_TIME))


def time_text(moment: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


def _ttl_to_wire(ttl: int | str | None) -> tuple[TtlType, int]:
    if isinstance(ttl, str):
        return TtlType.ABSOLUTE, unix_time(ttl)
    return TtlType.RELATIVE, DEFAULT_TTL if ttl is None else ttl


def _admin(data: bytes) -> Any:
    reader = Reader(data)
    rights, handle, index = reader.u16(), reader.text(), reader.u32()
    reader.done()
    plain = {"handle": handle, "index": index, "permissions": f"{rights & _RIGHTS:012b}"}
    return msgspec.to_builtins(msgspec.convert(plain, Admin))


def _vlist(data: bytes) -> Any:
    reader = Reader(data)
    members = reader.many(SMALLEST_REFERENCE, WireReference.read)
    reader.done()
    plain = [{"handle": member.handle, "index": member.index} for member in members]
    return msgspec.to_builtins(msgspec.convert(plain, list[Reference]))


def _site(data: bytes) -> Any:
    return site_from_wire(WireSite.parse(data))


def _key(data: bytes) -> Any:
    return msgspec.to_builtins(msgspec.convert(key_from_wire(WireKey.parse(data)), PublicKey))


_STRUCTURED: dict[str, tuple[str, Callable[[bytes], Any]]] = {
    "HS_ADMIN": ("admin", _admin),
    "HS_VLIST": ("vlist", _vlist),
    "HS_SITE": ("site", _site),
    "HS_NA_DELEGATE": ("site", _site),
    KEY_TYPE: ("key", _key),
}


def _key_to_wire(key: PublicKey) -> bytes:
    """An EC key has no form on the wire: it goes as the JSON it is."""
    wire = wire_key(key)
    return msgspec.json.encode(key) if wire is None else wire.build()


def _server_to_wire(server: Server) -> WireServer:
    return WireServer(
        server_id=server.server_id,
        address=_address_octets(server.address),
        public_key=b"" if server.public_key is None else _key_to_wire(server.public_key.value),
        interfaces=tuple(_interface_to_wire(one) for one in server.interfaces),
    )


def _server_from_wire(server: WireServer) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "serverId": server.server_id,
        "address": str(server.ip),
        "interfaces": [_interface_from_wire(one) for one in server.interfaces],
    }
    if server.public_key:
        plain["publicKey"] = {"format": "key", "value": _key(server.public_key)}
    return plain


def _interface_to_wire(interface: Interface) -> WireInterface:
    kind = (1 if interface.admin else 0) | (2 if interface.query else 0)
    return WireInterface(kind, Transport[interface.protocol], interface.port)


def _interface_from_wire(interface: WireInterface) -> dict[str, Any]:
    return {
        "query": interface.query,
        "admin": interface.admin,
        "protocol": Transport(interface.protocol).name,
        "port": interface.port,
    }


def _address_octets(address: str) -> bytes:
    return ipaddress.ip_address(address).packed.rjust(16, b"\0")


def _base64url(number: int) -> str:
    data = number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _number(encoded: str | None) -> int:
    padded = (encoded or "") + "=" * (-len(encoded or "") % 4)
    return int.from_bytes(base64.urlsafe_b64decode(padded), "big")
