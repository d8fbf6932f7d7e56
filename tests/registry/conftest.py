"""The registry on a fresh database, and the way to a prefix one may register under."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

import pytest
from stdnum.cn import uscc

from registry.access import store as access
from registry.access.actor import Actor, Role
from registry.access.key import ALL_SCOPES
from registry.access.keyring import Keyring
from registry.access.once import OnceRunner
from registry.access.store import AuditEntry
from registry.database import Database, connect
from registry.enterprise.enterprises import Enterprises
from registry.enterprise.subject import Subject
from registry.prefix.prefixes import Prefixes, PrefixWish
from registry.record.archive import Form
from registry.record.catalogue import Catalogue
from registry.record.registrar import Registrar
from registry.sealing import SealingKey

SECONDARY = "88.608"


@dataclass(frozen=True)
class Holder:
    """A verified enterprise, and its key as an actor."""

    enterprise_id: int
    actor: Actor
    prefix: str = ""


MakeSubject: TypeAlias = Callable[..., Subject]
VerifiedEnterprise: TypeAlias = Callable[[], Awaitable[Holder]]
ActivePrefix: TypeAlias = Callable[..., Awaitable[Holder]]


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with connect(database_url, size=8, statement_timeout=20) as database:
        yield database


@pytest.fixture
def sealing() -> SealingKey:
    return SealingKey.generate()


@pytest.fixture
def form(sealing: SealingKey) -> Form:
    return Form(case_sensitive=False, sealing=sealing)


@pytest.fixture
def once(database: Database, sealing: SealingKey) -> OnceRunner:
    return OnceRunner(database, sealing)


@pytest.fixture
def keyring(database: Database, once: OnceRunner) -> Keyring:
    return Keyring(database, once, now)


@pytest.fixture
def enterprises(database: Database, once: OnceRunner) -> Enterprises:
    return Enterprises(database, once)


@pytest.fixture
def prefixes(database: Database, once: OnceRunner) -> Prefixes:
    return Prefixes(database, once, SECONDARY, allow_private=False)


@pytest.fixture
def registrar(database: Database, form: Form) -> Registrar:
    return Registrar(database, form)


@pytest.fixture
def catalogue(database: Database, form: Form) -> Catalogue:
    return Catalogue(database, form)


@pytest.fixture
def operator() -> Actor:
    return Actor("key:OPERATOR", role=Role.OPERATOR, request_id="request-of-operator")


@pytest.fixture
def national() -> Actor:
    return Actor("national-node", role=Role.OPERATOR, request_id="request-of-national-node")


@pytest.fixture
def make_subject() -> MakeSubject:
    """Valid subject data, each time of another enterprise."""
    numbers = itertools.count(1)

    def make(**changes: Any) -> Subject:
        code = f"91440000{next(numbers):09d}"
        known: dict[str, Any] = {
            "name": "中山市某某照明有限公司",
            "credit_code": code + uscc.calc_check_digit(code),
            "legal_person": "张三丰",
            "contact_name": "李四光",
            "contact_phone": "0760-88886666",
            "contact_email": "bs@lamps.example.com",
            "address": "广东省中山市古镇镇某路1号",
            "industry": "C3872",
        }
        return Subject(**known | changes)

    return make


@pytest.fixture
def verified_enterprise(
    enterprises: Enterprises, operator: Actor, make_subject: MakeSubject
) -> VerifiedEnterprise:
    async def make() -> Holder:
        visitor = Actor("anonymous", request_id="request-of-visitor")
        application = await enterprises.apply(visitor, make_subject())
        enterprise_id = application.enterprise.enterprise_id
        await enterprises.verify(operator, enterprise_id, "seen the licence")
        return Holder(enterprise_id, actor_of(enterprise_id))

    return make


@pytest.fixture
def active_prefix(
    prefixes: Prefixes,
    operator: Actor,
    national: Actor,
    verified_enterprise: VerifiedEnterprise,
) -> ActivePrefix:
    """A prefix of a new enterprise, or a further one of a known enterprise."""

    async def make(holder: Holder | None = None, code: str | None = None) -> Holder:
        holder = holder or await verified_enterprise()
        wish = PrefixWish(enterprise_id=holder.enterprise_id, code=code)
        prefix = await prefixes.request(holder.actor, wish)
        await prefixes.approve(operator, prefix.prefix)
        await prefixes.settle_review(national, prefix.prefix, True, "")
        return Holder(holder.enterprise_id, holder.actor, prefix.prefix)

    return make


@pytest.fixture
async def lamps(active_prefix: ActivePrefix) -> Holder:
    """An enterprise with an active prefix."""
    return await active_prefix()


@pytest.fixture
def trail(database: Database) -> Callable[[], Awaitable[list[AuditEntry]]]:
    """Everything that was audited, newest first."""

    async def read() -> list[AuditEntry]:
        async with database.connection() as connection:
            return await access.audit_trail(connection, before=None, limit=1000)

    return read


def actor_of(enterprise_id: int) -> Actor:
    return Actor(
        f"key:ENTERPRISE{enterprise_id}",
        role=Role.ENTERPRISE,
        enterprise_id=enterprise_id,
        scopes=frozenset(ALL_SCOPES),
        request_id=f"request-of-{enterprise_id}",
    )


def now() -> datetime:
    return datetime.now(UTC)
