"""Grants: who may give them, and what they are good for until when."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from registry.access.actor import Actor, Role, Scope, anonymous
from registry.access.once import Once
from registry.database import Database
from registry.errors import (
    BiaoshiError,
    EnterpriseNotFound,
    GrantNotFound,
    InvalidInput,
    NotAuthenticated,
    NotPermitted,
    PrefixNotFound,
    UnknownTemplate,
)
from registry.identifier import Identifier
from registry.record.archive import Form
from registry.record.catalogue import Catalogue
from registry.record.registrar import Registrar
from registry.record.registration import Method, Registration
from registry.template.grants import Grants, GrantWish
from registry.template.templates import Templates
from tests.registry.template.conftest import Define

REPORT = {"idType": "REPORT", "visibility": "granted"}
COST = {"idType": "COST", "visibility": "private"}
COLOUR = {"idType": "COLOUR"}


@pytest.fixture
async def locks(active_prefix: Any) -> Any:
    return await active_prefix()


@pytest.fixture
def catalogue(database: Database, form: Form, clock: list[datetime]) -> Catalogue:
    return Catalogue(database, form, lambda: clock[0])


@pytest.fixture
async def lamp(registrar: Registrar, lamps: Any, define: Define) -> Identifier:
    """A record with a value of each kind, by the template v1; beside it one by v2."""
    for version in ("v1", "v2"):
        template = await define(lamps, COLOUR, REPORT, COST, version=version)
        values = template.values_of({"COLOUR": "白", "REPORT": "合格", "COST": "9"})
        identifier = Identifier(lamps.prefix, f"LAMP-{version}")
        registration = Registration(identifier, values, template.template_id)
        (verdict,) = await registrar.create(lamps.actor, [registration], Method.BATCH)
        assert verdict.error is None
    return Identifier(lamps.prefix, "LAMP-v1")


async def seen(catalogue: Catalogue, actor: Actor, identifier: Identifier) -> set[str]:
    view = await catalogue.view(actor, identifier)
    assert view is not None
    types = {value.type for value in view.listed}
    assert view.granted == ("REPORT" in types and "COST" not in types)
    return types - {"TEMPLATE"}


async def test_what_a_grant_shows(
    grants: Grants,
    catalogue: Catalogue,
    lamps: Any,
    locks: Any,
    lamp: Identifier,
    clock: list[datetime],
    operator: Actor,
) -> None:
    assert await seen(catalogue, lamps.actor, lamp) == {"COLOUR", "REPORT", "COST"}
    assert await seen(catalogue, locks.actor, lamp) == {"COLOUR"}
    until = clock[0] + timedelta(days=1)
    wish = GrantWish(enterprise_id=locks.enterprise_id, expires_at=until)
    grant = await grants.create(lamps.actor, lamps.prefix, wish)
    assert await seen(catalogue, locks.actor, lamp) == {"COLOUR", "REPORT"}
    for other in (anonymous(), operator, Actor("key:BUREAU", Role.BUREAU)):
        assert await seen(catalogue, other, lamp) == {"COLOUR"}
    await grants.revoke(lamps.actor, lamps.prefix, grant.grant_id)
    assert await seen(catalogue, locks.actor, lamp) == {"COLOUR"}


async def test_a_grant_ends_at_its_time(
    grants: Grants,
    catalogue: Catalogue,
    lamps: Any,
    locks: Any,
    lamp: Identifier,
    clock: list[datetime],
) -> None:
    until = clock[0] + timedelta(days=1)
    await grants.create(
        lamps.actor,
        lamps.prefix,
        GrantWish(enterprise_id=locks.enterprise_id, expires_at=until),
    )
    clock[0] = until - timedelta(microseconds=1)
    assert await seen(catalogue, locks.actor, lamp) == {"COLOUR", "REPORT"}
    clock[0] = until
    assert await seen(catalogue, locks.actor, lamp) == {"COLOUR"}
    (listed,) = await grants.list(lamps.actor, lamps.prefix, 0, 10)
    assert listed.expires_at == until


async def test_a_grant_for_one_template(
    grants: Grants, catalogue: Catalogue, lamps: Any, locks: Any, lamp: Identifier
) -> None:
    wish = GrantWish(enterprise_id=locks.enterprise_id, template="v2")
    grant = await grants.create(lamps.actor, lamps.prefix, wish)
    assert (grant.template, grant.expires_at) == ("v2", None)
    assert await seen(catalogue, locks.actor, lamp) == {"COLOUR"}
    other = Identifier(lamps.prefix, "LAMP-v2")
    assert await seen(catalogue, locks.actor, other) == {"COLOUR", "REPORT"}


async def test_a_grant_is_for_one_prefix_and_one_enterprise(
    grants: Grants,
    catalogue: Catalogue,
    active_prefix: Any,
    lamps: Any,
    locks: Any,
    lamp: Identifier,
) -> None:
    second = await active_prefix(lamps)
    third = await active_prefix()
    for prefix, reader in ((second.prefix, locks), (lamps.prefix, third)):
        await grants.create(lamps.actor, prefix, GrantWish(enterprise_id=reader.enterprise_id))
    assert await seen(catalogue, locks.actor, lamp) == {"COLOUR"}
    assert await seen(catalogue, third.actor, lamp) == {"COLOUR", "REPORT"}


async def test_a_grant_goes_with_its_template(
    grants: Grants, templates: Templates, lamps: Any, locks: Any, define: Define
) -> None:
    await define(lamps, REPORT)
    wish = GrantWish(enterprise_id=locks.enterprise_id, template="v1")
    await grants.create(lamps.actor, lamps.prefix, wish)
    await templates.delete(lamps.actor, lamps.prefix, "v1")
    assert await grants.list(lamps.actor, lamps.prefix, 0, 10) == []


async def test_what_cannot_be_granted(
    grants: Grants, lamps: Any, locks: Any, clock: list[datetime]
) -> None:
    number = locks.enterprise_id
    for wish, error, field in (
        (GrantWish(enterprise_id=999), EnterpriseNotFound, "enterprise_id"),
        (GrantWish(enterprise_id=lamps.enterprise_id), InvalidInput, "enterprise_id"),
        (GrantWish(enterprise_id=number, template="v9"), UnknownTemplate, "template"),
        (GrantWish(enterprise_id=number, template="a\0"), UnknownTemplate, "template"),
        (GrantWish(enterprise_id=number, expires_at=clock[0]), InvalidInput, "expires_at"),
    ):
        with pytest.raises(error) as refused:
            await grants.create(lamps.actor, lamps.prefix, wish)
        assert refused.value.field == field
    assert await grants.list(lamps.actor, lamps.prefix, 0, 10) == []


async def test_only_the_owner_grants(
    grants: Grants, lamps: Any, locks: Any, operator: Actor
) -> None:
    wish = GrantWish(enterprise_id=locks.enterprise_id)
    narrow = Actor("key:N", Role.ENTERPRISE, lamps.enterprise_id, frozenset({Scope.REGISTER}))
    grant = await grants.create(lamps.actor, lamps.prefix, wish)
    refused: list[tuple[Actor, type[BiaoshiError]]] = [
        (anonymous(), NotAuthenticated),
        (operator, NotPermitted),
        (locks.actor, NotPermitted),
        (narrow, NotPermitted),
    ]
    for actor, error in refused:
        with pytest.raises(error):
            await grants.create(actor, lamps.prefix, wish)
        with pytest.raises(error):
            await grants.revoke(actor, lamps.prefix, grant.grant_id)
    assert await grants.list(operator, lamps.prefix, 0, 10) == [grant]
    for actor in (anonymous(), locks.actor):
        with pytest.raises((NotAuthenticated, NotPermitted)):
            await grants.list(actor, lamps.prefix, 0, 10)


async def test_grants_of_others_are_not_touched(grants: Grants, lamps: Any, locks: Any) -> None:
    wish = GrantWish(enterprise_id=locks.enterprise_id)
    grant = await grants.create(lamps.actor, lamps.prefix, wish)
    for actor, prefix, number in (
        (locks.actor, locks.prefix, grant.grant_id),
        (lamps.actor, lamps.prefix, grant.grant_id + 1),
    ):
        with pytest.raises(GrantNotFound):
            await grants.revoke(actor, prefix, number)
    with pytest.raises(PrefixNotFound):
        await grants.revoke(lamps.actor, "88.608.999", grant.grant_id)
    assert await grants.list(lamps.actor, lamps.prefix, 0, 10) == [grant]


async def test_once_and_audited(grants: Grants, lamps: Any, locks: Any, trail: Any) -> None:
    wish = GrantWish(enterprise_id=locks.enterprise_id)
    once = Once.of(lamps.actor.name, "k", b"1")
    grant = await grants.create(lamps.actor, lamps.prefix, wish, once)
    assert await grants.create(lamps.actor, lamps.prefix, wish, once) == grant
    await grants.revoke(lamps.actor, lamps.prefix, grant.grant_id)
    made, revoked = reversed((await trail())[:2])
    assert (made.action, revoked.action) == ("grant.created", "grant.revoked")
    assert made.detail["enterprise"] == locks.enterprise_id


async def test_page_by_page(grants: Grants, lamps: Any, locks: Any) -> None:
    wish = GrantWish(enterprise_id=locks.enterprise_id)
    made = [await grants.create(lamps.actor, lamps.prefix, wish) for _ in range(3)]
    assert await grants.list(lamps.actor, lamps.prefix, 0, 2) == made[:2]
    assert await grants.list(lamps.actor, lamps.prefix, made[1].grant_id, 2) == made[2:]
