"""Lookups that go together: one query for all who wait, each with its own answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from registry.database import Connection, Database
from registry.identifier import Identifier
from registry.public import store
from registry.public.lookups import ENOUGH, MAX_TOGETHER, Lookups, Public
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


@pytest.fixture
def held_up(monkeypatch: pytest.MonkeyPatch, queries: list[int]) -> asyncio.Event:
    """The first query is back no sooner than this is set."""
    go = asyncio.Event()
    counted = store.find

    async def slow(
        connection: Connection, prefixes: Sequence[str], suffixes: Sequence[str]
    ) -> object:
        first = not queries
        found = await counted(connection, prefixes, suffixes)
        if first:
            await go.wait()
        return found

    monkeypatch.setattr(store, "find", slow)
    return go


async def sent(queries: list[int], sizes: list[int]) -> None:
    async with asyncio.timeout(30):
        while queries != sizes:
            assert len(queries) <= len(sizes), queries
            await asyncio.sleep(0.001)


async def test_enough_of_them_wait_for_no_other_query(
    database: Database,
    form: Form,
    registrar: Registrar,
    lamps: Holder,
    queries: list[int],
    held_up: asyncio.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("registry.public.lookups.MOMENT", 3600.0)
    handles = await registered(registrar, lamps, ENOUGH + 3)
    async with running(Lookups(database, form)) as lookups:
        asked = [lookups.ask(lookups.key(handles[0]))]
        await sent(queries, [1])
        asked += [lookups.ask(lookups.key(handle)) for handle in handles[1:ENOUGH]]
        await asyncio.sleep(0.02)
        assert queries == [1]  # beside another, so few are not worth a round trip
        asked += [lookups.ask(lookups.key(handles[ENOUGH]))]
        await sent(queries, [1, ENOUGH])
        asked += [lookups.ask(lookups.key(handle)) for handle in handles[ENOUGH + 1 :]]
        held_up.set()
        found = await asyncio.gather(*asked)
    assert [said(public) for public in found] == [handle.suffix for handle in handles]
    assert queries == [1, ENOUGH, 2]


async def test_a_few_wait_for_a_moment_only(
    database: Database,
    form: Form,
    registrar: Registrar,
    lamps: Holder,
    queries: list[int],
    held_up: asyncio.Event,
) -> None:
    one, other = await registered(registrar, lamps, 2)
    async with running(Lookups(database, form)) as lookups:
        slow = lookups.ask(lookups.key(one))
        await sent(queries, [1])
        assert said(await lookups.find(other)) == other.suffix
        assert not slow.done()
        held_up.set()
        assert said(await slow) == one.suffix


async def test_who_waits_behind_a_query_that_fails_is_answered(
    database: Database,
    form: Form,
    registrar: Registrar,
    lamps: Holder,
    queries: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, other = await registered(registrar, lamps, 2)
    counted, go = store.find, asyncio.Event()

    async def broken_once(
        connection: Connection, prefixes: Sequence[str], suffixes: Sequence[str]
    ) -> object:
        if not queries:
            queries.append(0)
            await go.wait()
            raise ConnectionResetError
        return await counted(connection, prefixes, suffixes)

    monkeypatch.setattr(store, "find", broken_once)
    async with running(Lookups(database, form), many=1) as lookups:
        failing = lookups.ask(lookups.key(one))
        await sent(queries, [0])
        waiting = lookups.ask(lookups.key(other))
        go.set()
        with pytest.raises(ConnectionResetError):
            await failing
        assert said(await waiting) == other.suffix


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
