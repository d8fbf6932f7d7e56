"""Lookups that go together: one query for all who wait, each with its own answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from registry.database import Connection, Database
from registry.identifier import Identifier
from registry.public import store
from registry.public.lookups import MAX_TOGETHER, Lookups, Public
from registry.record.archive import Form
from registry.record.registrar import Registrar
from registry.record.registration import Method, Registration
from registry.record.value import DataIn, ValueIn, decode, normalise
from tests.registry.conftest import Holder, now


@asynccontextmanager
async def running(lookups: Lookups, many: int = 2) -> AsyncIterator[Lookups]:
    tasks = [asyncio.create_task(lookups.run()) for _ in range(many)]
    await asyncio.sleep(0)
    try:
        yield lookups
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many identifiers each query asked for."""
    sizes: list[int] = []
    real = store.find

    async def counted(
        connection: Connection, prefixes: Sequence[str], suffixes: Sequence[str]
    ) -> object:
        sizes.append(len(prefixes))
        return await real(connection, prefixes, suffixes)

    monkeypatch.setattr(store, "find", counted)
    return sizes


async def registered(registrar: Registrar, lamps: Holder, count: int) -> list[Identifier]:
    handles = [Identifier(lamps.prefix, f"lamp-{number}") for number in range(count)]
    wanted = [
        Registration(handle, normalise([ValueIn(1, "URL", DataIn(handle.suffix))], now=now()))
        for handle in handles
    ]
    await registrar.create(lamps.actor, wanted, Method.BATCH)
    return handles


def said(public: Public) -> str:
    assert public.text is not None
    return str(decode(public.text)[0].data.value)


async def test_those_of_one_turn_share_a_query(
    database: Database, form: Form, registrar: Registrar, lamps: Holder, queries: list[int]
) -> None:
    handles = await registered(registrar, lamps, 60)
    async with running(Lookups(database, form)) as lookups:
        # In any spelling, and some of them twice.
        asked = [*handles, *(Identifier(h.prefix, h.suffix.upper()) for h in handles[:20])]
        found = await asyncio.gather(*(lookups.find(handle) for handle in asked))
    assert [said(public) for public in found] == [handles[n % 60].suffix for n in range(80)]
    assert queries == [60]


async def test_a_query_has_a_bound(
    database: Database, form: Form, registrar: Registrar, lamps: Holder, queries: list[int]
) -> None:
    handles = await registered(registrar, lamps, MAX_TOGETHER + 50)
    async with running(Lookups(database, form)) as lookups:
        found = await asyncio.gather(*(lookups.find(handle) for handle in handles))
    assert [said(public) for public in found] == [handle.suffix for handle in handles]
    assert sorted(queries) == [50, MAX_TOGETHER]


async def test_every_kind_of_absence(
    database: Database, form: Form, registrar: Registrar, lamps: Holder
) -> None:
    [gone] = await registered(registrar, lamps, 1)
    await registrar.withdraw(lamps.actor, gone)
    async with running(Lookups(database, form)) as lookups:
        asked = [gone, Identifier(lamps.prefix, "NEVER"), Identifier("20.500.1", "X")]
        found = await asyncio.gather(*(lookups.find(handle) for handle in asked))
        unfit = await lookups.ask((lamps.prefix, "no text of a database: \ud800"))
    assert found == [
        Public(True, known=True, prefix_id=1),
        Public(True, prefix_id=1),
        Public(False),
    ]
    assert unfit == Public(False)


async def test_without_background_work_a_caller_asks_alone(
    database: Database, form: Form, registrar: Registrar, lamps: Holder
) -> None:
    [handle] = await registered(registrar, lamps, 1)
    assert said(await Lookups(database, form).find(handle)) == handle.suffix


async def test_a_caller_that_goes_away_takes_nobody_with_it(
    database: Database, form: Form, registrar: Registrar, lamps: Holder
) -> None:
    [handle] = await registered(registrar, lamps, 1)
    async with running(Lookups(database, form)) as lookups:
        one = asyncio.create_task(lookups.find(handle))
        other = asyncio.create_task(lookups.find(handle))
        await asyncio.sleep(0)
        one.cancel()
        assert said(await other) == handle.suffix
        assert one.cancelled() or await asyncio.wait([one])


async def test_what_fails_fails_for_those_who_asked_alone(
    database: Database,
    form: Form,
    registrar: Registrar,
    lamps: Holder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    [handle] = await registered(registrar, lamps, 1)

    async def broken(*_: object) -> None:
        raise ConnectionResetError

    async with running(Lookups(database, form)) as lookups:
        with monkeypatch.context() as patched:
            patched.setattr(store, "find", broken)
            with pytest.raises(ConnectionResetError):
                await lookups.find(handle)
        assert said(await lookups.find(handle)) == handle.suffix


async def test_who_waits_when_it_ends_is_turned_away(database: Database, form: Form) -> None:
    lookups = Lookups(database, form)
    async with running(lookups):
        await asyncio.sleep(0)
        task = asyncio.create_task(lookups.find(Identifier("88.608.1", "A")))
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task
