"""Admission: an enterprise enters the roll together with the prefix it asks for and the identity
its programs will log in with, as the field's own form has it. All of it or nothing.

Only operators admit so: a prefix is taken as soon as it is asked for, and anyone at all could else
take them by applying. It waits for review; nothing is registered before the enterprise is verified
and the national node has agreed.
"""

from __future__ import annotations

from dataclasses import dataclass

from registry.access import store as access
from registry.access.actor import Actor
from registry.access.application import ApplicationWish
from registry.access.applications import check_fingerprint, check_username, create_in
from registry.database import Connection, Database
from registry.enterprise import store as enterprises
from registry.enterprise.subject import Subject, check
from registry.errors import EnterpriseExists, InvalidIdentifier, InvalidInput, PrefixTaken
from registry.identifier import Prefix
from registry.prefix import store as prefixes
from registry.prefix.prefix import Hosting
from registry.prefix.prefixes import MAX_CODE
from registry.sealing import SealingKey


@dataclass(frozen=True, slots=True)
class Login:
    """The user name of an application identity to make, and its secret's fingerprint."""

    username: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Admission:
    """What is applied for. The prefix, where one is asked for, is whole."""

    subject: Subject
    prefix: str | None = None
    login: Login | None = None


class Admissions:
    """Every admission is one transaction and audited."""

    def __init__(self, database: Database, sealing: SealingKey, secondary: str) -> None:
        self._database = database
        self._sealing = sealing
        self._secondary = secondary

    async def admit(self, actor: Actor, admission: Admission) -> int:
        """The number of the new enterprise, which waits to be verified. Raises InvalidSubject,
        InvalidInput, EnterpriseExists, PrefixTaken or ApplicationExists."""
        actor.require_operator()
        check(admission.subject)
        if admission.prefix is not None:
            self._check_prefix(admission.prefix)
        if admission.login is not None:
            check_username(admission.login.username)
            check_fingerprint(admission.login.fingerprint)

        async def work(tx: Connection) -> int:
            enterprise_id = await _enter(tx, actor, admission.subject)
            if admission.prefix is not None:
                await _ask_for(tx, actor, enterprise_id, admission.prefix)
            if admission.login is not None:
                wish = ApplicationWish(
                    username=admission.login.username, enterprise_id=enterprise_id
                )
                await create_in(tx, actor, wish, admission.login.fingerprint, self._sealing)
            return enterprise_id

        return await self._database.transaction(work)

    def _check_prefix(self, text: str) -> None:
        """Raise unless this is the node's own prefix, a dot and digits."""
        above, _, code = text.rpartition(".")
        try:
            Prefix.strict(text)
        except InvalidIdentifier as error:
            raise InvalidInput(error.detail, field="prefix", rule="prefix-code") from None
        if above != self._secondary or len(code) > MAX_CODE:
            raise InvalidInput(
                f"a prefix here is {self._secondary}. and up to {MAX_CODE} digits",
                field="prefix",
                rule="prefix-code",
            )


async def _enter(tx: Connection, actor: Actor, subject: Subject) -> int:
    enterprise = await enterprises.add(tx, subject)
    if enterprise is None:
        raise EnterpriseExists(
            "an enterprise with this credit code has applied already",
            field="credit_code",
            rule="credit-code-taken",
        )
    number = enterprise.enterprise_id
    await access.audit(tx, actor, "enterprise.applied", f"enterprise/{number}")
    return number


async def _ask_for(tx: Connection, actor: Actor, enterprise_id: int, text: str) -> None:
    await prefixes.lock_codes(tx)
    if await prefixes.add(tx, text, enterprise_id, Hosting.HOSTED, None) is None:
        raise PrefixTaken(f"{text} is taken", field="prefix", rule="prefix-taken")
    await access.audit(tx, actor, "prefix.requested", text)
