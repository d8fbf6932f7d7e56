"""Application identities: making, listing and revoking them, and the tokens they log in for."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from registry.access import store
from registry.access.actor import Actor, Role, Scope
from registry.access.application import (
    MAX_SECRET,
    MAX_USERNAME,
    MIN_SECRET,
    TOKEN_LIFE,
    Application,
    ApplicationExists,
    ApplicationNotFound,
    ApplicationWish,
    NewApplication,
    WrongCredentials,
    accepted_days,
    daily_password,
    fingerprint,
    mint_secret,
    mint_token,
    token_digest,
)
from registry.access.once import Once, OnceRunner
from registry.database import Connection, Database
from registry.errors import (
    EnterpriseNotFound,
    InvalidInput,
    NotAuthenticated,
    NotPermitted,
)
from registry.sealing import SealingKey

# How long a token that was good is taken without asking the database: so long at most does it live
# on in other processes after its application was revoked. In this one it ends at once.
TRUST = timedelta(seconds=1)
MAX_TRUSTED = 10_000

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class _Trusted:
    """A token that was good a moment ago."""

    application: Application
    until: datetime


class Applications:
    """Safe to share between tasks. Every change is audited; tokens are known to every process as
    soon as they are given out."""

    def __init__(
        self, database: Database, once: OnceRunner, sealing: SealingKey, now: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._once = once
        self._sealing = sealing
        self._now = now
        self._trusted: dict[bytes, _Trusted] = {}
        # An unknown user costs the same work as a known one.
        self._decoy = sealing.seal(fingerprint(mint_secret()).encode(), _context(""))

    async def create(
        self, actor: Actor, wish: ApplicationWish, once: Once | None = None
    ) -> NewApplication:
        """Make an identity. An enterprise makes them for itself; an operator makes any."""
        _check_right(actor, wish)
        check_username(wish.username)
        if wish.secret is not None:
            _check_secret(wish.secret)
        secret = wish.secret or mint_secret()

        async def work(tx: Connection) -> NewApplication:
            application = await create_in(tx, actor, wish, fingerprint(secret), self._sealing)
            return NewApplication(application, secret)

        return await self._once.run(once, NewApplication, work)

    async def list(self, actor: Actor, enterprise_id: int | None) -> list[Application]:
        """An enterprise's identities, or those of no enterprise, which are operators'."""
        if enterprise_id is None:
            actor.require_operator()
        else:
            actor.require_enterprise(enterprise_id, Scope.MANAGE)
        async with self._database.connection() as connection:
            return await store.applications(connection, enterprise_id)

    async def revoke(self, actor: Actor, application_id: int) -> Application:
        """Revoke an identity with all its tokens. Revoking it again changes nothing. Its user name
        stays taken."""

        async def work(tx: Connection) -> Application:
            application = await store.application(tx, application_id)
            if application is None:
                raise ApplicationNotFound(
                    f"there is no application {application_id}", field="application_id"
                )
            _check_manager(actor, application.role, application.enterprise_id)
            if await store.revoke_application(tx, application_id):
                await store.audit(tx, actor, "application.revoked", _subject(application_id))
            revoked = await store.application(tx, application_id)
            assert revoked is not None
            return revoked

        revoked = await self._database.transaction(work)
        # Those who used a token meanwhile have put it back.
        self._trusted = {
            digest: trusted
            for digest, trusted in self._trusted.items()
            if trusted.application.application_id != application_id
        }
        return revoked

    async def log_in(self, username: str, password: str) -> str:
        """A new token for who knows the secret itself. Raises WrongCredentials."""
        given = fingerprint(password)
        return await self._log_in(username, lambda kept: _same(kept, given))

    async def log_in_by_digest(self, username: str, password: str) -> str:
        """A new token for who sends the day's password. Raises WrongCredentials."""
        given, days = password.lower(), accepted_days(self._now())

        def fits(kept: str) -> bool:
            return any(_same(daily_password(kept, day), given) for day in days)

        return await self._log_in(username, fits)

    async def authenticate(self, token: str, request_id: str) -> Actor:
        """The actor of a token. Raises NotAuthenticated for one that is unknown, has expired or
        whose application was revoked."""
        digest, now = token_digest(token), self._now()
        trusted = self._trusted.get(digest)
        if trusted is not None and trusted.until > now:
            return _actor(trusted.application, request_id)
        async with self._database.connection() as connection:
            found = await store.application_of_token(connection, digest, now)
        if found is None:
            raise NotAuthenticated("this token is not good, or no longer", rule="token-unknown")
        application, expires_at = found
        if len(self._trusted) >= MAX_TRUSTED:
            self._trusted.clear()
        self._trusted[digest] = _Trusted(application, min(expires_at, now + TRUST))
        return _actor(application, request_id)

    async def _log_in(self, username: str, fits: Callable[[str], bool]) -> str:
        async with self._database.connection() as connection:
            found = await store.application_with_secret(connection, username)
        application, sealed = found or (None, self._decoy)
        kept = self._sealing.unseal(sealed, _context(username if application else "")).decode()
        if not fits(kept) or application is None or application.revoked_at is not None:
            raise WrongCredentials("the user name or the password is wrong", rule="login")
        return await self._token(application)

    async def _token(self, application: Application) -> str:
        token, now = mint_token(), self._now()

        async def work(tx: Connection) -> None:
            await store.forget_tokens(tx, older_than=now)
            await store.add_token(
                tx, token_digest(token), application.application_id, now + TOKEN_LIFE
            )
            await store.touch_application(tx, application.application_id, now)

        await self._database.transaction(work)
        return token


async def create_in(
    tx: Connection, actor: Actor, wish: ApplicationWish, kept: str, sealing: SealingKey
) -> Application:
    """Make an identity within a transaction that may do more. `kept` is the secret's fingerprint.
    Raises ApplicationExists or EnterpriseNotFound."""
    application = await store.add_application(
        tx,
        username=wish.username,
        secret=sealing.seal(kept.encode(), _context(wish.username)),
        role=wish.role,
        enterprise_id=wish.enterprise_id,
        scopes=list(wish.scopes) if wish.role is Role.ENTERPRISE else [],
        created_by=actor.name,
    )
    if application is None:
        if await store.application_with_secret(tx, wish.username) is None:
            raise EnterpriseNotFound(
                f"there is no enterprise {wish.enterprise_id}", field="enterprise_id"
            )
        raise ApplicationExists(
            "another application has this user name", field="username", rule="username-taken"
        )
    detail = {"role": wish.role, "enterprise": wish.enterprise_id}
    subject = _subject(application.application_id)
    await store.audit(tx, actor, "application.created", subject, detail)
    return application


def check_username(text: str) -> None:
    """Raise InvalidInput unless an application may be called so."""
    if not 1 <= len(text) <= MAX_USERNAME or not text.isprintable() or text != text.strip():
        raise InvalidInput(
            f"a user name is 1 to {MAX_USERNAME} printable characters without outer blanks",
            field="username",
            rule="username-text",
        )


def check_fingerprint(text: str) -> None:
    """Raise InvalidInput unless this is a SHA-256 in lower-case hexadecimal."""
    if not _FINGERPRINT.fullmatch(text):
        raise InvalidInput(
            "a password comes as its SHA-256, 64 hexadecimal digits",
            field="password",
            rule="password-digest",
        )


def _check_secret(text: str) -> None:
    if not MIN_SECRET <= len(text) <= MAX_SECRET or not text.isprintable():
        raise InvalidInput(
            f"a secret is {MIN_SECRET} to {MAX_SECRET} printable characters",
            field="secret",
            rule="secret-text",
        )


def _check_right(actor: Actor, wish: ApplicationWish) -> None:
    _check_manager(actor, wish.role, wish.enterprise_id)
    if wish.role is Role.BUREAU or (wish.role is Role.ENTERPRISE) != (
        wish.enterprise_id is not None
    ):
        raise InvalidInput(
            "an application is an enterprise's, which it names, or an operator's",
            field="enterprise_id",
            rule="application-enterprise",
        )
    if not actor.operator and not set(wish.scopes) <= actor.scopes:
        raise NotPermitted("an application gets no more than this key has", rule="scope-growth")


def _check_manager(actor: Actor, role: Role, enterprise_id: int | None) -> None:
    if role is Role.ENTERPRISE and enterprise_id is not None:
        actor.require_enterprise(enterprise_id, Scope.MANAGE)
    else:
        actor.require_operator()


def _actor(application: Application, request_id: str) -> Actor:
    return Actor(
        name=f"application:{application.application_id}",
        role=application.role,
        enterprise_id=application.enterprise_id,
        scopes=frozenset(application.scopes),
        request_id=request_id,
    )


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode("utf-8", "replace"))


def _context(username: str) -> str:
    return f"application/{username}"


def _subject(application_id: int) -> str:
    return f"application/{application_id}"
