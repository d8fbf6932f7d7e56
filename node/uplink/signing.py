"""The signature under every request to the national node.

Ed25519 over five lines joined by a line feed, without one at the end:

    method · path?query as sent · SHA-256 of the body in hex · timestamp · nonce

Both ends use these functions: the client signs, the sandbox national node verifies.
The application id and the secondary prefix are not among the lines. The receiver looks the key
up by the application id and must compare the prefix with the one registered for it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from registry.errors import NotAuthenticated

MAX_SKEW = 300  # seconds of difference between the two clocks

APP_ID = "X-App-Id"
SHR_PREFIX = "X-Shr-Prefix"
TIMESTAMP = "X-Timestamp"
NONCE = "X-Nonce"
SIGNATURE = "X-Signature"

# Neither can hold a line feed, so the five lines can be read in one way only.
_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)


class Credentials(msgspec.Struct, frozen=True):
    """What a request claims about its sender; well formed, but unproven until `verify`."""

    app_id: str
    shr_prefix: str
    timestamp: int  # unix seconds
    nonce: str
    signature: bytes


def sign(
    key: Ed25519PrivateKey,
    *,
    app_id: str,
    shr_prefix: str,
    method: str,
    target: str,
    body: bytes,
    timestamp: int,
    nonce: str,
) -> dict[str, str]:
    """The five headers for one request. `target` is path?query exactly as it goes on the wire."""
    if not _NONCE.fullmatch(nonce):
        raise ValueError("a nonce is 16 to 64 letters, digits, - or _")
    signature = key.sign(_signed_text(method, target, body, timestamp, nonce))
    return {
        APP_ID: app_id,
        SHR_PREFIX: shr_prefix,
        TIMESTAMP: str(timestamp),
        NONCE: nonce,
        SIGNATURE: base64.b64encode(signature).decode(),
    }


def read_credentials(headers: Mapping[str, str]) -> Credentials:
    """The claims in the headers; NotAuthenticated names the header that is missing or malformed."""
    timestamp = _header(headers, TIMESTAMP)
    if not _TIMESTAMP.fullmatch(timestamp):
        raise NotAuthenticated("The timestamp is not unix seconds", field=TIMESTAMP, rule="format")
    nonce = _header(headers, NONCE)
    if not _NONCE.fullmatch(nonce):
        raise NotAuthenticated(
            "The nonce is not 16 to 64 letters, digits, - or _", field=NONCE, rule="format"
        )
    return Credentials(
        app_id=_header(headers, APP_ID),
        shr_prefix=_header(headers, SHR_PREFIX),
        timestamp=int(timestamp),
        nonce=nonce,
        signature=_signature(_header(headers, SIGNATURE)),
    )


def verify(
    credentials: Credentials,
    key: Ed25519PublicKey,
    *,
    method: str,
    target: str,
    body: bytes,
    now: float,
    max_skew: float = MAX_SKEW,
) -> None:
    """NotAuthenticated unless the signature holds and the clocks are within `max_skew` seconds.

    The nonce is only covered here; refusing it a second time takes the receiver's memory.
    """
    if abs(now - credentials.timestamp) > max_skew:
        raise NotAuthenticated(
            f"The timestamp is more than {max_skew:g} s from the receiver's clock",
            field=TIMESTAMP,
            rule="skew",
        )
    text = _signed_text(method, target, body, credentials.timestamp, credentials.nonce)
    try:
        key.verify(credentials.signature, text)
    except InvalidSignature:
        raise NotAuthenticated(
            "The signature does not match the request", field=SIGNATURE, rule="signature"
        ) from None


def _signed_text(method: str, target: str, body: bytes, timestamp: int, nonce: str) -> bytes:
    digest = hashlib.sha256(body).hexdigest()
    return "\n".join((method, target, digest, str(timestamp), nonce)).encode()


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name)
    if not value:
        raise NotAuthenticated(f"The header {name} is missing", field=name, rule="required")
    return value


def _signature(text: str) -> bytes:
    try:
        signature = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        signature = b""
    if len(signature) != 64:
        raise NotAuthenticated(
            "The signature is not 64 bytes in base64", field=SIGNATURE, rule="format"
        )
    return signature
