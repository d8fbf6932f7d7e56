"""Applications, decisions on them, and what enterprises may change of themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from registry.access.actor import Actor, Role, anonymous
from registry.access.keyring import Keyring
from registry.access.store import AuditEntry
from registry.enterprise.enterprise import Enterprise, EnterpriseState, require_active
from registry.enterprise.enterprises import Application, Enterprises
from registry.enterprise.subject import PERSONAL
from registry.errors import (
    EnterpriseExists,
    EnterpriseNotFound,
    EnterpriseNotVerified,
    EnterpriseSuspended,
    InvalidInput,
    InvalidSubject,
    NotAuthenticated,
    NotPermitted,
    WrongState,
)

APPLIED, VERIFIED = EnterpriseState.APPLIED, EnterpriseState.VERIFIED
REJECTED, SUSPENDED = EnterpriseState.REJECTED, EnterpriseState.SUSPENDED

# The steps an operator takes to bring a new application into a state.
WAY = {
    APPLIED: [],
    VERIFIED: ["verify"],
    REJECTED: ["reject"],
    SUSPENDED: ["verify", "suspend"],
}
ALLOWED = {
    ("verify", APPLIED): VERIFIED,
    ("reject", APPLIED): REJECTED,
    ("suspend", VERIFIED): SUSPENDED,
    ("resume", SUSPENDED): VERIFIED,
}
STEPS = {
    "verify": "enterprise.verified",
    "reject": "enterprise.rejected",
    "suspend": "enterprise.suspended",
    "resume": "enterprise.resumed",
}

Trail = Callable[[], Awaitable[list[AuditEntry]]]
MakeSubject = Callable[..., Any]


@pytest.fixture
async def applied(enterprises: Enterprises, make_subject: MakeSubject) -> Application:
    return await enterprises.apply(anonymous("request-of-visitor"), make_subject())


async def test_an_application_gives_a_key_that_works_at_once(
    applied: Application, keyring: Keyring, enterprises: Enterprises
) -> None:
    actor = await keyring.authenticate(applied.key.secret, "")
    assert actor.enterprise_id == applied.enterprise.enterprise_id
    assert await enterprises.get(actor, applied.enterprise.enterprise_id) == applied.enterprise
    assert applied.enterprise.state is APPLIED
    assert applied.enterprise.decided_by is applied.enterprise.evidence is None


@pytest.mark.parametrize("state", EnterpriseState)
async def test_each_step_from_each_state(
    enterprises: Enterprises,
    operator: Actor,
    make_subject: MakeSubject,
    trail: Trail,
    state: EnterpriseState,
) -> None:
    for step, action in STEPS.items():
        before = await _in_state(enterprises, operator, make_subject(), state)
        if wanted := ALLOWED.get((step, state)):
            after = await _take(enterprises, operator, step, before.enterprise_id)
            assert after.state is wanted
            assert after.decided_by == operator.name
            assert after.decided_at is not None
            entry = (await trail())[0]
            assert entry.action == action
            assert entry.subject == f"enterprise/{before.enterprise_id}"
            assert (entry.actor, entry.request_id) == (operator.name, operator.request_id)
        else:
            with pytest.raises(WrongState) as refused:
                await _take(enterprises, operator, step, before.enterprise_id)
            assert refused.value.rule == "enterprise-state"
            after = await enterprises.get(operator, before.enterprise_id)
            assert after == before


async def test_only_an_operator_decides(
    enterprises: Enterprises, applied: Application, keyring: Keyring
) -> None:
    enterprise_id = applied.enterprise.enterprise_id
    owner = await keyring.authenticate(applied.key.secret, "")
    for step in STEPS:
        with pytest.raises(NotPermitted):
            await _take(enterprises, owner, step, enterprise_id)
        with pytest.raises(NotPermitted):
            await _take(enterprises, Actor("key:B", role=Role.BUREAU), step, enterprise_id)
        with pytest.raises(NotAuthenticated):
            await _take(enterprises, anonymous(), step, enterprise_id)


async def test_what_verification_rests_on_is_kept(
    enterprises: Enterprises, operator: Actor, applied: Application
) -> None:
    enterprise_id = applied.enterprise.enterprise_id
    await enterprises.verify(operator, enterprise_id, "licence 2026-17")
    suspended = await enterprises.suspend(operator, enterprise_id, "licence revoked")
    assert (suspended.evidence, suspended.note) == ("licence 2026-17", "licence revoked")
    resumed = await enterprises.resume(operator, enterprise_id)
    assert (resumed.evidence, resumed.note) == ("licence 2026-17", None)


@pytest.mark.parametrize("text", ["", "  ", "x" * 501, "a\0b"])
async def test_a_decision_says_why(
    enterprises: Enterprises, operator: Actor, applied: Application, text: str
) -> None:
    enterprise_id = applied.enterprise.enterprise_id
    for step, field in (("verify", "evidence"), ("reject", "note"), ("suspend", "note")):
        with pytest.raises(InvalidInput) as refused:
            await getattr(enterprises, step)(operator, enterprise_id, text)
        assert (refused.value.field, refused.value.rule) == (field, f"{field}-text")
    assert await enterprises.get(operator, enterprise_id) == applied.enterprise


async def test_an_unknown_enterprise_is_told(enterprises: Enterprises, operator: Actor) -> None:
    for enterprise_id in (1, 0, -1, 2**31, 2**62):
        with pytest.raises(EnterpriseNotFound):
            await enterprises.get(operator, enterprise_id)
        with pytest.raises(EnterpriseNotFound):
            await enterprises.resume(operator, enterprise_id)


async def test_a_credit_code_applies_once_unless_it_was_rejected(
    enterprises: Enterprises, operator: Actor, make_subject: MakeSubject
) -> None:
    subject = make_subject()
    for state in (APPLIED, VERIFIED, SUSPENDED):
        other = msgspec.structs.replace(make_subject(), name="甲")
        await _in_state(enterprises, operator, other, state)
        with pytest.raises(EnterpriseExists) as refused:
            await enterprises.apply(anonymous(), other)
        assert (refused.value.field, refused.value.rule) == ("credit_code", "credit-code-taken")
    rejected = await _in_state(enterprises, operator, subject, REJECTED)
    again = await enterprises.apply(anonymous(), subject)
    assert again.enterprise.enterprise_id > rejected.enterprise_id
    assert again.enterprise.state is APPLIED
    with pytest.raises(EnterpriseExists):
        await enterprises.apply(anonymous(), subject)
    with pytest.raises(WrongState):
        await enterprises.verify(operator, rejected.enterprise_id, "seen")


async def test_applications_at_the_same_time_make_one_enterprise(
    enterprises: Enterprises, operator: Actor, make_subject: MakeSubject
) -> None:
    subject = make_subject()
    results = await asyncio.gather(
        *(enterprises.apply(anonymous(), subject) for _ in range(8)), return_exceptions=True
    )
    made = [result for result in results if isinstance(result, Application)]
    assert len(made) == 1
    assert sum(isinstance(result, EnterpriseExists) for result in results) == 7
    assert len(await enterprises.list(operator, state=None, after=0, limit=10)) == 1


async def test_bad_subject_data_change_nothing(
    enterprises: Enterprises, operator: Actor, applied: Application, make_subject: MakeSubject
) -> None:
    bad = make_subject(contact_phone="call me")
    with pytest.raises(InvalidSubject) as refused:
        await enterprises.apply(anonymous(), bad)
    assert refused.value.field == "contact_phone"
    with pytest.raises(InvalidSubject):
        await enterprises.amend(operator, applied.enterprise.enterprise_id, bad)
    assert await enterprises.list(operator, state=None, after=0, limit=10) == [applied.enterprise]


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"address": "某路2号"}, VERIFIED),
        ({"contact_name": "王五", "contact_phone": "13800138000"}, VERIFIED),
        ({"website": "https://lamps.example.com/"}, VERIFIED),
        ({}, VERIFIED),
        ({"name": "中山市另一照明有限公司"}, APPLIED),
        ({"legal_person": "王五"}, APPLIED),
        ({"credit_code": "91110108589104047H"}, APPLIED),
    ],
)
async def test_a_change_of_identity_must_be_verified_anew(
    enterprises: Enterprises,
    operator: Actor,
    verified_enterprise: Callable[[], Awaitable[Any]],
    changes: dict[str, str],
    state: EnterpriseState,
) -> None:
    holder = await verified_enterprise()
    before = await enterprises.get(operator, holder.enterprise_id)
    subject = msgspec.structs.replace(before.subject, **changes)
    after = await enterprises.amend(holder.actor, holder.enterprise_id, subject)
    assert (after.subject, after.state) == (subject, state)
    assert await enterprises.get(operator, holder.enterprise_id) == after
    if state is APPLIED:
        again = await enterprises.verify(operator, holder.enterprise_id, "seen again")
        assert (again.state, again.evidence) == (VERIFIED, "seen again")


@pytest.mark.parametrize("state", [REJECTED, SUSPENDED])
async def test_who_was_stopped_can_not_amend(
    enterprises: Enterprises, operator: Actor, make_subject: MakeSubject, state: EnterpriseState
) -> None:
    before = await _in_state(enterprises, operator, make_subject(), state)
    with pytest.raises(WrongState):
        await enterprises.amend(operator, before.enterprise_id, make_subject())
    assert await enterprises.get(operator, before.enterprise_id) == before


async def test_nobody_takes_over_anothers_credit_code(
    enterprises: Enterprises, operator: Actor, make_subject: MakeSubject, trail: Trail
) -> None:
    first = await _in_state(enterprises, operator, make_subject(), VERIFIED)
    second = await _in_state(enterprises, operator, make_subject(), VERIFIED)
    taken = msgspec.structs.replace(second.subject, credit_code=first.subject.credit_code)
    entries = len(await trail())
    with pytest.raises(EnterpriseExists) as refused:
        await enterprises.amend(operator, second.enterprise_id, taken)
    assert refused.value.field == "credit_code"
    assert await enterprises.get(operator, second.enterprise_id) == second
    assert len(await trail()) == entries


async def test_an_enterprise_sees_and_amends_itself_alone(
    enterprises: Enterprises,
    verified_enterprise: Callable[[], Awaitable[Any]],
    make_subject: MakeSubject,
) -> None:
    one, other = await verified_enterprise(), await verified_enterprise()
    await enterprises.get(one.actor, one.enterprise_id)
    without_manage = replace(one.actor, scopes=frozenset())
    await enterprises.get(without_manage, one.enterprise_id)
    for actor, rule in ((other.actor, "other-enterprise"), (without_manage, "scope-manage")):
        with pytest.raises(NotPermitted) as refused:
            await enterprises.amend(actor, one.enterprise_id, make_subject())
        assert refused.value.rule == rule
    for attempt in (
        enterprises.get(other.actor, one.enterprise_id),
        enterprises.list(one.actor, state=None, after=0, limit=10),
    ):
        with pytest.raises(NotPermitted):
            await attempt
    with pytest.raises(NotAuthenticated):
        await enterprises.get(anonymous(), one.enterprise_id)


async def test_the_list_goes_on_from_where_it_ended(
    enterprises: Enterprises, operator: Actor, make_subject: MakeSubject
) -> None:
    made = [
        await _in_state(enterprises, operator, make_subject(), state)
        for state in (APPLIED, VERIFIED, APPLIED, SUSPENDED, REJECTED)
    ]
    first = await enterprises.list(operator, state=None, after=0, limit=3)
    rest = await enterprises.list(operator, state=None, after=first[-1].enterprise_id, limit=3)
    assert first + rest == made
    assert await enterprises.list(operator, state=APPLIED, after=0, limit=9) == [made[0], made[2]]
    assert await enterprises.list(operator, state=None, after=2**40, limit=9) == []


async def test_the_trail_holds_no_personal_data(
    enterprises: Enterprises, operator: Actor, applied: Application, trail: Trail
) -> None:
    enterprise_id = applied.enterprise.enterprise_id
    subject = msgspec.structs.replace(applied.enterprise.subject, legal_person="王五六")
    await enterprises.verify(operator, enterprise_id, "licence")
    await enterprises.amend(operator, enterprise_id, subject)
    await enterprises.reject(operator, enterprise_id, "not the licence's owner")
    entries = await trail()
    assert [entry.action for entry in entries[:3]] == [
        "enterprise.rejected",
        "enterprise.amended",
        "enterprise.verified",
    ]
    assert {entry.action for entry in entries[3:]} == {"enterprise.applied", "key.created"}
    for entry in entries[3:]:
        assert (entry.actor, entry.request_id) == ("anonymous", "request-of-visitor")
    shown = str(entries)
    for known in (applied.enterprise.subject, subject):
        assert all(getattr(known, field) not in shown for field in PERSONAL)
    assert applied.key.secret not in shown


def test_only_a_verified_enterprise_gets_anything_new() -> None:
    require_active(VERIFIED)
    with pytest.raises(EnterpriseSuspended):
        require_active(SUSPENDED)
    for state in (APPLIED, REJECTED):
        with pytest.raises(EnterpriseNotVerified):
            require_active(state)


async def _take(
    enterprises: Enterprises, actor: Actor, step: str, enterprise_id: int
) -> Enterprise:
    words = () if step == "resume" else ("because",)
    taken: Enterprise = await getattr(enterprises, step)(actor, enterprise_id, *words)
    return taken


async def _in_state(
    enterprises: Enterprises, operator: Actor, subject: Any, state: EnterpriseState
) -> Enterprise:
    made = (await enterprises.apply(anonymous(), subject)).enterprise
    for step in WAY[state]:
        made = await _take(enterprises, operator, step, made.enterprise_id)
    return made
