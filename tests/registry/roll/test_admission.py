"""Admission: an enterprise, its prefix and its identity, all or nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from registry.access.actor import Actor
from registry.access.application import ApplicationExists, fingerprint
from registry.access.applications import Applications
from registry.access.once import OnceRunner
from registry.access.store import AuditEntry
from registry.database import Database
from registry.enterprise.enterprise import EnterpriseState
from registry.enterprise.enterprises import Enterprises
from registry.errors import EnterpriseNotVerified, InvalidInput, NotPermitted, PrefixTaken
from registry.prefix.prefix import PrefixState
from registry.prefix.prefixes import Prefixes
from registry.roll.admission import Admission, Admissions, Login
from registry.roll.roll import Roll
from registry.roll.store import Search
from registry.sealing import SealingKey
from tests.registry.conftest import SECONDARY, Holder, MakeSubject, actor_of, now

LOGIN = Login("mes", fingerprint("a secret"))
PREFIX = f"{SECONDARY}.77"


@pytest.fixture
def admissions(database: Database, sealing: SealingKey) -> Admissions:
    return Admissions(database, sealing, SECONDARY)


@pytest.fixture
def applications(database: Database, once: OnceRunner, sealing: SealingKey) -> Applications:
    return Applications(database, once, sealing, now)


async def test_everything_waits_for_review(
    admissions: Admissions,
    applications: Applications,
    prefixes: Prefixes,
    enterprises: Enterprises,
    operator: Actor,
    make_subject: MakeSubject,
    trail: Callable[[], Awaitable[list[AuditEntry]]],
) -> None:
    subject = make_subject()
    number = await admissions.admit(operator, Admission(subject, PREFIX, LOGIN))
    enterprise = await enterprises.get(operator, number)
    assert (enterprise.state, enterprise.subject) == (EnterpriseState.APPLIED, subject)
    assert (await prefixes.get(operator, PREFIX)).state is PrefixState.WAITING
    with pytest.raises(EnterpriseNotVerified):
        await prefixes.approve(operator, PREFIX)
    actor = await applications.authenticate(await applications.log_in("mes", "a secret"), "")
    assert actor.enterprise_id == number
    actions = {entry.action for entry in await trail()}
    assert actions == {"enterprise.applied", "prefix.requested", "application.created"}


async def test_what_fails_leaves_nothing(
    admissions: Admissions,
    database: Database,
    operator: Actor,
    make_subject: MakeSubject,
    lamps: Holder,
) -> None:
    await admissions.admit(operator, Admission(make_subject(), PREFIX, LOGIN))
    roll = Roll(database)
    before = await roll.enterprises(operator, Search(), 0, 10)
    with pytest.raises(PrefixTaken):
        await admissions.admit(operator, Admission(make_subject(), lamps.prefix))
    with pytest.raises(ApplicationExists):
        await admissions.admit(operator, Admission(make_subject(), f"{SECONDARY}.78", LOGIN))
    assert await roll.enterprises(operator, Search(), 0, 10) == before
    assert (await roll.prefixes(operator, Search(), 0, 10))[0] == 2


@pytest.mark.parametrize(
    "prefix", ["", SECONDARY, f"{SECONDARY}.", f"{SECONDARY}.x", "88.609.1", f"{SECONDARY}.1.1",
               f"{SECONDARY}.{'1' * 41}", f"{SECONDARY}.1/2", f"{SECONDARY}.١"],
)  # fmt: skip
async def test_a_prefix_is_one_of_this_node(
    admissions: Admissions, operator: Actor, make_subject: MakeSubject, prefix: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await admissions.admit(operator, Admission(make_subject(), prefix))
    assert refused.value.rule == "prefix-code"


async def test_only_operators_admit(
    admissions: Admissions, make_subject: MakeSubject, lamps: Holder
) -> None:
    with pytest.raises(NotPermitted):
        await admissions.admit(actor_of(lamps.enterprise_id), Admission(make_subject()))


async def test_an_enterprise_sees_its_own_lines(
    database: Database, lamps: Holder, active_prefix: Callable[..., Awaitable[Holder]]
) -> None:
    other = await active_prefix()
    roll = Roll(database)
    total, lines = await roll.prefixes(lamps.actor, Search(), 0, 10)
    assert (total, [line.prefix for line in lines]) == (1, [lamps.prefix])
    with pytest.raises(NotPermitted):
        await roll.prefix(lamps.actor, other.prefix)
    with pytest.raises(NotPermitted):
        await roll.enterprise(lamps.actor, other.enterprise_id)
    for size in (0, 1001):
        with pytest.raises(InvalidInput):
            await roll.prefixes(lamps.actor, Search(), 0, size)
