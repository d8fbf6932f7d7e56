"""API keys. The text is shown once; the database keeps the SHA-256 of its secret part.

bsk_<key id: 12 characters>_<secret: 43 characters>
"""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from registry.access.actor import Role, Scope
from registry.errors import NotAuthenticated

MARK = "bsk"
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
ID_LENGTH = 12
SECRET_BYTES = 32
_TEXT = re.compile(rf"{MARK}_([{ALPHABET}]{{{ID_LENGTH}}})_([A-Za-z0-9_-]{{43}})")

ALL_SCOPES = (Scope.REGISTER, Scope.MANAGE)


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """An API key as it may be shown at any time."""

    key_id: str
    role: Role
    enterprise_id: int | None
    scopes: list[Scope]
    label: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class NewKey(msgspec.Struct, frozen=True):
    """A key just made. `secret` is the whole text to send; it can't be shown again."""

    key: Key
    secret: str


class KeyWish(msgspec.Struct, frozen=True, kw_only=True):
    """What a new key shall be."""

    role: Role
    label: str
    enterprise_id: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    scopes: tuple[Scope, ...] = ALL_SCOPES
    expires_at: datetime | None = None


class KeyText(msgspec.Struct, frozen=True):
    """The two parts of a key's text."""

    key_id: str
    secret: str

    @classmethod
    def mint(cls) -> KeyText:
        key_id = "".join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH))
        return cls(key_id, secrets.token_urlsafe(SECRET_BYTES))

    @classmethod
    def parse(cls, text: str) -> KeyText:
        """Raises NotAuthenticated for what can't be a key of this node."""
        parts = _TEXT.fullmatch(text)
        if parts is None:
            raise NotAuthenticated("this is not a key of this node", rule="key-form")
        return cls(parts[1], parts[2])

    @property
    def text(self) -> str:
        return f"{MARK}_{self.key_id}_{self.secret}"

    @property
    def digest(self) -> bytes:
        """Plain SHA-256 is enough: the secret has 256 random bits, there is nothing to guess."""
        return hashlib.sha256(self.secret.encode()).digest()
