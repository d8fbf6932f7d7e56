"""Application identities (应用标识身份): a user name and a secret, for which a token is had.

The SNMS protocol lets a client send the secret itself, or SHA-256 of the secret's own SHA-256 in
hexadecimal and today's date in Beijing. The second hides the secret, not the access: whoever
listens can send it again for the rest of the day.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import date, datetime, timedelta, timezone
from typing import Annotated

import msgspec
from msgspec import Meta

from registry.access.actor import Role, Scope
from registry.access.key import ALL_SCOPES
from registry.errors import Conflict, NotAuthenticated, NotFound

MAX_USERNAME = 50  # characters
MIN_SECRET, MAX_SECRET = 8, 64  # characters
SECRET_BYTES = 24
TOKEN_BYTES = 32
TOKEN_LIFE = timedelta(hours=24)

BEIJING = timezone(timedelta(hours=8), "Asia/Shanghai")
# Around midnight the neighbouring day is accepted too: clocks differ and requests take their time.
MIDNIGHT = timedelta(minutes=10)


class WrongCredentials(NotAuthenticated):
    kind = "wrong-credentials"
    title = "The user name or the password is wrong"


class ApplicationExists(Conflict):
    kind = "application-exists"
    title = "The user name is taken"


class ApplicationNotFound(NotFound):
    kind = "application-not-found"
    title = "No such application"


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """An application identity as it may be shown at any time. One without an enterprise is an
    operator's."""

    application_id: int
    username: str
    role: Role
    enterprise_id: int | None
    scopes: list[Scope]
    created_at: datetime
    revoked_at: datetime | None
    last_login_at: datetime | None


class NewApplication(msgspec.Struct, frozen=True):
    """An identity just made. `secret` is what its client logs in with; it can't be shown again."""

    application: Application
    secret: str


class ApplicationWish(msgspec.Struct, frozen=True, kw_only=True):
    """What a new identity shall be. Without a secret it gets a random one; with one, a client that
    has its credentials already keeps them."""

    username: str
    role: Role = Role.ENTERPRISE
    enterprise_id: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    scopes: tuple[Scope, ...] = ALL_SCOPES
    secret: str | None = None


def mint_secret() -> str:
    return secrets.token_urlsafe(SECRET_BYTES)


def mint_token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def token_digest(token: str) -> bytes:
    """Plain SHA-256 is enough: a token has 256 random bits, there is nothing to guess."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def fingerprint(secret: str) -> str:
    """What is kept of a secret: its SHA-256 in hexadecimal."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def daily_password(kept: str, day: date) -> str:
    """What a client sends on that day instead of the secret."""
    return hashlib.sha256(f"{kept}{day:%Y-%m-%d}".encode()).hexdigest()


def accepted_days(now: datetime) -> list[date]:
    """The days whose passwords are good now: Beijing's, and within ten minutes of midnight there
    the neighbouring one."""
    moments = (now - MIDNIGHT, now, now + MIDNIGHT)
    return sorted({moment.astimezone(BEIJING).date() for moment in moments})
