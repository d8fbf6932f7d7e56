"""The digest of a request, which an answer repeats: u8 algorithm, then the raw digest."""

from __future__ import annotations

import hashlib

import msgspec

from resolver.wire.code import DigestAlgorithm
from resolver.wire.message import Message
from resolver.wire.octets import Malformed, Reader, octets, u8

SHA256_SINCE = 7  # minor version
_SIZES = {DigestAlgorithm.MD5: 16, DigestAlgorithm.SHA1: 20, DigestAlgorithm.SHA256: 32}


class Digest(msgspec.Struct, frozen=True):
    algorithm: DigestAlgorithm
    octets: bytes

    @classmethod
    def of(cls, request: Message, minor: int) -> Digest:
        """Of a request's header and body, as this minor version takes it."""
        if minor >= SHA256_SINCE:
            return cls(DigestAlgorithm.SHA256, hashlib.sha256(request.signed_part).digest())
        sha1 = hashlib.sha1(request.signed_part, usedforsecurity=False)
        return cls(DigestAlgorithm.SHA1, sha1.digest())

    @classmethod
    def read(cls, reader: Reader) -> Digest:
        number = reader.u8()
        try:
            algorithm = DigestAlgorithm(number)
        except ValueError:
            raise Malformed(f"there is no digest algorithm {number}") from None
        return cls(algorithm, reader.raw(_SIZES[algorithm]))

    def build(self) -> bytes:
        return u8(self.algorithm) + self.octets


class Challenge(msgspec.Struct, frozen=True):
    """The body of an answer 402."""

    digest: Digest
    nonce: bytes

    @classmethod
    def parse(cls, body: bytes) -> Challenge:
        reader = Reader(body)
        parsed = cls(Digest.read(reader), reader.octets())
        reader.done()
        return parsed

    def build(self) -> bytes:
        return self.digest.build() + octets(self.nonce)

    @property
    def signed(self) -> bytes:
        """What the challenged signs: the nonce and the raw digest."""
        return self.nonce + self.digest.octets
