"""Session keys: Diffie-Hellman and RSA exchange, AES-128-CBC, MACs (RFC 3652 §3.7)."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable

from cryptography.hazmat.primitives import padding as blocks
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher as BlockCipher
from cryptography.hazmat.primitives.ciphers import algorithms, modes

from resolver.wire.code import Cipher
from resolver.wire.credential import MAC, Credential, covered
from resolver.wire.key import DH, RSA, WireKey
from resolver.wire.message import Message
from resolver.wire.octets import Malformed, u32

KEY_OCTETS = 32  # of a session key; MACs use all, AES-128 the first half
AES_OCTETS = 16
BLOCK = 16
MAC_NAME = "HMAC-SHA256"
MIN_DH_BITS, MAX_DH_BITS = 1024, 2048  # more would keep all others waiting: anybody may ask
EXPONENT_OCTETS = 32  # twice as many bits as an attack on the group costs
STEP_BITS = 32  # of an exponent at a time
STEP_MASK = (1 << STEP_BITS) - 1
REST_SECONDS = 0.0001
MIN_RSA_BITS, MAX_RSA_BITS, MAX_RSA_EXPONENT = 1024, 4096, 1 << 32
MAX_KEY_OCTETS = 64  # of a key that a client makes; more than HMAC-SHA256's block adds nothing
_MACS = {"HMAC-SHA256": "sha256", "HMAC-SHA1": "sha1"}

RandomBytes = Callable[[int], bytes]
Rest = Callable[[float], None]


def agree(
    client: WireKey, random_bytes: RandomBytes, rest: Rest = time.sleep
) -> tuple[bytes, bytes]:
    """Diffie-Hellman with the client's parameters: the session key, and the answer's data, which
    is u32 algorithm and our own public key. Raises Malformed for parameters that give no secret.
    Takes milliseconds: not on an event loop."""
    if client.kind != DH:
        raise Malformed("a Diffie-Hellman key is wanted")
    y, p, g = client.numbers
    fair = MIN_DH_BITS <= p.bit_length() <= MAX_DH_BITS and p % 2
    if not (fair and 1 < g < p - 1 and 1 < y < p - 1):
        raise Malformed("these Diffie-Hellman parameters are not safe")
    exponent = int.from_bytes(random_bytes(EXPONENT_OCTETS), "big") | 1 << 255
    ours = WireKey(DH, (power(g, exponent, p, rest), p, g))
    return key_of(power(y, exponent, p, rest)), u32(Cipher.AES) + ours.build()


def power(base: int, exponent: int, modulus: int, rest: Rest) -> int:
    """As `pow`, in steps of a third of a millisecond with rests between: it keeps the interpreter
    to itself while it computes, whatever thread it runs in, and the event loop must have its
    turns."""
    result = 1
    while exponent:
        result = result * pow(base, exponent & STEP_MASK, modulus) % modulus
        exponent >>= STEP_BITS
        if exponent:
            rest(REST_SECONDS)
            base = pow(base, 1 << STEP_BITS, modulus)
    return result


def key_of(shared: int) -> bytes:
    """The session key from a shared secret: its first octets, without leading zeros."""
    secret = shared.to_bytes((shared.bit_length() + 7) // 8, "big")[:KEY_OCTETS]
    if len(secret) < KEY_OCTETS:
        raise Malformed("this Diffie-Hellman exchange gives no secret")
    return secret


def deliver(key: bytes, recipient: WireKey) -> bytes:
    """A session key in an RSA key's encryption: u32 algorithm, key. By the server in modes 1 and 3,
    by the client in opcode 402. Raises Malformed."""
    if recipient.kind != RSA:
        raise Malformed("a session's key is sent to RSA keys alone")
    exponent, modulus = recipient.numbers
    # Larger ones would keep the processor busy for whoever asks.
    fair = MIN_RSA_BITS <= modulus.bit_length() <= MAX_RSA_BITS
    if not fair or not 3 <= exponent < MAX_RSA_EXPONENT:
        raise Malformed("this RSA key is not fit for a session")
    try:
        public = rsa.RSAPublicNumbers(exponent, modulus).public_key()
        return public.encrypt(u32(Cipher.AES) + key, padding.PKCS1v15())
    except ValueError:
        raise Malformed("this RSA key is none") from None


def received(data: bytes, private: rsa.RSAPrivateKey, random_bytes: RandomBytes) -> bytes:
    """The session key that a client delivers. What does not open, or is no key, gives a key that
    nobody knows: whoever could tell the one from the other by our answers could have this key sign
    and decrypt (Bleichenbacher)."""
    stranger = random_bytes(KEY_OCTETS)
    try:
        opened = private.decrypt(data, padding.PKCS1v15())
    except ValueError:
        return stranger
    key = opened[4:]
    fair = opened[:4] == u32(Cipher.AES) and AES_OCTETS <= len(key) <= MAX_KEY_OCTETS
    return key if fair else stranger


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
