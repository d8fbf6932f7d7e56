"""Session keys: Diffie-Hellman and RSA exchange, AES-128-CBC, MACs (RFC 3652 §3.7)."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from cryptography.hazmat.primitives import padding as blocks
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher as BlockCipher
from cryptography.hazmat.primitives.ciphers import algorithms, modes

from resolver.wire.code import Cipher
from resolver.wire.credential import MAC, Credential, covered
from resolver.wire.key import DH, WireKey
from resolver.wire.message import Message
from resolver.wire.octets import Malformed, u32

KEY_OCTETS = 32  # of a session key; MACs use all, AES-128 the first half
AES_OCTETS = 16
BLOCK = 16
MAC_NAME = "HMAC-SHA256"
MIN_DH_BITS, MAX_DH_BITS = 1024, 2048  # more would keep all others waiting: anybody may ask
EXPONENT_OCTETS = 48
_MACS = {"HMAC-SHA256": "sha256", "HMAC-SHA1": "sha1"}

RandomBytes = Callable[[int], bytes]


def agree(client: WireKey, random_bytes: RandomBytes) -> tuple[bytes, bytes]:
    """Diffie-Hellman with the client's parameters: the session key, and the answer's data, which
    is u32 algorithm and our own public key. Raises Malformed for parameters that give no secret."""
    if client.kind != DH:
        raise Malformed("a Diffie-Hellman key is wanted")
    y, p, g = client.numbers
    fair = MIN_DH_BITS <= p.bit_length() <= MAX_DH_BITS and p % 2
    if not (fair and 1 < g < p - 1 and 1 < y < p - 1):
        raise Malformed("these Diffie-Hellman parameters are not safe")
    exponent = int.from_bytes(random_bytes(EXPONENT_OCTETS), "big") | 1 << 300
    ours = WireKey(DH, (pow(g, exponent, p), p, g))
    return key_of(pow(y, exponent, p)), u32(Cipher.AES) + ours.build()


def key_of(shared: int) -> bytes:
    """The session key from a shared secret: its first octets, without leading zeros."""
    secret = shared.to_bytes((shared.bit_length() + 7) // 8, "big")[:KEY_OCTETS]
    if len(secret) < KEY_OCTETS:
        raise Malformed("this Diffie-Hellman exchange gives no secret")
    return secret


def deliver(client: WireKey, random_bytes: RandomBytes) -> tuple[bytes, bytes]:
    """A new session key, and it in the client's RSA encryption (u32 algorithm, key)."""
    exponent, modulus = client.numbers
    if not 1024 <= modulus.bit_length() <= 8192 or exponent < 3:
        raise Malformed("this RSA key is not safe")
    key = random_bytes(KEY_OCTETS)
    try:
        public = rsa.RSAPublicNumbers(exponent, modulus).public_key()
        return key, public.encrypt(u32(Cipher.AES) + key, padding.PKCS1v15())
    except ValueError:
        raise Malformed("this RSA key is none") from None


def encrypt(key: bytes, payload: bytes, random_bytes: RandomBytes) -> bytes:
    """A message's payload as IV and ciphertext."""
    start = random_bytes(BLOCK)
    padder = blocks.PKCS7(8 * BLOCK).padder()
    cipher = BlockCipher(algorithms.AES(key[:AES_OCTETS]), modes.CBC(start)).encryptor()
    padded = padder.update(payload) + padder.finalize()
    return start + cipher.update(padded) + cipher.finalize()


def decrypt(key: bytes, data: bytes) -> bytes:
    """The payload. Raises Malformed."""
    if len(data) < 2 * BLOCK or len(data) % BLOCK:
        raise Malformed("an encrypted message is a whole number of blocks")
    cipher = BlockCipher(algorithms.AES(key[:AES_OCTETS]), modes.CBC(data[:BLOCK])).decryptor()
    unpadder = blocks.PKCS7(8 * BLOCK).unpadder()
    try:
        padded = cipher.update(data[BLOCK:]) + cipher.finalize()
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        raise Malformed("an encrypted message does not open") from None


def authentic(key: bytes, message: Message, credential: Credential) -> bool:
    """Whether the credential is this session key's MAC of the message."""
    name = _MACS.get(credential.algorithm.upper())
    if credential.kind != MAC or name is None:
        return False
    expected = hmac.digest(key, covered(message, credential.counter), name)
    return hmac.compare_digest(expected, credential.signature)


def mac_of(key: bytes, message: Message, counter: int) -> Credential:
    signature = hmac.digest(key, covered(message, counter), "sha256")
    return Credential(counter=counter, kind=MAC, algorithm=MAC_NAME, signature=signature)
