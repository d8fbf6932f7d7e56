"""The Ed25519 key with which requests to the national node are signed."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from registry.errors import Unavailable


class UplinkKeyUnfit(Unavailable):
    kind = "uplink-key-unfit"
    title = "The key for the national node cannot be used"


def load_key(file: Path) -> Ed25519PrivateKey:
    """Read a PEM file that only its owner may read."""
    try:
        if file.stat().st_mode & 0o077:
            raise UplinkKeyUnfit(f"{file} can be read by others: run `chmod 600 {file}`")
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except OSError as error:
        raise UplinkKeyUnfit(f"cannot read {file}: {error.strerror}") from None
    except (ValueError, TypeError):
        raise UplinkKeyUnfit(f"{file} is not an unencrypted PEM file with a key") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise UplinkKeyUnfit(f"{file} holds a key that is not Ed25519")
    return key


def create_key(file: Path) -> Ed25519PrivateKey:
    """Make a key in a new file that only its owner may read."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise UplinkKeyUnfit(f"cannot create {file}: {error.strerror}") from None
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(pem)
    return key
