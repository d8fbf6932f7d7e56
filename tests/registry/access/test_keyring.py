"""Making, checking and revoking keys."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from registry.access.actor import Actor, Role, Scope, anonymous
from registry.access.key import KeyText, KeyWish, NewKey
from registry.access.keyring import Keyring
from registry.access.once import OnceRunner
from registry.access.store import AuditEntry
from registry.database import Database
from registry.errors import (
    BiaoshiError,
    EnterpriseNotFound,
    InvalidInput,
    KeyNotFound,
    NotAuthenticated,
    NotPermitted,
)

Trail = Callable[[], Awaitable[list[AuditEntry]]]

BUREAU = KeyWish(role=Role.BUREAU, label="bureau")


class Clock:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.time = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keyring(database: Database, once: OnceRunner, clock: Clock) -> Keyring:
    return Keyring(database, once, clock)


@pytest.fixture
async def holder(verified_enterprise: Callable[[], Awaitable[Any]]) -> Any:
    return await verified_enterprise()


async def test_a_key_makes_its_actor(keyring: Keyring, holder: Any) -> None:
    wish = KeyWish(
        role=Role.ENTERPRISE,
        label="生产线 3",
        enterprise_id=holder.enterprise_id,
        scopes=(Scope.REGISTER,),
    )
    made = await keyring.create(holder.actor, wish)
    assert await keyring.authenticate(made.secret, "request-1") == Actor(
        f"key:{made.key.key_id}",
        role=Role.ENTERPRISE,
        enterprise_id=holder.enterprise_id,
        scopes=frozenset({Scope.REGISTER}),
        request_id="request-1",
    )


async def test_keys_of_operators_and_the_bureau_have_no_scopes(
    keyring: Keyring, operator: Actor
) -> None:
    for role in (Role.OPERATOR, Role.BUREAU):
        made = await keyring.create(operator, KeyWish(role=role, label="a"))
        actor = await keyring.authenticate(made.secret, "")
        assert (actor.role, actor.enterprise_id, actor.scopes) == (role, None, frozenset())


async def test_the_database_never_holds_the_secret(
    keyring: Keyring, operator: Actor, database: Database
) -> None:
    made = await keyring.create(operator, BUREAU)
    secret = KeyText.parse(made.secret).secret
    async with database.connection() as connection:
        tables = await connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        )
        for table in tables:
            rows = await connection.fetch(f'SELECT t::text FROM "{table[0]}" t')
            text = "\n".join(row[0] for row in rows)
            assert secret not in text
            assert secret.encode().hex() not in text
        digest = await connection.fetchval("SELECT digest FROM api_key")
    assert digest == KeyText.parse(made.secret).digest


async def test_what_does_not_hold_is_refused(
    keyring: Keyring, operator: Actor, clock: Clock
) -> None:
    made = await keyring.create(operator, BUREAU)
    text = KeyText.parse(made.secret)
    other = KeyText.mint()
    for wrong in (KeyText(text.key_id, other.secret), KeyText(other.key_id, text.secret), other):
        await _refused(keyring, wrong.text, "key-unknown")
    for malformed in ("", "bsk_", made.secret[:-1], "bsk_\0_\0"):
        await _refused(keyring, malformed, "key-form")


async def test_an_unknown_key_costs_the_same_comparison(
    keyring: Keyring, operator: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await keyring.create(operator, BUREAU)
    compared: list[int] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(len(one))
        return original(one, other)

    original = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", compare)
    await _refused(keyring, KeyText.mint().text, "key-unknown")
    await _refused(keyring, KeyText(made.key.key_id, KeyText.mint().secret).text, "key-unknown")
    assert compared == [32, 32]


async def test_a_key_expires_at_its_time(keyring: Keyring, operator: Actor, clock: Clock) -> None:
    end = clock.time + timedelta(days=1)
    made = await keyring.create(operator, KeyWish(role=Role.BUREAU, label="a", expires_at=end))
    clock.time = end - timedelta(microseconds=1)
    await keyring.authenticate(made.secret, "")
    clock.time = end
    await _refused(keyring, made.secret, "key-expired")
    # Only who has the secret learns that the key has expired.
    await _refused(keyring, KeyText(made.key.key_id, KeyText.mint().secret).text, "key-unknown")


async def test_a_revoked_key_is_refused_at_once(
    keyring: Keyring, operator: Actor, trail: Trail
) -> None:
    made = await keyring.create(operator, BUREAU)
    revoked = await keyring.revoke(operator, made.key.key_id)
    assert revoked.revoked_at is not None
    await _refused(keyring, made.secret, "key-revoked")
    again = await keyring.revoke(operator, made.key.key_id)
    assert again == revoked
    actions = [entry.action for entry in await trail()]
    assert actions == ["key.revoked", "key.created"]
    for unknown in (KeyText.mint().key_id, "", "a\0b"):
        with pytest.raises(KeyNotFound) as missing:
            await keyring.revoke(operator, unknown)
        assert missing.value.field == "key_id"


async def test_the_last_use_is_kept_to_the_minute(
    keyring: Keyring, operator: Actor, database: Database, clock: Clock
) -> None:
    made = await keyring.create(operator, BUREAU)
    assert made.key.last_used_at is None

    async def used() -> datetime | None:
        await keyring.authenticate(made.secret, "")
        return (await keyring.list(operator, None))[0].last_used_at

    first = await used()
    assert first is not None
    clock.time = first + timedelta(seconds=60)
    assert await used() == first
    clock.time = first + timedelta(seconds=61)
    later = await used()
    assert later is not None
    assert later > first


async def test_a_refused_key_has_not_been_used(keyring: Keyring, operator: Actor) -> None:
    made = await keyring.create(operator, BUREAU)
    await keyring.revoke(operator, made.key.key_id)
    await _refused(keyring, made.secret, "key-revoked")
    assert (await keyring.list(operator, None))[0].last_used_at is None


async def test_scopes_do_not_grow(keyring: Keyring, holder: Any) -> None:
    def wish(*scopes: Scope) -> KeyWish:
        return KeyWish(
            role=Role.ENTERPRISE, label="a", enterprise_id=holder.enterprise_id, scopes=scopes
        )

    manager = replace(holder.actor, scopes=frozenset({Scope.MANAGE}))
    made = await keyring.create(manager, wish(Scope.MANAGE))
    grown = await keyring.authenticate(made.secret, "")
    await _not_created(keyring, manager, wish(Scope.REGISTER), NotPermitted, "scope-growth")
    await _not_created(
        keyring, grown, wish(Scope.MANAGE, Scope.REGISTER), NotPermitted, "scope-growth"
    )
    registrar = replace(holder.actor, scopes=frozenset({Scope.REGISTER}))
    await _not_created(keyring, registrar, wish(Scope.REGISTER), NotPermitted, "scope-manage")
    assert (await keyring.create(manager, wish())).key.scopes == []


async def test_who_may_make_which_key(
    keyring: Keyring,
    holder: Any,
    operator: Actor,
    verified_enterprise: Callable[[], Awaitable[Any]],
) -> None:
    stranger = await verified_enterprise()
    bureau = Actor("key:BUREAU", role=Role.BUREAU)
    own = KeyWish(role=Role.ENTERPRISE, label="a", enterprise_id=holder.enterprise_id)
    await keyring.create(operator, own)
    for actor in (stranger.actor, bureau):
        await _not_created(keyring, actor, own, NotPermitted, "other-enterprise")
    await _not_created(keyring, anonymous(), own, NotAuthenticated, "key-needed")
    for role in (Role.OPERATOR, Role.BUREAU):
        wish = KeyWish(role=role, label="a")
        await _not_created(keyring, holder.actor, wish, NotPermitted, "operator-only")
        await _not_created(keyring, bureau, wish, NotPermitted, "operator-only")
        await _not_created(keyring, anonymous(), wish, NotAuthenticated, "key-needed")
    nobody = KeyWish(role=Role.ENTERPRISE, label="a", enterprise_id=999)
    with pytest.raises(EnterpriseNotFound):
        await keyring.create(operator, nobody)


async def test_who_may_see_and_revoke_which_keys(
    keyring: Keyring,
    holder: Any,
    operator: Actor,
    verified_enterprise: Callable[[], Awaitable[Any]],
) -> None:
    stranger = await verified_enterprise()
    own = await keyring.list(holder.actor, holder.enterprise_id)
    assert [key.label for key in own] == ["first key"]
    assert await keyring.list(operator, holder.enterprise_id) == own
    assert await keyring.list(operator, 2**40) == []
    for actor, rule in ((stranger.actor, "other-enterprise"), (_reader(holder), "scope-manage")):
        for attempt in (
            keyring.list(actor, holder.enterprise_id),
            keyring.revoke(actor, own[0].key_id),
        ):
            with pytest.raises(NotPermitted) as refused:
                await attempt
            assert refused.value.rule == rule
    with pytest.raises(NotPermitted):
        await keyring.list(holder.actor, None)
    assert (await keyring.revoke(holder.actor, own[0].key_id)).revoked_at is not None


@pytest.mark.parametrize(
    ("changes", "field", "rule"),
    [
        ({"label": ""}, "label", "key-label"),
        ({"label": "  "}, "label", "key-label"),
        ({"label": "x" * 101}, "label", "key-label"),
        ({"label": "a\nb"}, "label", "key-label"),
        ({"label": "a\0"}, "label", "key-label"),
        ({"role": Role.BUREAU, "enterprise_id": 1}, "enterprise_id", "key-enterprise"),
        ({"role": Role.ENTERPRISE}, "enterprise_id", "key-enterprise"),
        ({"expires_at": datetime(2100, 1, 1)}, "expires_at", "time-without-zone"),
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "expires_at", "key-expires-past"),
    ],
)
async def test_an_unfit_wish_is_refused(
    operator: Actor, changes: dict[str, Any], field: str, rule: str
) -> None:
    unused: Any = None
    keyring = Keyring(unused, unused, Clock())
    wish = KeyWish(**{"role": Role.BUREAU, "label": "a"} | changes)
    error = await _not_created(keyring, operator, wish, InvalidInput, rule)
    assert error.field == field


async def test_making_and_revoking_are_audited_without_secret_or_label(
    keyring: Keyring, operator: Actor, trail: Trail
) -> None:
    made = await keyring.create(operator, KeyWish(role=Role.BUREAU, label="王处长的钥匙"))
    await keyring.revoke(operator, made.key.key_id)
    revoked, created = await trail()
    assert (created.action, revoked.action) == ("key.created", "key.revoked")
    for entry in (created, revoked):
        assert entry.actor == operator.name
        assert entry.request_id == operator.request_id
        assert entry.subject == f"key/{made.key.key_id}"
        assert "王" not in str(entry)
        assert KeyText.parse(made.secret).secret not in str(entry)


async def test_entries_of_one_instant_stay_on_one_page_of_the_trail(
    database: Database, operator: Actor
) -> None:
    from registry.access import store

    for number in range(3):

        async def work(tx: Any, number: int = number) -> None:
            await store.audit(tx, operator, "a", f"{number}a")
            await store.audit(tx, operator, "b", f"{number}b")

        await database.transaction(work)
    pages: list[list[str]] = []
    before: datetime | None = None
    async with database.connection() as connection:
        while page := await store.audit_trail(connection, before=before, limit=1):
            pages.append(sorted(entry.subject for entry in page))
            before = page[-1].at
    assert pages == [["2a", "2b"], ["1a", "1b"], ["0a", "0b"]]


def _reader(holder: Any) -> Actor:
    reader: Actor = replace(holder.actor, scopes=frozenset())
    return reader


async def _refused(keyring: Keyring, text: str, rule: str) -> None:
    with pytest.raises(NotAuthenticated) as refused:
        await keyring.authenticate(text, "")
    assert refused.value.rule == rule


async def _not_created(
    keyring: Keyring, actor: Actor, wish: KeyWish, kind: type[BiaoshiError], rule: str
) -> BiaoshiError:
    made: NewKey | None = None
    with pytest.raises(kind) as refused:
        made = await keyring.create(actor, wish)
    assert made is None
    assert refused.value.rule == rule
    return refused.value
