"""Allocation of prefixes and every step of their life. Each step is audited, and each that the
national node must know of is owed to it, in the step's own transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from registry.access import store as access
from registry.access.actor import Actor, Scope
from registry.access.once import Once, OnceRunner
from registry.change.notice import Notice, Tell, to_nobody
from registry.database import Connection, Database, storable
from registry.enterprise import store as enterprises
from registry.enterprise.enterprise import require_active
from registry.errors import (
    EnterpriseNotFound,
    InvalidIdentifier,
    InvalidInput,
    InvalidValue,
    PrefixNotFound,
    PrefixTaken,
    WrongState,
)
from registry.identifier import Identifier
from registry.identifier import Prefix as PrefixText
from registry.prefix import store
from registry.prefix.prefix import MAX_ADMINISTRATORS, Hosting, Prefix, PrefixState, Routing
from registry.record.typed_data import Admin

MAX_CODE = 40
MAX_NOTE = 500
FILE, UPDATE, DELETE = "prefix.file", "prefix.update", "prefix.delete"


_Step: TypeAlias = Callable[[Connection, Prefix], Awaitable[None]]


class PrefixWish(msgspec.Struct, frozen=True, kw_only=True):
    """What an enterprise asks for. Without a code it gets the next free number."""

    enterprise_id: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    code: str | None = None
    routing: Routing | None = None  # the enterprise's own resolver; without one, hosted here


class Prefixes:
    """The prefixes under this node's secondary prefix."""

    def __init__(
        self,
        database: Database,
        once: OnceRunner,
        secondary: str,
        *,
        allow_private: bool,
        tell: Tell = to_nobody,
    ) -> None:
        self._database = database
        self._once = once
        self._secondary = secondary
        self._allow_private = allow_private
        self._tell = tell  # hears of changes before their caller

    async def request(self, actor: Actor, wish: PrefixWish, once: Once | None = None) -> Prefix:
        """Ask for a prefix: it waits for the operator's review. The enterprise must be verified."""
        actor.require_enterprise(wish.enterprise_id, Scope.MANAGE)
        self._check_routing(wish.routing)

        async def work(tx: Connection) -> Prefix:
            enterprise = await enterprises.get(tx, wish.enterprise_id)
            if enterprise is None:
                raise EnterpriseNotFound(
                    f"there is no enterprise {wish.enterprise_id}", field="enterprise_id"
                )
            require_active(enterprise.state)
            text = await self._choose(tx, wish.code)
            hosting = Hosting.NOT_HOSTED if wish.routing else Hosting.HOSTED
            prefix = await store.add(tx, text, wish.enterprise_id, hosting, wish.routing)
            if prefix is None:
                raise PrefixTaken(f"{text} is taken", field="code", rule="prefix-taken")
            await access.audit(tx, actor, "prefix.requested", text)
            return prefix

        return await self._once.run(once, Prefix, work)

    async def approve(self, actor: Actor, text: str) -> Prefix:
        """The operator's yes: the prefix is filed with the national node, which decides."""
        actor.require_operator()

        async def work(tx: Connection, prefix: Prefix) -> None:
            _require_state(prefix, PrefixState.WAITING)
            enterprise = await enterprises.get(tx, prefix.enterprise_id)
            assert enterprise is not None  # a prefix references its enterprise
            require_active(enterprise.state)
            await store.set_state(
                tx, text, PrefixState.UNDER_REVIEW, note=None, reviewer=actor.name
            )
            await store.owe_filing(tx, text, FILE)

        return await self._step(actor, text, "prefix.approved", work)

    async def reject(self, actor: Actor, text: str, note: str) -> Prefix:
        """The operator's no, with the reason."""
        actor.require_operator()

        async def work(tx: Connection, prefix: Prefix) -> None:
            _require_state(prefix, PrefixState.WAITING)
            await store.set_state(tx, text, PrefixState.REJECTED, note=note, reviewer=actor.name)

        return await self._step(actor, text, "prefix.rejected", work, {"note": note})

    async def settle_review(self, actor: Actor, text: str, approved: bool, note: str) -> Prefix:
        """The national node's verdict; called by the uplink alone. Later verdicts change nothing.

        Its note is kept as far as it fits: a long one must not lose the verdict.
        """
        note = note.replace("\0", "")[:MAX_NOTE]
        state = PrefixState.ACTIVE if approved else PrefixState.REJECTED

        async def work(tx: Connection, prefix: Prefix) -> None:
            if prefix.state is PrefixState.UNDER_REVIEW:  # else another sender was quicker
                await store.set_state(tx, text, state, note=note or None, reviewer=None)

        action = "prefix.activated" if approved else "prefix.refused-by-national-node"
        return await self._step(actor, text, action, work, {"note": note})

    async def stop(self, actor: Actor, text: str, note: str) -> Prefix:
        """Stop registration under the prefix; resolution goes on."""
        actor.require_operator()

        async def work(tx: Connection, prefix: Prefix) -> None:
            _require_state(prefix, PrefixState.ACTIVE)
            await store.set_state(tx, text, PrefixState.STOPPED, note=note, reviewer=None)
            await store.owe_filing(tx, text, UPDATE)

        return await self._step(actor, text, "prefix.stopped", work, {"note": note})

    async def resume(self, actor: Actor, text: str) -> Prefix:
        actor.require_operator()

        async def work(tx: Connection, prefix: Prefix) -> None:
            _require_state(prefix, PrefixState.STOPPED)
            await store.set_state(tx, text, PrefixState.ACTIVE, note=None, reviewer=None)
            await store.owe_filing(tx, text, UPDATE)

        return await self._step(actor, text, "prefix.resumed", work)

    async def delete(self, actor: Actor, text: str, note: str) -> Prefix:
        """Give the prefix up. Its text is never allocated again, its records stay resolvable until
        the national node routes elsewhere."""
        actor.require_operator()

        async def work(tx: Connection, prefix: Prefix) -> None:
            _require_state(prefix, PrefixState.ACTIVE, PrefixState.STOPPED)
            await store.set_state(tx, text, PrefixState.TO_BE_DELETED, note=note, reviewer=None)
            await store.owe_filing(tx, text, DELETE)

        return await self._step(actor, text, "prefix.deleted", work, {"note": note})

    async def route(self, actor: Actor, text: str, routing: Routing | None) -> Prefix:
        """Point the prefix to the enterprise's own resolver, or (None) host it here."""
        self._check_routing(routing)

        async def work(tx: Connection, prefix: Prefix) -> None:
            actor.require_enterprise(prefix.enterprise_id, Scope.MANAGE)
            # While the national node decides, what it decides on stays.
            _require_state(prefix, PrefixState.WAITING, PrefixState.ACTIVE, PrefixState.STOPPED)
            if prefix.state is not PrefixState.WAITING:
                await store.owe_filing(tx, text, UPDATE)
            hosting = Hosting.NOT_HOSTED if routing else Hosting.HOSTED
            await store.set_routing(tx, text, hosting, routing)

        return await self._step(actor, text, "prefix.routed", work)

    async def set_administrators(
        self, actor: Actor, text: str, administrators: Sequence[Admin]
    ) -> Prefix:
        """Name the handle identities that administer the prefix through the Handle surfaces."""
        if len(administrators) > MAX_ADMINISTRATORS:
            raise InvalidValue(
                f"a prefix has at most {MAX_ADMINISTRATORS} administrators",
                field="administrators",
                rule="too-many-administrators",
            )
        for position, administrator in enumerate(administrators):
            _check_handle(administrator.handle, f"administrators[{position}].handle")

        async def work(tx: Connection, prefix: Prefix) -> None:
            actor.require_enterprise(prefix.enterprise_id, Scope.MANAGE)
            await store.set_administrators(tx, text, administrators)

        return await self._step(actor, text, "prefix.administrators", work)

    async def get(self, actor: Actor, text: str) -> Prefix:
        async with self._database.connection() as connection:
            prefix = await store.get(connection, text) or _missing(text)
        actor.require_reader(prefix.enterprise_id)
        return prefix

    async def list(
        self,
        actor: Actor,
        *,
        enterprise_id: int | None,
        state: PrefixState | None,
        after: str,
        limit: int,
    ) -> list[Prefix]:
        """Prefixes in order of their text, those above `after`; an enterprise sees its own."""
        if enterprise_id is None:
            actor.require_operator()
        else:
            actor.require_reader(enterprise_id)
        if not storable(after):
            raise InvalidInput("no prefix looks like this", field="after", rule="after-text")
        async with self._database.connection() as connection:
            return await store.page(
                connection, enterprise_id=enterprise_id, state=state, after=after, limit=limit
            )

    async def _choose(self, tx: Connection, code: str | None) -> str:
        await store.lock_codes(tx)
        if code is None:
            return f"{self._secondary}.{await store.next_free_code(tx, self._secondary)}"
        if not 1 <= len(code) <= MAX_CODE:
            raise InvalidInput(
                f"a code is 1 to {MAX_CODE} digits", field="code", rule="prefix-code"
            )
        try:
            return PrefixText.strict(f"{self._secondary}.{code}").text
        except InvalidIdentifier:
            raise InvalidInput("a code is digits only", field="code", rule="prefix-code") from None

    def _check_routing(self, routing: Routing | None) -> None:
        if routing is not None:
            routing.check(allow_private=self._allow_private)

    async def _step(
        self,
        actor: Actor,
        text: str,
        action: str,
        work: _Step,
        detail: dict[str, object] | None = None,
    ) -> Prefix:
        """Run one step on a locked prefix, audit it if it changed anything, and return the prefix
        as it is then."""
        _check_note(detail)

        async def whole(tx: Connection) -> Prefix:
            prefix = await store.get(tx, text, lock=True) or _missing(text)
            await work(tx, prefix)
            after = await store.get(tx, text) or _missing(text)
            if after != prefix:
                await access.audit(tx, actor, action, text, detail)
            return after

        after = await self._database.transaction(whole)
        self._tell(Notice(prefixes=(after.prefix,)))
        return after


def _missing(text: str) -> Prefix:
    raise PrefixNotFound(f"{text} is not a prefix of this node", field="prefix")


def _require_state(prefix: Prefix, *allowed: PrefixState) -> None:
    if prefix.state not in allowed:
        names = " or ".join(state.name.lower().replace("_", " ") for state in allowed)
        raise WrongState(
            f"{prefix.prefix} is {prefix.state.name.lower().replace('_', ' ')}, not {names}",
            rule="prefix-state",
        )


def _check_handle(text: str, field: str) -> None:
    try:
        Identifier.parse(text)
    except InvalidIdentifier as error:
        raise InvalidValue(error.detail, field=field, rule=error.rule) from None


def _check_note(detail: dict[str, object] | None) -> None:
    note = str((detail or {}).get("note", ""))
    if len(note) > MAX_NOTE or "\0" in note:
        raise InvalidInput(
            f"a note is at most {MAX_NOTE} characters", field="note", rule="note-text"
        )
