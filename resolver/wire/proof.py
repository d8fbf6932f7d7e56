"""Proofs of identity: what op 200 carries, and whether it holds.

HS_PUBKEY: str digest name, bytes signature. HS_SECKEY: u8 code, then a MAC, which for PBKDF2 comes
after salt, iterations and key length. Both are over the nonce and the request's digest.
"""

from __future__ import annotations

import hashlib
import hmac
from enum import IntEnum

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, padding, rsa

from resolver.wire import sm2
from resolver.wire.key import DSA, RSA, SM2, WireKey
from resolver.wire.octets import Malformed, Reader, octets, text, u8, u32

MAX_ITERATIONS = 100_000  # what a stranger may have us compute
SALT_BYTES = 16
SHA1_NAMES = frozenset({"SHA1", "SHA-1"})
SHA256_NAMES = frozenset({"SHA-256", "SHA256"})
SM3_NAMES = frozenset({"SM3"})


class MacCode(IntEnum):
    """How a secret key makes a MAC of a challenge."""

    MD5 = 0x01  # not taken: MD5 protects nothing
    SHA1 = 0x02
    SHA256 = 0x03
    HMAC_SHA1 = 0x12
    HMAC_SHA256 = 0x13
    PBKDF2_HMAC_SHA1 = 0x22


class SignatureProof(msgspec.Struct, frozen=True):
    algorithm: str
    signature: bytes

    @classmethod
    def parse(cls, data: bytes) -> SignatureProof:
        reader = Reader(data)
        parsed = cls(reader.text(), reader.octets())
        reader.done()
        return parsed

    def build(self) -> bytes:
        return text(self.algorithm) + octets(self.signature)

    def holds(self, key: WireKey, challenge: bytes, handle: str) -> bool:
        """Whether the key's owner signed the challenge. `handle` is an SM2 signer's id."""
        name = self.algorithm.upper()
        if key.kind == SM2:
            return name in SM3_NAMES and sm2.verify(key.pem, challenge, self.signature, handle)
        if name in SHA256_NAMES:
            return _verified(key, self.signature, challenge, hashes.SHA256())
        if name in SHA1_NAMES:
            return _verified(key, self.signature, challenge, hashes.SHA1())  # noqa: S303
        return False


class MacProof(msgspec.Struct, frozen=True):
    code: MacCode
    mac: bytes
    salt: bytes = b""
    iterations: int = 0
    key_bits: int = 0

    @classmethod
    def parse(cls, data: bytes) -> MacProof:
        reader = Reader(data)
        number = reader.u8()
        if number == MacCode.PBKDF2_HMAC_SHA1:
            salt, iterations, bits = reader.octets(), reader.u32(), reader.u32()
            parsed = cls(MacCode(number), reader.octets(), salt, iterations, bits)
            reader.done()
            return parsed
        try:
            return cls(MacCode(number), reader.rest())
        except ValueError:
            raise Malformed(f"there is no MAC algorithm {number:#x}") from None

    def build(self) -> bytes:
        if self.code is not MacCode.PBKDF2_HMAC_SHA1:
            return u8(self.code) + self.mac
        derivation = octets(self.salt) + u32(self.iterations) + u32(self.key_bits)
        return u8(self.code) + derivation + octets(self.mac)

    @property
    def bearable(self) -> bool:
        """Whether this node is willing to compute it."""
        if self.code is not MacCode.PBKDF2_HMAC_SHA1:
            return self.code is not MacCode.MD5
        fair = 1 <= self.iterations <= MAX_ITERATIONS and len(self.salt) <= 64
        return fair and self.key_bits % 8 == 0 and 0 < self.key_bits <= 512

    def holds(self, secret: bytes, challenge: bytes) -> bool:
        """Whether it was made with the secret. PBKDF2 takes milliseconds: not on an event loop."""
        if not (self.bearable and secret):
            return False
        return hmac.compare_digest(self._expected(secret, challenge), self.mac)

    def _expected(self, secret: bytes, challenge: bytes) -> bytes:
        match self.code:
            case MacCode.SHA1:
                framed = secret + challenge + secret
                return hashlib.sha1(framed, usedforsecurity=False).digest()
            case MacCode.SHA256:
                return hashlib.sha256(secret + challenge + secret).digest()
            case MacCode.HMAC_SHA1:
                return hmac.digest(secret, challenge, "sha1")
            case MacCode.HMAC_SHA256:
                return hmac.digest(secret, challenge, "sha256")
            case _:
                size = self.key_bits // 8
                key = hashlib.pbkdf2_hmac("sha1", secret, self.salt, self.iterations, size)
                return hmac.digest(key, challenge, "sha1")


def mac_proof(code: MacCode, secret: bytes, challenge: bytes, salt: bytes = b"") -> MacProof:
    """The proof that an owner of the secret gives."""
    drawn = MacProof(code, b"")
    if code is MacCode.PBKDF2_HMAC_SHA1:
        drawn = MacProof(code, b"", salt, iterations=10_000, key_bits=160)
    return msgspec.structs.replace(drawn, mac=drawn._expected(secret, challenge))


def _verified(
    key: WireKey, signature: bytes, challenge: bytes, digest: hashes.HashAlgorithm
) -> bool:
    try:
        if key.kind == RSA:
            exponent, modulus = key.numbers
            public = rsa.RSAPublicNumbers(exponent, modulus).public_key()
            public.verify(signature, challenge, padding.PKCS1v15(), digest)
        elif key.kind == DSA:
            q, p, g, y = key.numbers
            numbers = dsa.DSAPublicNumbers(y, dsa.DSAParameterNumbers(p, q, g))
            numbers.public_key().verify(signature, challenge, digest)
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True
