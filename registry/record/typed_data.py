"""The structured value data of the Handle system: administrators, lists, sites and public keys.

Source: RFC 3651 §3.2; the JSON forms are those that servers in use answer with.
"""

from __future__ import annotations

import ipaddress
from enum import IntFlag
from typing import Annotated, Any

import msgspec
from msgspec import Meta

# Patterns end in \Z, as $ lets a newline follow. No text holds NUL or half of a surrogate pair:
# PostgreSQL's JSON functions refuse them.
TEXT = r"^[^\x00\ud800-\udfff]*\Z"
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})"

Index = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Short = Annotated[int, Meta(ge=0, le=65535)]
HandleText = Annotated[
    str, Meta(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f\ud800-\udfff]+\Z")
]
Base64Url = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]+\Z", max_length=8192)]
Port = Annotated[int, Meta(ge=1, le=65535)]


class Right(IntFlag):
    """What an HS_ADMIN value allows. As JSON: twelve digits, the highest bit first."""

    ADD_HANDLE = 0x001
    DELETE_HANDLE = 0x002
    ADD_DERIVED_PREFIX = 0x004
    DELETE_DERIVED_PREFIX = 0x008
    MODIFY_VALUE = 0x010
    REMOVE_VALUE = 0x020
    ADD_VALUE = 0x040
    MODIFY_ADMIN = 0x080
    REMOVE_ADMIN = 0x100
    ADD_ADMIN = 0x200
    READ_VALUE = 0x400
    LIST_HANDLES = 0x800


class Reference(msgspec.Struct, frozen=True):
    """A value of another record: `index:handle`. Index 0 stands for any index."""

    handle: HandleText
    index: Index


class Admin(msgspec.Struct, frozen=True):
    """HS_ADMIN: whoever holds the key at the reference has these rights."""

    handle: HandleText
    index: Index
    permissions: Annotated[str, Meta(pattern=r"^[01]{12}\Z")]

    @property
    def rights(self) -> Right:
        return Right(int(self.permissions, 2))


class Interface(msgspec.Struct, frozen=True):
    query: bool
    admin: bool
    protocol: Annotated[str, Meta(pattern=r"^(UDP|TCP|HTTP|HTTPS)\Z")]
    port: Port


class PublicKey(msgspec.Struct, frozen=True, omit_defaults=True):
    """A JSON Web Key (RFC 7517) of type RSA, DSA or EC: public members only."""

    kty: Annotated[str, Meta(pattern=r"^(RSA|DSA|EC)\Z")]
    n: Base64Url | None = None
    e: Base64Url | None = None
    p: Base64Url | None = None
    q: Base64Url | None = None
    g: Base64Url | None = None
    y: Base64Url | None = None
    crv: Annotated[str, Meta(max_length=32, pattern=TEXT)] | None = None
    x: Base64Url | None = None

    def __post_init__(self) -> None:
        needed = {"RSA": "ne", "DSA": "pqgy", "EC": "xy"}[self.kty]
        if missing := [name for name in needed if getattr(self, name) is None]:
            raise ValueError(f"an {self.kty} key needs {', '.join(missing)}")
        if (self.kty == "RSA" and any((self.p, self.q))) or (self.kty == "DSA" and self.x):
            raise ValueError("this is a private key: send its public part only")


class KeyData(msgspec.Struct, frozen=True):
    format: Annotated[str, Meta(pattern=r"^key\Z")]
    value: PublicKey


class Server(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    server_id: Index
    address: Annotated[str, Meta(max_length=45)]
    interfaces: Annotated[list[Interface], Meta(max_length=32)]
    public_key: KeyData | None = None

    def __post_init__(self) -> None:
        ipaddress.ip_address(self.address)  # a ValueError is a refusal to msgspec


class Attribute(msgspec.Struct, frozen=True):
    name: Annotated[str, Meta(max_length=255, pattern=TEXT)]
    value: Annotated[str, Meta(max_length=4096, pattern=TEXT)]


class Site(msgspec.Struct, frozen=True, rename="camel"):
    """HS_SITE: a service's sites and servers."""

    version: Short
    protocol_version: Annotated[str, Meta(pattern=rf"^{_BYTE}\.{_BYTE}\Z")]
    serial_number: Short
    primary_site: bool
    multi_primary: bool
    servers: Annotated[list[Server], Meta(max_length=64)]
    attributes: Annotated[list[Attribute], Meta(max_length=64)] = []


# Format name in JSON → the type its value must have.
STRUCTURED: dict[str, Any] = {
    "admin": Admin,
    "vlist": Annotated[list[Reference], Meta(max_length=1000)],
    "site": Site,
    "key": PublicKey,
}
