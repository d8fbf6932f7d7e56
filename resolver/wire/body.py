"""The bodies of requests and answers, each with its own `parse` and `build`."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from resolver.wire.octets import Malformed, Reader, many, octets, text, u8, u16, u32
from resolver.wire.value import WireValue, build_values, read_values

SMALLEST_TEXT = 4
_SPARE = b"\0\0"  # clients in use put these behind a session's set-up


class ResolutionRequest(msgspec.Struct, frozen=True):
    """Opcode 1. `trailing` is the field that some clients add, None where they do not."""

    handle: str
    indexes: tuple[int, ...] = ()
    types: tuple[str, ...] = ()
    trailing: bytes | None = None

    @classmethod
    def parse(cls, body: bytes) -> ResolutionRequest:
        reader = Reader(body)
        handle = reader.text()
        indexes = reader.many(4, Reader.u32)
        types = reader.many(SMALLEST_TEXT, Reader.text)
        trailing = reader.octets() if reader.left else None
        reader.done()
        return cls(handle, indexes, types, trailing)

    def build(self) -> bytes:
        end = b"" if self.trailing is None else octets(self.trailing)
        return (
            text(self.handle)
            + many(u32(index) for index in self.indexes)
            + many(text(type_) for type_ in self.types)
            + end
        )


class Values(msgspec.Struct, frozen=True):
    """A handle and values: opcodes 100, 102 and 104, and the answer to opcode 1."""

    handle: str
    values: tuple[WireValue, ...] = ()

    @classmethod
    def parse(cls, body: bytes) -> Values:
        reader = Reader(body)
        parsed = cls(reader.text(), read_values(reader))
        reader.done()
        return parsed

    def build(self) -> bytes:
        return text(self.handle) + build_values(self.values)


class Indexes(msgspec.Struct, frozen=True):
    """A handle and indexes: opcode 103."""

    handle: str
    indexes: tuple[int, ...] = ()

    @classmethod
    def parse(cls, body: bytes) -> Indexes:
        reader = Reader(body)
        parsed = cls(reader.text(), reader.many(4, Reader.u32))
        reader.done()
        return parsed

    def build(self) -> bytes:
        return text(self.handle) + many(u32(index) for index in self.indexes)


class Text(msgspec.Struct, frozen=True):
    """One text: a handle or prefix in opcodes 2, 101, 105, 300–302 and 401, the handle created in
    the answer to opcode 100, the message of an error."""

    text: str

    @classmethod
    def parse(cls, body: bytes) -> Text:
        reader = Reader(body)
        parsed = cls(reader.text())
        reader.done()
        return parsed

    def build(self) -> bytes:
        return text(self.text)


class Handles(msgspec.Struct, frozen=True):
    """A list of handles: the answers to opcodes 105 and 302."""

    handles: tuple[str, ...] = ()

    @classmethod
    def parse(cls, body: bytes) -> Handles:
        reader = Reader(body)
        parsed = cls(reader.many(SMALLEST_TEXT, Reader.text))
        reader.done()
        return parsed

    def build(self) -> bytes:
        return many(text(handle) for handle in self.handles)


class ChallengeAnswer(msgspec.Struct, frozen=True):
    """Opcode 200: who claims to be whom, and the proof."""

    kind: str  # HS_PUBKEY or HS_SECKEY
    handle: str
    index: int
    proof: bytes

    @classmethod
    def parse(cls, body: bytes) -> ChallengeAnswer:
        reader = Reader(body)
        parsed = cls(reader.text(), reader.text(), reader.u32(), reader.octets())
        reader.done()
        return parsed

    def build(self) -> bytes:
        return text(self.kind) + text(self.handle) + u32(self.index) + octets(self.proof)


class VerificationRequest(msgspec.Struct, frozen=True):
    """Opcode 201: is this the right proof for that challenge? The answer is one octet."""

    handle: str
    index: int
    nonce: bytes
    digest: bytes  # with its algorithm
    proof: bytes

    @classmethod
    def parse(cls, body: bytes) -> VerificationRequest:
        reader = Reader(body)
        handle, index, nonce = reader.text(), reader.u32(), reader.octets()
        parsed = cls(handle, index, nonce, reader.octets(), reader.octets())
        reader.done()
        return parsed

    def build(self) -> bytes:
        return (
            text(self.handle)
            + u32(self.index)
            + octets(self.nonce)
            + octets(self.digest)
            + octets(self.proof)
        )


class PasswordLogin(msgspec.Struct, frozen=True):
    """Opcode 2000: str user, u32 0, u32 1, str password."""

    user: str
    password: str
    numbers: tuple[int, int] = (0, 1)

    @classmethod
    def parse(cls, body: bytes) -> PasswordLogin:
        reader = Reader(body)
        user, numbers = reader.text(), (reader.u32(), reader.u32())
        parsed = cls(user, reader.text(), numbers)
        reader.done()
        return parsed

    def build(self) -> bytes:
        first, second = self.numbers
        return text(self.user) + u32(first) + u32(second) + text(self.password)


class IdentityLogin(msgspec.Struct, frozen=True):
    """Opcode 2001: who wants to be challenged."""

    handle: str
    index: int

    @classmethod
    def parse(cls, body: bytes) -> IdentityLogin:
        reader = Reader(body)
        parsed = cls(reader.text(), reader.u32())
        reader.done()
        return parsed

    def build(self) -> bytes:
        return text(self.handle) + u32(self.index)


class SessionSetup(msgspec.Struct, frozen=True):
    """Opcode 400. What follows the index depends on the mode and is kept as it came."""

    mode: int
    seconds: int
    handle: str
    index: int
    rest: bytes = b""

    LARGEST_KEY: ClassVar[int] = 4096  # octets

    @classmethod
    def parse(cls, body: bytes) -> SessionSetup:
        reader = Reader(body)
        mode, seconds = reader.u16(), reader.u32()
        return cls(mode, seconds, reader.text(), reader.u32(), reader.rest())

    def build(self) -> bytes:
        return u16(self.mode) + u32(self.seconds) + text(self.handle) + u32(self.index) + self.rest

    @property
    def key(self) -> bytes:
        """The client's public key, in modes 1 and 4. Raises Malformed."""
        reader = Reader(self.rest)
        key = reader.octets()
        if reader.rest() not in (b"", _SPARE) or len(key) > self.LARGEST_KEY:
            raise Malformed("this is no public key for a session")
        return key

    @property
    def reference(self) -> tuple[str, int]:
        """The handle and the index of the value that holds the key, in mode 3. Raises Malformed."""
        reader = Reader(self.rest)
        handle, index = reader.text(), reader.u32()
        if reader.rest() not in (b"", _SPARE):
            raise Malformed("octets follow where nothing should")
        return handle, index

    def check_bare(self) -> None:
        """In mode 2 nothing follows. Raises Malformed."""
        if self.rest not in (b"", _SPARE):
            raise Malformed("octets follow where nothing should")


class SessionAnswer(msgspec.Struct, frozen=True):
    """The answer to opcode 400; the spare octets are what servers in use send."""

    mode: int
    data: bytes

    @classmethod
    def parse(cls, body: bytes) -> SessionAnswer:
        reader = Reader(body)
        parsed = cls(reader.u16(), reader.octets())
        if reader.rest() not in (b"", _SPARE):
            raise Malformed("octets follow where nothing should")
        return parsed

    def build(self) -> bytes:
        return u16(self.mode) + octets(self.data) + _SPARE


class KeyDelivery(msgspec.Struct, frozen=True):
    """Opcode 402: the session's key, in the encryption of the key that the server answered a set-up
    of mode 2 with. The answer is empty."""

    data: bytes

    LARGEST: ClassVar[int] = 1024  # octets: an RSA key of 8192 bits

    @classmethod
    def parse(cls, body: bytes) -> KeyDelivery:
        reader = Reader(body)
        parsed = cls(reader.octets())
        if reader.rest() not in (b"", _SPARE) or len(parsed.data) > cls.LARGEST:
            raise Malformed("this is no encrypted session key")
        return parsed

    def build(self) -> bytes:
        return octets(self.data)


def flag_octet(value: bool) -> bytes:
    """The answer to opcode 201."""
    return u8(int(value))
