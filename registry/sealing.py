"""Sealing: what the node must be able to read back, but the database must not show.

AES-256-GCM; 12 random bytes of nonce lead the sealed text. The context is authenticated, so a
sealed text can't be moved to another row.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from registry.errors import Unavailable

KEY_BYTES = 32
NONCE_BYTES = 12


class SealingKeyUnfit(Unavailable):
    kind = "sealing-key-unfit"
    title = "The node's sealing key cannot be used"


class SealingKey:
    """The node's own key for secrets at rest. Every host of a node holds the same one."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise SealingKeyUnfit(f"a sealing key is {KEY_BYTES} bytes, this one has {len(key)}")
        self._key = key
        self._cipher = AESGCM(key)

    @classmethod
    def generate(cls) -> SealingKey:
        return cls(os.urandom(KEY_BYTES))

    @classmethod
    def load(cls, file: Path) -> SealingKey:
        """Read the key from a file that only its owner may read."""
        try:
            if file.stat().st_mode & 0o077:
                raise SealingKeyUnfit(f"{file} can be read by others: run `chmod 600 {file}`")
            return cls(bytes.fromhex(file.read_text("ascii").strip()))
        except OSError as error:
            raise SealingKeyUnfit(f"cannot read {file}: {error.strerror}") from None
        except ValueError:
            raise SealingKeyUnfit(f"{file} does not hold a key in hexadecimal") from None

    def save(self, file: Path) -> None:
        """Write the key to a new file, readable by its owner alone."""
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise SealingKeyUnfit(f"cannot create {file}: {error.strerror}") from None
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(self._key.hex() + "\n")
            stream.flush()
            os.fsync(stream.fileno())

    @property
    def key_id(self) -> str:
        """Names the key without telling it: the database remembers which one it was sealed with."""
        return hmac.new(self._key, b"biaoshi key id", hashlib.sha256).hexdigest()[:16]

    def seal(self, text: bytes, context: str) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, text, context.encode())

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """Raises SealingKeyUnfit where it was sealed with another key or for another context."""
        try:
            return self._cipher.decrypt(
                sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context.encode()
            )
        except (InvalidTag, ValueError):  # ValueError: too short to hold a nonce
            raise SealingKeyUnfit(f"what is sealed at {context} does not open") from None
