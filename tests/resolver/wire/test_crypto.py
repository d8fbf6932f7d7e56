"""Signatures, session keys and encryption, against keys made here."""

from __future__ import annotations

import os

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from resolver.wire import cipher, sm2
from resolver.wire.body import SessionSetup
from resolver.wire.key import DH, DSA, RSA, SM2, WireKey
from resolver.wire.message import Envelope, Message
from resolver.wire.octets import Malformed, Reader
from resolver.wire.proof import SignatureProof
from tests.resolver.wire.recorded import EXCHANGES

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def rsa_key(key: rsa.RSAPrivateKey = RSA_KEY) -> WireKey:
    public = key.public_key().public_numbers()
    return WireKey(RSA, (public.e, public.n))


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("SHA-256", hashes.SHA256()),
        ("SHA256", hashes.SHA256()),
        ("SHA1", hashes.SHA1()),
        ("SHA-1", hashes.SHA1()),
    ],
)
def test_rsa(name: str, digest: hashes.HashAlgorithm) -> None:
    signature = RSA_KEY.sign(b"challenge", padding.PKCS1v15(), digest)
    assert SignatureProof(name, signature).holds(rsa_key(), b"challenge", "h")
    assert not SignatureProof(name, signature).holds(rsa_key(), b"challengf", "h")
    assert not SignatureProof("MD5", signature).holds(rsa_key(), b"challenge", "h")


def test_dsa() -> None:
    private = dsa.generate_private_key(1024)
    public = private.public_key().public_numbers()
    numbers = public.parameter_numbers
    key = WireKey(DSA, (numbers.q, numbers.p, numbers.g, public.y))
    for name, digest in (("SHA1", hashes.SHA1()), ("SHA-256", hashes.SHA256())):
        proof = SignatureProof(name, private.sign(b"challenge", digest))
        assert proof.holds(key, b"challenge", "h")
        assert not proof.holds(key, b"another", "h")


def test_senseless_keys_and_signatures() -> None:
    for key in (WireKey(RSA, (1, 4)), WireKey(DSA, (1, 1, 1, 1)), WireKey(DH, (1, 2, 3))):
        assert not SignatureProof("SHA-256", b"junk").holds(key, b"challenge", "h")
    assert not SignatureProof("SM3", b"junk").holds(WireKey(SM2, pem=b"junk"), b"challenge", "h")


@pytest.mark.skipif(sm2.library() is None, reason="gmssl-pyx has no wheel for this machine")
def test_sm2() -> None:
    gmssl = sm2.library()
    assert gmssl is not None
    public, private = gmssl.sm2_key_generate()
    pem = sm2_pem(public)
    digest = gmssl.sm3_hash(b"challenge")
    signature = gmssl.sm2_sign(private, public, digest, signer_id=b"88.118.8/ADMIN")
    proof, key = SignatureProof("SM3", signature), WireKey.parse(WireKey(SM2, pem=pem).build())
    assert proof.holds(key, b"challenge", "88.118.8/ADMIN")
    assert not proof.holds(key, b"challenge", "88.118.8/OTHER")
    assert not proof.holds(key, b"another", "88.118.8/ADMIN")


def sm2_pem(public: bytes) -> bytes:
    """A SubjectPublicKeyInfo of ecPublicKey on the curve sm2p256v1."""
    import base64

    algorithm = bytes.fromhex("301306072a8648ce3d020106082a811ccf5501822d")
    der = bytes.fromhex("3059") + algorithm + bytes.fromhex("03420004") + public
    text = base64.encodebytes(der)
    return b"-----BEGIN PUBLIC KEY-----\n" + text + b"-----END PUBLIC KEY-----\n"


def test_diffie_hellman() -> None:
    """With the parameters a stock client was recorded to send."""
    asked = SessionSetup.parse(EXCHANGES["session_setup_dh.tcp"].asked.body)
    _, p, g = WireKey.parse(asked.key).numbers
    secret = int.from_bytes(os.urandom(40), "big")
    key, data = cipher.agree(WireKey(DH, (pow(g, secret, p), p, g)), os.urandom)
    reader = Reader(data)
    assert reader.u32() == 3
    y, *_ = WireKey.parse(reader.rest()).numbers
    assert cipher.key_of(pow(y, secret, p)) == key


@pytest.mark.parametrize(
    "numbers", [(1, 2**2048 - 1, 2), (5, 2**512 - 1, 2), (5, 2**4096 - 1, 2), (5, 2**2047, 2)]
)
def test_unsafe_parameters(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(Malformed):
        cipher.agree(WireKey(DH, numbers), os.urandom)


@given(st.integers(min_value=0, max_value=2**300), st.integers(min_value=1, max_value=2**200))
def test_power(exponent: int, base: int) -> None:
    rests: list[float] = []
    assert cipher.power(base, exponent, 2**127 - 1, rests.append) == pow(base, exponent, 2**127 - 1)
    assert len(rests) == max(0, exponent.bit_length() - 1) // cipher.STEP_BITS


def test_delivered_key() -> None:
    key = os.urandom(32)
    data = cipher.deliver(key, rsa_key())
    reader = Reader(RSA_KEY.decrypt(data, padding.PKCS1v15()))
    assert reader.u32() == 3
    assert reader.rest() == key
    assert cipher.received(data, RSA_KEY, os.urandom) == key


@pytest.mark.parametrize(
    "sealed",
    [
        b"",
        bytes(256),
        b"\xff" * 256,
        b"\x01" * 400,
        rsa_key().numbers[1].to_bytes(256, "big"),
        *(
            RSA_KEY.public_key().encrypt(text, padding.PKCS1v15())
            for text in (b"", b"\0\0\0\3", b"\0\0\0\1" + bytes(32), b"\0\0\0\3" + bytes(15))
        ),
    ],
)
def test_what_is_no_key_is_one_that_nobody_knows(sealed: bytes) -> None:
    """The answer does not tell whether it opened."""
    assert cipher.received(sealed, RSA_KEY, lambda size: b"\7" * size) == b"\7" * 32


@given(st.binary(max_size=2000))
def test_encryption(payload: bytes) -> None:
    key = bytes(range(32))
    sealed = cipher.encrypt(key, payload, os.urandom)
    assert cipher.decrypt(key, sealed) == payload
    with pytest.raises(Malformed):
        cipher.decrypt(key, sealed[:-1])


def test_macs() -> None:
    key = bytes(range(32))
    message = Message(envelope=Envelope(session_id=5, request_id=7), opcode=1, body=b"body")
    credential = cipher.mac_of(key, message, 3)
    assert cipher.authentic(key, message, credential)
    assert not cipher.authentic(bytes(32), message, credential)
    for changed in (
        msgspec.structs.replace(message, body=b"bodz"),
        msgspec.structs.replace(message, envelope=Envelope(session_id=6, request_id=7)),
    ):
        assert not cipher.authentic(key, changed, credential)
    assert not cipher.authentic(key, message, msgspec.structs.replace(credential, counter=4))


@pytest.mark.parametrize(
    "numbers",
    [
        (4, 2**2048 - 1),
        (3, 2**512 - 1),
        (3, 2**8191 - 1),
        (1, 2**2048 - 1),
        (2**64 + 1, 2**2048 - 1),
    ],
)
def test_no_key_to_deliver_to(numbers: tuple[int, int]) -> None:
    with pytest.raises(Malformed):
        cipher.deliver(bytes(32), WireKey(RSA, numbers))


def test_no_kind_of_key_to_deliver_to() -> None:
    with pytest.raises(Malformed):
        cipher.deliver(bytes(32), WireKey(DH, (5, 7, 9)))
