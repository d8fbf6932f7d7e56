"""Credentials: the signature or the MAC behind a message's body (RFC 3652 §2.2.5)."""

from __future__ import annotations

import struct

import msgspec

from resolver.wire.message import Message
from resolver.wire.octets import Malformed, Reader, octets, text, u32

SIGNED, MAC = "HS_SIGNED", "HS_MAC"
# Minor version. Recordings have one form up to 2.4 and the other from 2.8 on: between is a guess.
SESSION_SIGNED_SINCE = 5
_HEAD = bytes(4)  # version, reserved, options
_BOUND = struct.Struct(">BBBBIII")


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """`counter` is the index of a signer's key, or the number of a message within a session."""

    signer: str = ""
    counter: int = 0
    kind: str
    algorithm: str
    signature: bytes

    @classmethod
    def parse(cls, credential: bytes) -> Credential:
        reader = Reader(credential)
        reader.raw(len(_HEAD))
        signer, counter, kind = reader.text(), reader.u32(), reader.text()
        section = Reader(reader.octets())
        reader.done()
        parsed = cls(
            signer=signer,
            counter=counter,
            kind=kind,
            algorithm=section.text(),
            signature=section.octets(),
        )
        section.done()
        if parsed.kind not in (SIGNED, MAC):
            raise Malformed("a credential is HS_SIGNED or HS_MAC")
        return parsed

    def build(self) -> bytes:
        section = text(self.algorithm) + octets(self.signature)
        return _HEAD + text(self.signer) + u32(self.counter) + text(self.kind) + octets(section)


def covered(message: Message, counter: int) -> bytes:
    """The octets that a credential of this message is taken of."""
    envelope = message.envelope
    if envelope.minor < SESSION_SIGNED_SINCE:
        return message.signed_part
    bound = _BOUND.pack(
        envelope.major,
        envelope.minor,
        envelope.suggested_major,
        envelope.suggested,
        envelope.session_id,
        envelope.request_id,
        counter,
    )
    return bound + message.signed_part
