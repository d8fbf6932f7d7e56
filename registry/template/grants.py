"""Grants: which other enterprises may read the granted items of a prefix's records, until when."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec

from registry.access import store as access
from registry.access.actor import Actor
from registry.access.once import Once, OnceRunner
from registry.database import Connection, Database
from registry.errors import EnterpriseNotFound, GrantNotFound, InvalidInput, UnknownTemplate
from registry.template import store
from registry.template.store import Grant
from registry.template.templates import owned, readable


class GrantWish(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to let read, and what: one template's records, or (None) all of the prefix."""

    enterprise_id: int
    template: str | None = None
    expires_at: datetime | None = None


class Grants:
    """Every change is audited. Safe to share between tasks."""

    def __init__(self, database: Database, once: OnceRunner, now: Callable[[], datetime]) -> None:
        self._database = database
        self._once = once
        self._now = now

    async def create(
        self, actor: Actor, prefix: str, wish: GrantWish, once: Once | None = None
    ) -> Grant:
        if wish.expires_at is not None and wish.expires_at <= self._now():
            raise InvalidInput("this has passed already", field="expires_at", rule="expiry-past")

        async def work(tx: Connection) -> Grant:
            holding = await owned(tx, actor, prefix)
            if wish.enterprise_id == holding.enterprise_id:
                raise InvalidInput(
                    "the owner reads everything anyway", field="enterprise_id", rule="grant-owner"
                )
            template_id = await _template_id(tx, prefix, wish.template)
            number = await store.add_grant(
                tx, actor, holding.prefix_id, template_id, wish.enterprise_id, wish.expires_at
            )
            grant = None if number is None else await store.grant(tx, number)
            if grant is None:
                raise EnterpriseNotFound(
                    f"there is no enterprise {wish.enterprise_id}", field="enterprise_id"
                )
            await access.audit(tx, actor, "grant.created", prefix, _detail(grant))
            return grant

        return await self._once.run(once, Grant, work)

    async def revoke(self, actor: Actor, prefix: str, grant_id: int) -> None:
        async def work(tx: Connection) -> None:
            await owned(tx, actor, prefix)
            grant = await store.grant(tx, grant_id)
            if grant is None or grant.prefix != prefix:
                raise GrantNotFound(
                    f"{prefix} has no grant {grant_id}", field="grant_id", rule="grant-not-found"
                )
            await store.delete_grant(tx, grant_id)
            await access.audit(tx, actor, "grant.revoked", prefix, _detail(grant))

        await self._database.transaction(work)

    async def list(self, actor: Actor, prefix: str, after: int, limit: int) -> list[Grant]:
        """The grants of a prefix, expired ones too, in the order in which they were made."""
        async with self._database.connection() as connection:
            holding = await readable(connection, actor, prefix)
            return await store.grants(connection, holding.prefix_id, after, limit)


async def _template_id(tx: Connection, prefix: str, version: str | None) -> int | None:
    if version is None:
        return None
    stored = await store.get(tx, prefix, version, "FOR NO KEY UPDATE OF t")
    if stored is None:
        raise UnknownTemplate(
            f"{prefix} has no template {version[:200]!r}",
            field="template",
            rule="unknown-template",
        )
    return stored.template_id


def _detail(grant: Grant) -> dict[str, object]:
    return {
        "grant": grant.grant_id,
        "enterprise": grant.enterprise_id,
        "template": grant.template,
        "expires_at": grant.expires_at,
    }
