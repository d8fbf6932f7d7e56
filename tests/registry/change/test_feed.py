"""Statements that change what is resolved tell so in their transaction, and the feed hears it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from registry.access.actor import console
from registry.change.feed import Feed
from registry.change.notice import Notice
from registry.database import Database
from registry.identifier import Identifier
from registry.prefix.prefix import Listener as PrefixListener
from registry.prefix.prefix import Protocol, Routing
from registry.prefix.prefixes import Prefixes
from registry.record.registrar import Registrar
from registry.record.registration import Method, Registration
from registry.record.value import DataIn, ValueIn, normalise
from registry.template.definition import TemplateChange, TemplateWish
from registry.template.template import TemplateItem
from registry.template.templates import Templates
from tests.registry.conftest import Holder, now

SECONDS = 30


class Ear:
    """Keeps what it is told, in order."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[object] = asyncio.Queue()

    def begin(self) -> None:
        self.told.put_nowait("begin")

    def hear(self, notice: Notice) -> None:
        self.told.put_nowait(notice)

    def lose(self) -> None:
        self.told.put_nowait("lose")

    async def next(self) -> object:
        return await asyncio.wait_for(self.told.get(), SECONDS)


@pytest.fixture
async def ear(database_url: str, lamps: Holder) -> AsyncIterator[Ear]:
    """Listens since `lamps` had its prefix."""
    ear = Ear()
    feed = asyncio.create_task(Feed(database_url, ear).run())
    assert await ear.next() == "begin"
    yield ear
    feed.cancel()
    await asyncio.gather(feed, return_exceptions=True)


def values(text: str) -> tuple[object, ...]:
    return normalise([ValueIn(1, "URL", DataIn(text))], now=now())


async def register(registrar: Registrar, lamps: Holder, *suffixes: str) -> list[Identifier]:
    handles = [Identifier(lamps.prefix, suffix) for suffix in suffixes]
    wanted = [Registration(handle, values("a")) for handle in handles]
    verdicts = await registrar.create(lamps.actor, wanted, Method.BATCH)
    assert all(verdict.error is None for verdict in verdicts)
    return handles


async def test_records(ear: Ear, registrar: Registrar, lamps: Holder) -> None:
    """A registration and a revival tell nothing: nobody holds what was not there."""
    [handle] = await register(registrar, lamps, 'lämp/"1\\')
    await registrar.upsert(lamps.actor, handle, values("b"))
    await registrar.withdraw(lamps.actor, handle)
    await registrar.put(lamps.actor, Registration(handle, values("c")))
    await registrar.withdraw(lamps.actor, handle)
    expected = Notice(identifiers=(handle.canonical(),))
    assert [await ear.next() for _ in range(3)] == [expected] * 3
    assert ear.told.empty()


async def test_an_undone_change_is_not_told(
    ear: Ear, registrar: Registrar, lamps: Holder, database_url: str
) -> None:
    one, other = await register(registrar, lamps, "ONE", "OTHER")
    connection = await asyncpg.connect(database_url)
    try:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("UPDATE identifier SET revision = 7 WHERE suffix = 'ONE'")
        await transaction.rollback()
    finally:
        await connection.close()
    await registrar.withdraw(lamps.actor, other)
    assert await ear.next() == Notice(identifiers=(other.canonical(),))
    assert one != other


async def test_a_statement_that_changes_many_names_the_prefix(
    ear: Ear, registrar: Registrar, lamps: Holder, database_url: str
) -> None:
    await register(registrar, lamps, *(f"L{number}" for number in range(200)))
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("UPDATE identifier SET revision = revision + 1")
    finally:
        await connection.close()
    assert await ear.next() == Notice(prefixes=(lamps.prefix,))


async def test_the_longest_identifiers_fit(
    ear: Ear, registrar: Registrar, lamps: Holder, database_url: str
) -> None:
    room = 254 - len(lamps.prefix)
    handles = await register(
        registrar, lamps, *(chr(65 + number) + '"' * (room - 1) for number in range(12))
    )
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("UPDATE identifier SET revision = revision + 1")
    finally:
        await connection.close()
    notice = await ear.next()
    assert isinstance(notice, Notice)
    assert set(notice.identifiers) == {handle.canonical() for handle in handles}


async def test_prefixes(ear: Ear, prefixes: Prefixes, lamps: Holder) -> None:
    routing = Routing("198.51.100.7", (PrefixListener(Protocol.HTTP, 80),))
    with pytest.raises(Exception, match="public"):
        await prefixes.route(console(), lamps.prefix, routing)  # a documentation address
    await prefixes.stop(console(), lamps.prefix, "x")
    assert await ear.next() == Notice(prefixes=(lamps.prefix,))


async def test_enterprises(ear: Ear, lamps: Holder, enterprises: object) -> None:
    await enterprises.suspend(console(), lamps.enterprise_id, "x")  # type: ignore[attr-defined]
    assert await ear.next() == Notice(prefixes=(lamps.prefix,))


async def test_templates(
    ear: Ear, database: Database, form: object, lamps: Holder, once: object
) -> None:
    templates = Templates(database, once, form.shelf)  # type: ignore[attr-defined, arg-type]
    item = TemplateItem(id_index=2000, id_type="URL", name="网址", default="https://a.example")
    await templates.create(lamps.actor, lamps.prefix, TemplateWish(version="t1", items=(item,)))
    change = TemplateChange(
        items=(TemplateItem(id_index=2000, id_type="URL", name="网址", default="b"),)
    )
    await templates.amend(lamps.actor, lamps.prefix, "t1", change)
    notice = await ear.next()
    assert isinstance(notice, Notice)
    assert len(notice.templates) == 1


async def test_a_lost_connection_is_told_and_made_again(ear: Ear, database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(
            """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND query LIKE 'LISTEN%' OR query = 'SELECT'"""
        )
    finally:
        await connection.close()
    told = await ear.next()
    while told != "lose":
        told = await ear.next()
    while told == "lose":
        told = await ear.next()
    assert told == "begin"
