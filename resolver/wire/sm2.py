"""SM2 signatures (GB/T 32918.2) in logins of Chinese clients.

What they sign is SM3(nonce ‖ digest), with the handle as the signer's id. The library for it has
wheels for x86-64 alone; elsewhere such a login fails as a wrong signature does.
"""

from __future__ import annotations

import base64
import binascii
import importlib
import re
from types import ModuleType

_POINT = bytes.fromhex("03420004")  # BIT STRING of 66 octets, none unused, an uncompressed point
_ARMOUR = re.compile(rb"-----[^-]*-----|\s")


def library() -> ModuleType | None:
    """gmssl-pyx, or None where it is not installed."""
    try:
        return importlib.import_module("gmssl_pyx")
    except ImportError:
        return None


def verify(pem: bytes, challenge: bytes, signature: bytes, signer: str) -> bool:
    """Whether the signature is by the key of this PEM text (a SubjectPublicKeyInfo)."""
    gmssl, point = library(), _point(pem)
    if gmssl is None or point is None:
        return False
    try:
        public = gmssl.normalize_sm2_public_key(point)
        message = gmssl.sm3_hash(challenge)
        return bool(gmssl.sm2_verify(public, message, signature, signer_id=signer.encode()))
    except (gmssl.InvalidValueError, gmssl.GmsslInnerError, ValueError):
        return False


def _point(pem: bytes) -> bytes | None:
    """x and y, which end a SubjectPublicKeyInfo."""
    try:
        der = base64.b64decode(_ARMOUR.sub(b"", pem), validate=True)
    except binascii.Error:
        return None
    return der[-64:] if der[-68:-64] == _POINT else None
