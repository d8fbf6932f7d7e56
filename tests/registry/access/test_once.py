"""Idempotency: one effect and one answer, however often a request comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from registry.access.actor import Actor, Role, anonymous
from registry.access.key import KeyText, KeyWish
from registry.access.keyring import Keyring
from registry.access.once import Once, OnceRunner
from registry.access.store import forget_idempotency
from registry.database import Connection, Database
from registry.enterprise.enterprises import Enterprises
from registry.errors import EnterpriseExists, InvalidInput, KeyReused
from registry.prefix.prefixes import Prefixes, PrefixWish
from registry.sealing import SealingKey, SealingKeyUnfit

ONCE = Once.of("key:A", "1", b"POST", b"/v1/keys", b"{}")
WISH = KeyWish(role=Role.BUREAU, label="bureau")


class Count(msgspec.Struct):
    runs: int


async def test_the_same_request_gets_the_same_key_again(
    keyring: Keyring, operator: Actor, database: Database
) -> None:
    first = await keyring.create(operator, WISH, ONCE)
    assert await keyring.create(operator, WISH, ONCE) == first
    assert (await keyring.authenticate(first.secret, "")).name == f"key:{first.key.key_id}"
    assert await _rows(database, "api_key") == 1


async def test_every_kind_of_answer_comes_back_as_it_was(
    enterprises: Enterprises,
    prefixes: Prefixes,
    operator: Actor,
    make_subject: Callable[..., Any],
) -> None:
    subject = make_subject()
    applied = await enterprises.apply(anonymous(), subject, ONCE)
    assert await enterprises.apply(anonymous(), subject, ONCE) == applied
    with pytest.raises(EnterpriseExists):
        await enterprises.apply(anonymous(), subject)
    enterprise_id = applied.enterprise.enterprise_id
    await enterprises.verify(operator, enterprise_id, "seen")
    wish, once = PrefixWish(enterprise_id=enterprise_id), Once.of("key:A", "2", b"")
    requested = await prefixes.request(operator, wish, once)
    assert await prefixes.request(operator, wish, once) == requested
    assert requested.prefix == "88.608.1"


async def test_a_key_with_other_content_is_refused(keyring: Keyring, operator: Actor) -> None:
    await keyring.create(operator, WISH, ONCE)
    other = Once.of("key:A", "1", b"POST", b"/v1/keys", b"{ }")
    with pytest.raises(KeyReused) as refused:
        await keyring.create(operator, WISH, other)
    assert refused.value.rule == "idempotency-key-reused"
    assert refused.value.field == "Idempotency-Key"


async def test_two_senders_may_use_the_same_key(
    keyring: Keyring, operator: Actor, database: Database
) -> None:
    first = await keyring.create(operator, WISH, Once.of("key:A", "1", b"x"))
    second = await keyring.create(operator, WISH, Once.of("key:B", "1", b"x"))
    assert first.key.key_id != second.key.key_id


async def test_requests_at_the_same_time_have_one_effect(
    keyring: Keyring, operator: Actor, database: Database
) -> None:
    answers = await asyncio.gather(*(keyring.create(operator, WISH, ONCE) for _ in range(8)))
    assert len({answer.secret for answer in answers}) == 1
    assert await _rows(database, "api_key") == await _rows(database, "audit") == 1


async def test_work_that_fails_leaves_no_claim(once: OnceRunner, database: Database) -> None:
    async def fails(tx: Connection) -> Count:
        raise LookupError

    async def works(tx: Connection) -> Count:
        return Count(1)

    with pytest.raises(LookupError):
        await once.run(ONCE, Count, fails)
    assert await _rows(database, "idempotency") == 0
    assert await once.run(Once.of("key:A", "1", b"other"), Count, works) == Count(1)


async def test_who_waits_for_a_failure_does_the_work_itself(once: OnceRunner) -> None:
    started, go_on = asyncio.Event(), asyncio.Event()

    async def fails(tx: Connection) -> Count:
        started.set()
        await go_on.wait()
        raise LookupError

    async def works(tx: Connection) -> Count:
        return Count(2)

    first = asyncio.create_task(once.run(ONCE, Count, fails))
    await started.wait()
    second = asyncio.create_task(once.run(ONCE, Count, works))
    await asyncio.sleep(0.05)
    assert not second.done()
    go_on.set()
    with pytest.raises(LookupError):
        await first
    assert await second == Count(2)


async def test_answers_are_stored_sealed_and_open_only_where_they_belong(
    keyring: Keyring, operator: Actor, once: OnceRunner, database: Database
) -> None:
    made = await keyring.create(operator, WISH, ONCE)
    other = Once.of("key:B", "1", b"POST", b"/v1/keys", b"{}")

    async def works(tx: Connection) -> Count:
        return Count(1)

    await once.run(other, Count, works)
    async with database.connection() as connection:
        answer = await connection.fetchval("SELECT answer FROM idempotency WHERE actor = 'key:A'")
        assert KeyText.parse(made.secret).secret.encode() not in answer
        assert b"key_id" not in answer
        await connection.execute("UPDATE idempotency SET answer = $1 WHERE actor = 'key:B'", answer)
    with pytest.raises(SealingKeyUnfit):
        await once.run(other, Count, works)


async def test_another_sealing_key_opens_no_answer(
    keyring: Keyring, operator: Actor, database: Database
) -> None:
    await keyring.create(operator, WISH, ONCE)
    stranger = Keyring(database, OnceRunner(database, SealingKey.generate()), keyring._now)
    with pytest.raises(SealingKeyUnfit):
        await stranger.create(operator, WISH, ONCE)


async def test_without_a_key_each_request_has_its_effect(
    keyring: Keyring, operator: Actor, database: Database
) -> None:
    await keyring.create(operator, WISH)
    await keyring.create(operator, WISH)
    assert await _rows(database, "api_key") == 2
    assert await _rows(database, "idempotency") == 0


async def test_old_answers_are_forgotten(
    keyring: Keyring, operator: Actor, database: Database
) -> None:
    await keyring.create(operator, WISH, ONCE)
    async with database.connection() as connection:
        moment = await connection.fetchval("SELECT created_at FROM idempotency")
        assert await forget_idempotency(connection, older_than=moment) == 0
        later = await connection.fetchval("SELECT now()")
        assert await forget_idempotency(connection, older_than=later) == 1


@pytest.mark.parametrize("key", ["", "x" * 201, "键", "a\nb", "a\0"])
def test_an_unfit_key_is_refused(key: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Once.of("key:A", key, b"")
    assert (refused.value.field, refused.value.rule) == ("Idempotency-Key", "idempotency-key")


def test_the_digest_tells_where_a_part_ends() -> None:
    assert Once.of("a", "k", b"ab", b"c").digest != Once.of("a", "k", b"a", b"bc").digest
    assert Once.of("a", "k", b"ab", b"").digest != Once.of("a", "k", b"ab").digest


async def _rows(database: Database, table: str) -> int:
    async with database.connection() as connection:
        count: int = await connection.fetchval(f"SELECT count(*) FROM {table}")
    return count
