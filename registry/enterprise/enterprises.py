"""Applications of enterprises and what operators decide on them."""

from __future__ import annotations

import msgspec

from registry.access import keyring
from registry.access import store as access
from registry.access.actor import Actor, Role, Scope
from registry.access.key import KeyWish, NewKey
from registry.access.once import Once, OnceRunner
from registry.database import Connection, Database
from registry.enterprise import store
from registry.enterprise.enterprise import Enterprise, EnterpriseState
from registry.enterprise.subject import Subject, check
from registry.errors import EnterpriseExists, EnterpriseNotFound, InvalidInput, WrongState

MAX_NOTE = 500
IDENTITY = ("name", "credit_code", "legal_person")


class Application(msgspec.Struct, frozen=True):
    """What an applicant gets: the enterprise and its first key, shown once."""

    enterprise: Enterprise
    key: NewKey


class Enterprises:
    """The enterprises of this node. Every change is audited in its own transaction."""

    def __init__(self, database: Database, once: OnceRunner) -> None:
        self._database = database
        self._once = once

    async def apply(self, actor: Actor, subject: Subject, once: Once | None = None) -> Application:
        """Take an application. Anyone may apply; nothing can be registered before verification."""
        check(subject)

        async def work(tx: Connection) -> Application:
            enterprise = await store.add(tx, subject)
            if enterprise is None:
                raise EnterpriseExists(
                    "an enterprise with this credit code has applied already",
                    field="credit_code",
                    rule="credit-code-taken",
                )
            await access.audit(tx, actor, "enterprise.applied", _name(enterprise.enterprise_id))
            wish = KeyWish(
                role=Role.ENTERPRISE, label="first key", enterprise_id=enterprise.enterprise_id
            )
            return Application(enterprise, await keyring.create_in(tx, actor, wish))

        return await self._once.run(once, Application, work)

    async def amend(self, actor: Actor, enterprise_id: int, subject: Subject) -> Enterprise:
        """Replace the subject data. A change of name, credit code or legal person must be verified
        anew: until then the enterprise is `applied`."""
        actor.require_enterprise(enterprise_id, Scope.MANAGE)
        check(subject)

        async def work(tx: Connection) -> Enterprise:
            before = await _locked(tx, enterprise_id)
            if before.state in (EnterpriseState.REJECTED, EnterpriseState.SUSPENDED):
                raise WrongState(
                    f"a {before.state} enterprise can't amend its data", rule="enterprise-state"
                )
            same = all(getattr(before.subject, f) == getattr(subject, f) for f in IDENTITY)
            state = before.state if same else EnterpriseState.APPLIED
            after = await store.amend(tx, enterprise_id, subject, state)
            if after is None:
                raise EnterpriseExists(
                    "another enterprise has this credit code",
                    field="credit_code",
                    rule="credit-code-taken",
                )
            detail = {"state": after.state}
            await access.audit(tx, actor, "enterprise.amended", _name(enterprise_id), detail)
            return after

        return await self._database.transaction(work)

    async def verify(self, actor: Actor, enterprise_id: int, evidence: str) -> Enterprise:
        """Record that the enterprise's identity was verified, on what evidence (实名核验)."""
        _check_note(evidence, "evidence")
        return await self._decide(
            actor, enterprise_id, {EnterpriseState.APPLIED}, EnterpriseState.VERIFIED,
            "enterprise.verified", evidence=evidence,
        )  # fmt: skip

    async def reject(self, actor: Actor, enterprise_id: int, note: str) -> Enterprise:
        """Refuse an application, with the reason. The enterprise may apply again."""
        _check_note(note, "note")
        return await self._decide(
            actor, enterprise_id, {EnterpriseState.APPLIED}, EnterpriseState.REJECTED,
            "enterprise.rejected", note=note,
        )  # fmt: skip

    async def suspend(self, actor: Actor, enterprise_id: int, note: str) -> Enterprise:
        """Stop registration for this enterprise. Resolution of what it has goes on."""
        _check_note(note, "note")
        return await self._decide(
            actor, enterprise_id, {EnterpriseState.VERIFIED}, EnterpriseState.SUSPENDED,
            "enterprise.suspended", note=note,
        )  # fmt: skip

    async def resume(self, actor: Actor, enterprise_id: int) -> Enterprise:
        """Lift a suspension."""
        return await self._decide(
            actor, enterprise_id, {EnterpriseState.SUSPENDED}, EnterpriseState.VERIFIED,
            "enterprise.resumed",
        )  # fmt: skip

    async def get(self, actor: Actor, enterprise_id: int) -> Enterprise:
        actor.require_reader(enterprise_id)
        async with self._database.connection() as connection:
            found = await store.get(connection, enterprise_id)
        return found or _missing(enterprise_id)

    async def list(
        self, actor: Actor, *, state: EnterpriseState | None, after: int, limit: int
    ) -> list[Enterprise]:
        """Enterprises in order of their numbers, those above `after`."""
        actor.require_operator()
        async with self._database.connection() as connection:
            return await store.page(connection, state=state, after=after, limit=limit)

    async def _decide(
        self,
        actor: Actor,
        enterprise_id: int,
        allowed: set[EnterpriseState],
        state: EnterpriseState,
        action: str,
        *,
        note: str | None = None,
        evidence: str | None = None,
    ) -> Enterprise:
        actor.require_operator()

        async def work(tx: Connection) -> Enterprise:
            before = await _locked(tx, enterprise_id)
            if before.state not in allowed:
                raise WrongState(
                    f"the enterprise is `{before.state}`, so it can't become `{state}`",
                    rule="enterprise-state",
                )
            after = await store.decide(
                tx, enterprise_id, state, by=actor.name, note=note, evidence=evidence
            )
            detail = {"note": note, "evidence": evidence}
            await access.audit(tx, actor, action, _name(enterprise_id), detail)
            return after

        return await self._database.transaction(work)


async def _locked(tx: Connection, enterprise_id: int) -> Enterprise:
    return await store.get(tx, enterprise_id, lock=True) or _missing(enterprise_id)


def _missing(enterprise_id: int) -> Enterprise:
    raise EnterpriseNotFound(f"there is no enterprise {enterprise_id}", field="enterprise_id")


def _name(enterprise_id: int) -> str:
    return f"enterprise/{enterprise_id}"


def _check_note(text: str, field: str) -> None:
    if not text.strip() or len(text) > MAX_NOTE or "\0" in text:
        raise InvalidInput(
            f"say why, in 1 to {MAX_NOTE} characters", field=field, rule=f"{field}-text"
        )
