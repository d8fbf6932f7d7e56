"""Application identities: passwords by the day, tokens, and who may make them."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.access.actor import Actor, Role, Scope, anonymous
from registry.access.application import (
    Application,
    ApplicationExists,
    ApplicationNotFound,
    ApplicationWish,
    WrongCredentials,
    accepted_days,
    daily_password,
    fingerprint,
)
from registry.access.applications import Applications
from registry.access.once import Once, OnceRunner
from registry.access.store import AuditEntry
from registry.database import Database
from registry.errors import EnterpriseNotFound, InvalidInput, NotAuthenticated, NotPermitted
from registry.sealing import SealingKey

VECTOR = "58e2c92c46485fdbc35fdcd0814d6c0f000cad5aa156848ca5edaf29406b7661"


class Clock:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.time = datetime(2019, 8, 15, 4, 0, tzinfo=UTC)  # noon in Beijing

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def applications(
    database: Database, once: OnceRunner, sealing: SealingKey, clock: Clock
) -> Applications:
    return Applications(database, once, sealing, clock)


@pytest.fixture
async def holder(verified_enterprise: Callable[[], Awaitable[Any]]) -> Any:
    return await verified_enterprise()


@pytest.fixture
async def mes(applications: Applications, holder: Any) -> tuple[Application, str]:
    """An identity and its secret."""
    wish = ApplicationWish(username="mes", enterprise_id=holder.enterprise_id)
    made = await applications.create(holder.actor, wish)
    return made.application, made.secret


def test_the_known_vector() -> None:
    assert daily_password(fingerprint("123456"), date(2019, 8, 15)) == VECTOR


@given(st.text(), st.dates(min_value=date(1000, 1, 1)))
def test_the_password_of_a_day_is_the_hash_of_a_hash(secret: str, day: date) -> None:
    inner = hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
    whole = hashlib.sha256((inner + day.isoformat()).encode()).hexdigest()
    assert daily_password(fingerprint(secret), day) == whole


@pytest.mark.parametrize(
    ("moment", "days"),
    [
        ("2019-08-15T00:00:00+08:00", [14, 15]),
        ("2019-08-15T00:09:59+08:00", [14, 15]),
        ("2019-08-15T00:10:00+08:00", [15]),
        ("2019-08-15T12:00:00+08:00", [15]),
        ("2019-08-15T23:49:59+08:00", [15]),
        ("2019-08-15T23:50:00+08:00", [15, 16]),
        ("2019-08-14T16:30:00+00:00", [15]),  # half past midnight in Beijing
        ("2019-08-15T15:30:00+00:00", [15]),  # half past eleven at night
    ],
)
def test_the_day_is_beijings_with_ten_minutes_about_midnight(moment: str, days: list[int]) -> None:
    assert [day.day for day in accepted_days(datetime.fromisoformat(moment))] == days


async def test_either_password_logs_in(
    applications: Applications, mes: tuple[Application, str], holder: Any, clock: Clock
) -> None:
    application, secret = mes
    by_digest = daily_password(fingerprint(secret), date(2019, 8, 15))
    tokens = [
        await applications.log_in("mes", secret),
        await applications.log_in_by_digest("mes", by_digest),
        await applications.log_in_by_digest("mes", by_digest.upper()),
    ]
    assert len(set(tokens)) == 3
    for token in tokens:
        actor = await applications.authenticate(token, "request")
        assert actor == Actor(
            f"application:{application.application_id}",
            role=Role.ENTERPRISE,
            enterprise_id=holder.enterprise_id,
            scopes=frozenset(Scope),
            request_id="request",
        )
    (listed,) = await applications.list(holder.actor, holder.enterprise_id)
    assert listed.last_login_at == clock.time


async def test_wrong_passwords_do_not(
    applications: Applications, mes: tuple[Application, str]
) -> None:
    _, secret = mes
    yesterday = daily_password(fingerprint(secret), date(2019, 8, 14))
    for work in (
        applications.log_in("mes", secret + "x"),
        applications.log_in("mes", ""),
        applications.log_in("mes", fingerprint(secret)),
        applications.log_in("MES", secret),
        applications.log_in("", secret),
        applications.log_in("a\0b", secret),
        applications.log_in_by_digest("mes", secret),
        applications.log_in_by_digest("mes", yesterday),
        applications.log_in_by_digest("mes", "\ud800"),
        applications.log_in_by_digest("nobody", yesterday),
    ):
        with pytest.raises(WrongCredentials):
            await work


async def test_a_token_ends_after_a_day(
    applications: Applications, mes: tuple[Application, str], clock: Clock, database: Database
) -> None:
    token = await applications.log_in("mes", mes[1])
    clock.time += timedelta(hours=24) - timedelta(microseconds=1)
    await applications.authenticate(token, "")
    clock.time += timedelta(microseconds=1)
    with pytest.raises(NotAuthenticated):
        await applications.authenticate(token, "")
    await applications.log_in("mes", mes[1])  # which clears away what has expired
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM application_token") == 1


async def test_a_token_is_known_to_other_processes(
    applications: Applications,
    mes: tuple[Application, str],
    database: Database,
    once: OnceRunner,
    sealing: SealingKey,
    clock: Clock,
) -> None:
    other = Applications(database, once, sealing, clock)
    token = await applications.log_in("mes", mes[1])
    assert await other.authenticate(token, "") == await applications.authenticate(token, "")


async def test_revoking_ends_it_everywhere(
    applications: Applications,
    mes: tuple[Application, str],
    holder: Any,
    database: Database,
    once: OnceRunner,
    sealing: SealingKey,
    clock: Clock,
) -> None:
    other = Applications(database, once, sealing, clock)
    application, secret = mes
    token = await applications.log_in("mes", secret)
    for one in (applications, other):
        await one.authenticate(token, "")
    revoked = await applications.revoke(holder.actor, application.application_id)
    assert revoked.revoked_at is not None
    assert await applications.revoke(holder.actor, application.application_id) == revoked
    clock.time += timedelta(seconds=1)  # so long another process may trust what it saw
    for one in (applications, other):
        with pytest.raises(NotAuthenticated):
            await one.authenticate(token, "")
        with pytest.raises(WrongCredentials):
            await one.log_in("mes", secret)
    wish = ApplicationWish(username="mes", enterprise_id=holder.enterprise_id)
    with pytest.raises(ApplicationExists):
        await applications.create(holder.actor, wish)


@pytest.mark.parametrize("token", ["", "nonsense", "a\0b", "\ud800", "x" * 5000])
async def test_what_is_no_token_opens_nothing(applications: Applications, token: str) -> None:
    with pytest.raises(NotAuthenticated):
        await applications.authenticate(token, "")


async def test_neither_secret_nor_token_stands_in_the_database(
    applications: Applications, mes: tuple[Application, str], database: Database
) -> None:
    token = await applications.log_in("mes", mes[1])
    async with database.connection() as connection:
        rows = [
            *await connection.fetch("SELECT a::text AS row FROM application a"),
            *await connection.fetch("SELECT t::text AS row FROM application_token t"),
        ]
    text = " ".join(row["row"] for row in rows)
    for secret in (mes[1], fingerprint(mes[1]), token):
        assert secret not in text
        assert secret.encode().hex() not in text


async def test_a_client_may_keep_its_secret(applications: Applications, operator: Actor) -> None:
    wish = ApplicationWish(username="管理员", role=Role.OPERATOR, secret="12345678")
    assert (await applications.create(operator, wish)).secret == "12345678"
    token = await applications.log_in("管理员", "12345678")
    assert (await applications.authenticate(token, "")).operator
    assert [one.username for one in await applications.list(operator, None)] == ["管理员"]


@pytest.mark.parametrize(
    ("wish", "rule"),
    [
        ({"username": ""}, "username-text"),
        ({"username": "n" * 51}, "username-text"),
        ({"username": " mes"}, "username-text"),
        ({"username": "m\0s"}, "username-text"),
        ({"secret": "1234567"}, "secret-text"),
        ({"secret": "s" * 65}, "secret-text"),
        ({"secret": "12345678\n"}, "secret-text"),
        ({"enterprise_id": None}, "application-enterprise"),
        ({"role": Role.OPERATOR}, "application-enterprise"),
        ({"role": Role.BUREAU, "enterprise_id": None}, "application-enterprise"),
    ],
)
async def test_what_cannot_be_made(
    applications: Applications, operator: Actor, holder: Any, wish: dict[str, Any], rule: str
) -> None:
    known = {"username": "mes", "enterprise_id": holder.enterprise_id}
    with pytest.raises(InvalidInput) as refused:
        await applications.create(operator, ApplicationWish(**known | wish))
    assert refused.value.rule == rule


@pytest.mark.parametrize("username", ["n", "n" * 50])
@pytest.mark.parametrize("secret", ["s" * 8, "s" * 64])
async def test_what_just_can(
    applications: Applications, holder: Any, username: str, secret: str
) -> None:
    wish = ApplicationWish(username=username, enterprise_id=holder.enterprise_id, secret=secret)
    await applications.create(holder.actor, wish)
    await applications.log_in(username, secret)


async def test_who_may_make_them(
    applications: Applications, operator: Actor, holder: Any, verified_enterprise: Any
) -> None:
    stranger = await verified_enterprise()
    wish = ApplicationWish(username="mes", enterprise_id=holder.enterprise_id)
    narrow = Actor(
        "key:N",
        role=Role.ENTERPRISE,
        enterprise_id=holder.enterprise_id,
        scopes=frozenset({Scope.MANAGE}),
    )
    with pytest.raises(NotAuthenticated):
        await applications.create(anonymous(), wish)
    for actor in (stranger.actor, narrow):
        with pytest.raises(NotPermitted):
            await applications.create(actor, wish)
    with pytest.raises(NotPermitted):
        await applications.list(stranger.actor, holder.enterprise_id)
    with pytest.raises(NotPermitted):
        await applications.create(holder.actor, ApplicationWish(username="o", role=Role.OPERATOR))
    with pytest.raises(EnterpriseNotFound):
        await applications.create(operator, ApplicationWish(username="mes", enterprise_id=999))
    made = await applications.create(operator, wish)
    with pytest.raises(NotPermitted):
        await applications.revoke(stranger.actor, made.application.application_id)
    with pytest.raises(ApplicationNotFound):
        await applications.revoke(operator, 999)


async def test_sent_again_it_is_made_once_and_audited(
    applications: Applications, holder: Any, trail: Callable[[], Awaitable[list[AuditEntry]]]
) -> None:
    wish = ApplicationWish(username="mes", enterprise_id=holder.enterprise_id)
    once = Once.of(holder.actor.name, "same", b"body")
    first = await applications.create(holder.actor, wish, once)
    assert await applications.create(holder.actor, wish, once) == first
    await applications.revoke(holder.actor, first.application.application_id)
    actions = [entry.action for entry in await trail()]
    assert actions[:2] == ["application.revoked", "application.created"]
    assert actions.count("application.created") == 1
    assert first.secret not in str(await trail())
