"""The keyring: making, checking and revoking API keys."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from registry.access import store
from registry.access.actor import Actor, Role, Scope
from registry.access.key import Key, KeyText, KeyWish, NewKey
from registry.access.once import Once, OnceRunner
from registry.database import Connection, Database
from registry.errors import (
    EnterpriseNotFound,
    InvalidInput,
    KeyNotFound,
    NotAuthenticated,
    NotPermitted,
)

MAX_LABEL = 100
LAST_USE_STEP = timedelta(minutes=1)
# How long a key that was good is taken without asking the database: so long at most does a key
# live on in other processes after it was revoked. In this one it ends at once.
TRUST = timedelta(seconds=1)
MAX_TRUSTED = 10_000


@dataclass(frozen=True, slots=True)
class _Trusted:
    """A key that was good a moment ago."""

    key: Key
    digest: bytes
    until: datetime


class Keyring:
    """Making, checking and revoking keys."""

    def __init__(self, database: Database, once: OnceRunner, now: Callable[[], datetime]) -> None:
        self._database = database
        self._once = once
        self._now = now
        self._trusted: dict[str, _Trusted] = {}

    async def create(self, actor: Actor, wish: KeyWish, once: Once | None = None) -> NewKey:
        """Make a key. An enterprise makes keys for itself; an operator makes any."""
        self._check(actor, wish)
        return await self._once.run(once, NewKey, lambda tx: create_in(tx, actor, wish))

    async def revoke(self, actor: Actor, key_id: str) -> Key:
        """Revoke a key. Revoking it again changes nothing."""

        async def work(tx: Connection) -> Key:
            key = await store.key(tx, key_id)
            if key is None:
                raise KeyNotFound(f"there is no key {key_id}", field="key_id")
            self._may_manage(actor, key.role, key.enterprise_id)
            if await store.revoke(tx, key_id):
                await store.audit(tx, actor, "key.revoked", f"key/{key_id}")
            revoked = await store.key(tx, key_id)
            assert revoked is not None
            return revoked

        self._trusted.pop(key_id, None)
        revoked = await self._database.transaction(work)
        self._trusted.pop(key_id, None)  # it may have been used meanwhile
        return revoked

    async def list(self, actor: Actor, enterprise_id: int | None) -> list[Key]:
        """An enterprise's keys, or those of no enterprise (operators' and the bureau's)."""
        if enterprise_id is None:
            actor.require_operator()
        else:
            actor.require_enterprise(enterprise_id, Scope.MANAGE)
        async with self._database.connection() as connection:
            return await store.keys(connection, enterprise_id)

    def trusted(self, text: str, request_id: str) -> Actor | None:
        """The actor of a key that was good a moment ago, without asking the database; None for any
        other, and for one that is none."""
        try:
            given = KeyText.parse(text)
            trusted = self._trusted.get(given.key_id)
            if trusted is None or trusted.until <= self._now():
                return None
            if not hmac.compare_digest(trusted.digest, given.digest):
                return None
            self._check_alive(trusted.key)
        except NotAuthenticated:
            return None
        return _actor(trusted.key, request_id)

    async def authenticate(self, text: str, request_id: str) -> Actor:
        """The actor of a key's text. Raises NotAuthenticated, naming no detail a thief could use
        but whether the key has expired or was revoked, once its secret has been proven."""
        given = KeyText.parse(text)
        digest = given.digest
        now = self._now()
        trusted = self._trusted.get(given.key_id)
        if trusted and trusted.until > now and hmac.compare_digest(trusted.digest, digest):
            self._check_alive(trusted.key)
            return _actor(trusted.key, request_id)
        key = await self._look_up(given.key_id, digest)
        if len(self._trusted) >= MAX_TRUSTED:
            self._trusted.clear()
        self._trusted[given.key_id] = _Trusted(key, digest, now + TRUST)
        return _actor(key, request_id)

    async def _look_up(self, key_id: str, digest: bytes) -> Key:
        async with self._database.connection() as connection:
            found = await store.key_with_digest(connection, key_id)
            # An unknown key id costs the same comparison as a known one.
            stored = found[1] if found else bytes(32)
            if not hmac.compare_digest(stored, digest) or found is None:
                raise NotAuthenticated("this key is not known", rule="key-unknown")
            key = found[0]
            self._check_alive(key)
            if key.last_used_at is None or self._now() - key.last_used_at > LAST_USE_STEP:
                await store.touch(connection, key.key_id)
        return key

    def _check_alive(self, key: Key) -> None:
        if key.revoked_at is not None:
            raise NotAuthenticated("this key was revoked", rule="key-revoked")
        if key.expires_at is not None and key.expires_at <= self._now():
            raise NotAuthenticated("this key has expired", rule="key-expired")

    def _check(self, actor: Actor, wish: KeyWish) -> None:
        self._may_manage(actor, wish.role, wish.enterprise_id)
        if (wish.role is Role.ENTERPRISE) != (wish.enterprise_id is not None):
            raise InvalidInput(
                "an enterprise's key names its enterprise, and no other key does",
                field="enterprise_id",
                rule="key-enterprise",
            )
        if not wish.label.strip() or len(wish.label) > MAX_LABEL or not wish.label.isprintable():
            raise InvalidInput(
                f"a label is 1 to {MAX_LABEL} printable characters", field="label", rule="key-label"
            )
        if wish.expires_at is not None and wish.expires_at.tzinfo is None:
            raise InvalidInput(
                "a time needs its zone", field="expires_at", rule="time-without-zone"
            )
        if wish.expires_at is not None and wish.expires_at <= self._now():
            raise InvalidInput(
                "a key can't expire in the past", field="expires_at", rule="key-expires-past"
            )
        if not actor.operator and not set(wish.scopes) <= actor.scopes:
            raise NotPermitted("a key can't grant more than it has", rule="scope-growth")

    @staticmethod
    def _may_manage(actor: Actor, role: Role, enterprise_id: int | None) -> None:
        if role is Role.ENTERPRISE and enterprise_id is not None:
            actor.require_enterprise(enterprise_id, Scope.MANAGE)
        else:
            actor.require_operator()


def _actor(key: Key, request_id: str) -> Actor:
    return Actor(
        name=f"key:{key.key_id}",
        role=key.role,
        enterprise_id=key.enterprise_id,
        scopes=frozenset(key.scopes),
        request_id=request_id,
    )


async def create_in(tx: Connection, actor: Actor, wish: KeyWish) -> NewKey:
    """Make a key within a transaction that does more than that."""
    minted = KeyText.mint()
    key = await store.add_key(
        tx,
        key_id=minted.key_id,
        digest=minted.digest,
        role=wish.role,
        enterprise_id=wish.enterprise_id,
        scopes=list(wish.scopes) if wish.role is Role.ENTERPRISE else [],
        label=wish.label,
        expires_at=wish.expires_at,
        created_by=actor.name,
    )
    if key is None:
        raise EnterpriseNotFound(
            f"there is no enterprise {wish.enterprise_id}", field="enterprise_id"
        )
    detail = {"role": wish.role, "enterprise": wish.enterprise_id}
    await store.audit(tx, actor, "key.created", f"key/{minted.key_id}", detail)
    return NewKey(key, minted.text)
