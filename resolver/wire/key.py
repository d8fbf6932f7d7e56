"""Public keys as HS_PUBKEY, HS_SITE and session set-ups carry them.

str key type, u16 0, then for RSA exponent and modulus, for DSA q, p, g and y, for Diffie-Hellman
y, p and g, each as an octet string that keeps its leading zero. SM2 keys are PEM text. In records
four zero octets follow an RSA key, in session set-ups they do not.
"""

from __future__ import annotations

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa

from resolver.wire.octets import Malformed, Reader, octets, text, u16

RSA, DSA, DH, SM2 = "RSA_PUB_KEY", "DSA_PUB_KEY", "DH_PUB_KEY", "SM2_PUB_KEY"
_NUMBERS = {RSA: 2, DSA: 4, DH: 3}
TAIL = bytes(4)
MAX_NUMBER = 1026  # octets: 8192 bits, a leading zero and one to spare


class WireKey(msgspec.Struct, frozen=True):
    """`numbers` in the order above; for SM2 keys `pem` instead."""

    kind: str
    numbers: tuple[int, ...] = ()
    pem: bytes = b""
    tail: bytes = b""

    @classmethod
    def parse(cls, data: bytes) -> WireKey:
        """Raises Malformed for what is no key of a kind known here."""
        reader = Reader(data)
        kind = reader.text()
        reader.u16()
        if kind == SM2:
            return cls(kind, pem=_pem(reader))
        if kind not in _NUMBERS:
            raise Malformed("a public key of a kind that is not known here")
        numbers = tuple(_number(reader) for _ in range(_NUMBERS[kind]))
        tail = reader.raw(len(TAIL)) if kind == RSA and reader.left else b""
        reader.done()
        if tail.strip(b"\0"):
            raise Malformed("octets follow a key")
        return cls(kind, numbers, tail=tail)

    def build(self) -> bytes:
        head = text(self.kind) + u16(0)
        if self.kind == SM2:
            return head + octets(self.pem)
        return head + b"".join(octets(signed(number)) for number in self.numbers) + self.tail


def public_key(private: rsa.RSAPrivateKey) -> WireKey:
    """An RSA key's public half, as records carry it."""
    numbers = private.public_key().public_numbers()
    return WireKey(RSA, (numbers.e, numbers.n), tail=TAIL)


def signed(number: int) -> bytes:
    """The shortest two's complement form, as Java writes big numbers."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def _number(reader: Reader) -> int:
    data = reader.octets()
    if not 0 < len(data) <= MAX_NUMBER:
        raise Malformed(f"a key's numbers have 1 to {MAX_NUMBER} octets")
    return int.from_bytes(data, "big")


def _pem(reader: Reader) -> bytes:
    """PEM text, after its length or bare."""
    rest = reader.rest()
    if len(rest) >= 4 and int.from_bytes(rest[:4], "big") == len(rest) - 4:
        return rest[4:]
    return rest
