"""Messages: the envelope of 20 octets, the header of 24, the body and the credential.

envelope  u8 major, u8 minor, u8 flags and suggested major, u8 suggested minor,
          u32 session, u32 request, u32 sequence, u32 length of what follows
header    u32 opcode, u32 response code, u32 flags, u16 site serial, u8 recursion count,
          u8 reserved, u32 expiration, u32 body length
then      body, u32 credential length, credential
"""

from __future__ import annotations

import struct

import msgspec

from resolver.wire.code import MAX_MESSAGE, UNKNOWN_SERIAL, EnvelopeFlag
from resolver.wire.octets import Malformed, octets

ENVELOPE = struct.Struct(">BBBBIIII")
HEADER = struct.Struct(">IIIHBBII")
MAJOR, OLDEST, NEWEST = 2, 1, 11
_MINOR_LIMIT = 0x03


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """`suggested` is the minor version the sender would like; `length` counts what follows."""

    minor: int = NEWEST
    suggested: int = NEWEST
    suggested_major: int = MAJOR
    major: int = MAJOR
    flags: int = 0
    session_id: int = 0
    request_id: int = 0
    sequence: int = 0
    length: int = 0

    @classmethod
    def parse(cls, data: bytes) -> Envelope:
        """The envelope that begins these octets. Raises Malformed."""
        if len(data) < ENVELOPE.size:
            raise Malformed("a message begins with an envelope of 20 octets")
        major, minor, mixed, suggested, session, request, sequence, length = ENVELOPE.unpack_from(
            data
        )
        if major != MAJOR:
            raise Malformed(f"version {major}.{minor} is not spoken here")
        if length > MAX_MESSAGE:
            raise Malformed(f"a message has at most {MAX_MESSAGE} octets")
        return cls(
            minor=minor,
            suggested=suggested,
            suggested_major=mixed & _MINOR_LIMIT,
            flags=mixed & ~_MINOR_LIMIT,
            session_id=session,
            request_id=request,
            sequence=sequence,
            length=length,
        )

    def build(self) -> bytes:
        return ENVELOPE.pack(
            self.major,
            self.minor,
            self.flags | self.suggested_major,
            self.suggested,
            self.session_id,
            self.request_id,
            self.sequence,
            self.length,
        )

    @property
    def encrypted(self) -> bool:
        return bool(self.flags & EnvelopeFlag.ENCRYPTED)

    @property
    def compressed(self) -> bool:
        return bool(self.flags & EnvelopeFlag.COMPRESSED)

    @property
    def truncated(self) -> bool:
        return bool(self.flags & EnvelopeFlag.TRUNCATED)

    @property
    def answered_in(self) -> int:
        """The minor version to answer in: what the sender suggests, as far as it is known."""
        wanted = self.suggested if self.suggested_major else self.minor
        return max(OLDEST, min(wanted, NEWEST))


def message_end(buffer: bytes, at: int) -> int | None:
    """Where the message that begins here ends; None where not all of it has come. Raises Malformed
    as `Envelope.parse` does."""
    if len(buffer) - at < ENVELOPE.size:
        return None
    length = int.from_bytes(buffer[at + ENVELOPE.size - 4 : at + ENVELOPE.size], "big")
    if buffer[at] != MAJOR or length > MAX_MESSAGE:
        Envelope.parse(buffer[at : at + ENVELOPE.size])  # which says what is wrong
    end = at + ENVELOPE.size + length
    return end if end <= len(buffer) else None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A whole message. `envelope.length` of a message to be sent is found out by `build`."""

    envelope: Envelope = Envelope()
    opcode: int
    response_code: int = 0
    flags: int = 0
    site_serial: int = UNKNOWN_SERIAL
    recursion: int = 0
    reserved: int = 0
    expiration: int = 0
    body: bytes = b""
    credential: bytes | None = b""  # None: not even its length is there, which clients do

    @classmethod
    def parse(cls, envelope: Envelope, payload: bytes) -> Message:
        """The message after this envelope. Raises Malformed."""
        if len(payload) < HEADER.size:
            raise Malformed("a message has a header of 24 octets")
        opcode, code, flags, serial, recursion, reserved, expiration, length = HEADER.unpack_from(
            payload
        )
        end = HEADER.size + length
        if end > len(payload):
            raise Malformed("the body is shorter than the header says")
        return cls(
            envelope=envelope,
            opcode=opcode,
            response_code=code,
            flags=flags,
            site_serial=serial,
            recursion=recursion,
            reserved=reserved,
            expiration=expiration,
            body=payload[HEADER.size : end],
            credential=_credential(payload[end:]),
        )

    @property
    def signed_part(self) -> bytes:
        """Header and body: what digests and credentials are taken of."""
        header = HEADER.pack(
            self.opcode,
            self.response_code,
            self.flags,
            self.site_serial,
            self.recursion,
            self.reserved,
            self.expiration,
            len(self.body),
        )
        return header + self.body

    def payload(self) -> bytes:
        """What follows the envelope."""
        end = b"" if self.credential is None else octets(self.credential)
        return self.signed_part + end

    def build(self) -> bytes:
        payload = self.payload()
        envelope = msgspec.structs.replace(self.envelope, length=len(payload))
        return envelope.build() + payload


def _credential(rest: bytes) -> bytes | None:
    if not rest:
        return None
    if len(rest) < 4 or int.from_bytes(rest[:4], "big") != len(rest) - 4:
        raise Malformed("the credential is not as long as it says")
    return rest[4:]
