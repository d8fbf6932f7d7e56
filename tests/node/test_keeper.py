"""One keeper at a time, and another one soon after it is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import asyncpg
import pytest

from node import foundation
from node import keeper as module
from node.app import open_node
from node.keeper import Keeper
from node.serve import listening
from node.settings import Settings
from registry.database import Database, connect
from registry.keeper import store
from registry.keeper.fence import TermOver
from tests.node.live import Live, until

TICK = 0.05


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEAT", TICK)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with connect(database_url, size=8, statement_timeout=30) as database:
        yield database


@dataclass
class Books:
    """What keepers do: who is at it, and who was."""

    at_work: list[str] = field(default_factory=list)
    terms: list[str] = field(default_factory=list)
    most: int = 0
    told: dict[str, bool] = field(default_factory=dict)

    def keeper(self, url: str, name: str) -> Keeper:
        return Keeper(url, name, lambda elected: self.told.update({name: elected}))

    def work(self, name: str) -> Callable[[], Coroutine[object, object, None]]:
        async def keep() -> None:
            self.at_work.append(name)
            self.terms.append(name)
            self.most = max(self.most, len(self.at_work))
            try:
                await asyncio.Event().wait()
            finally:
                self.at_work.remove(name)

        return keep


@asynccontextmanager
async def running(*works: Awaitable[None]) -> AsyncIterator[list[asyncio.Future[None]]]:
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def end_sessions(database: Database, name: str = "biaoshi keeper") -> None:
    """Break the connections of that name, as a network does."""
    async with database.connection() as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = $1 AND datname = current_database()",
            name,
        )


async def test_of_several_one_keeps(database_url: str, database: Database) -> None:
    books = Books()
    keepers = {name: books.keeper(database_url, name) for name in "abc"}
    async with running(*(one.run([books.work(name)]) for name, one in keepers.items())):
        await until(lambda: len(books.at_work) == 1)
        await asyncio.sleep(10 * TICK)
        assert books.most == 1
        async with database.connection() as connection:
            assert await store.seat_is_taken(connection)
            name = await connection.fetchval("SELECT name FROM keeper")
        assert [name] == books.at_work
        assert books.told == {name: True}
    async with asyncio.timeout(60), database.connection() as connection:
        while await store.seat_is_taken(connection):  # noqa: ASYNC110 - the server is asked
            await asyncio.sleep(TICK)


async def test_whoever_stops_is_followed(database_url: str) -> None:
    books = Books()
    first, second = (books.keeper(database_url, name) for name in "ab")
    async with running(first.run([books.work("a")])) as [task]:
        await until(lambda: books.at_work == ["a"])
        async with running(second.run([books.work("b")])):
            task.cancel()
            await until(lambda: books.at_work == ["b"])
            assert books.told == {"a": False, "b": True}
    assert (books.terms, books.most) == (["a", "b"], 1)


async def test_a_lost_connection_ends_the_works(database_url: str, database: Database) -> None:
    """And somebody, perhaps the same, is elected again."""
    books = Books()
    async with running(*(books.keeper(database_url, n).run([books.work(n)]) for n in "ab")):
        for terms in range(1, 6):
            await until(lambda terms=terms: len(books.terms) == terms and bool(books.at_work))
            await end_sessions(database)
        await until(lambda: len(books.terms) == 6)


async def test_a_keeper_that_hears_nothing_ends_its_works(
    database_url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection stands, but nothing comes of it."""
    books = Books()
    async with running(books.keeper(database_url, "a").run([books.work("a")])):
        await until(lambda: books.at_work == ["a"])

        async def silent(*_: object) -> None:
            raise TimeoutError

        with monkeypatch.context() as patch:
            patch.setattr(asyncpg.Connection, "execute", silent)
            await until(lambda: len(books.terms) == 2)
    assert books.most == 1


async def test_the_server_gives_a_silent_keepers_seat_away(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SILENCE", 0.5)
    books = Books()
    frozen = books.keeper(database_url, "frozen")
    async with frozen._connection() as connection:
        assert await store.take_seat(connection)
        async with running(books.keeper(database_url, "b").run([books.work("b")])):
            await until(lambda: books.at_work == ["b"])


async def test_the_fence_keeps_an_earlier_keeper_out(database_url: str, database: Database) -> None:
    books = Books()
    frozen = books.keeper(database_url, "frozen")
    with pytest.raises(TermOver):
        await database.transaction(frozen.fence)
    async with database.connection() as connection:
        frozen._term = await store.begin_term(connection, "frozen")
    await database.transaction(frozen.fence)
    async with running(books.keeper(database_url, "b").run([books.work("b")])):
        await until(lambda: books.at_work == ["b"])
        with pytest.raises(TermOver):
            await database.transaction(frozen.fence)


async def test_no_term_begins_in_the_midst_of_a_fenced_transaction(
    database_url: str, database: Database
) -> None:
    books = Books()
    frozen = books.keeper(database_url, "frozen")
    async with database.connection() as connection:
        frozen._term = await store.begin_term(connection, "frozen")
        async with connection.transaction():
            await frozen.fence(connection)
            async with running(books.keeper(database_url, "b").run([books.work("b")])):
                await asyncio.sleep(10 * TICK)
                assert books.terms == []


async def test_what_a_work_dies_of_is_raised(database_url: str) -> None:
    async def dying() -> None:
        raise LookupError("its work is gone")

    books = Books()
    keeper = books.keeper(database_url, "a")
    with pytest.raises(LookupError, match="its work is gone"):
        async with asyncio.timeout(60):
            await keeper.run([books.work("a"), dying])
    assert books.at_work == []
    assert books.told == {"a": False}


async def test_a_work_that_finds_the_database_away_begins_anew(database_url: str) -> None:
    tries = 0

    async def failing() -> None:
        nonlocal tries
        tries += 1
        raise asyncpg.CannotConnectNowError("starting up")

    async with running(Books().keeper(database_url, "a").run([failing])):
        await until(lambda: tries == 3)


async def test_without_a_database_it_waits() -> None:
    keeper = Books().keeper("postgresql://127.0.0.1:1/none", "a")
    async with running(keeper.run([])) as [task]:
        await asyncio.sleep(3 * TICK)
        assert not task.done()


async def test_a_node_is_its_own_keeper(live: Live) -> None:
    async def elected() -> bool:
        return "biaoshi_keeper_up 1.0" in str((await live.ask("GET", "/metrics")).body)

    async with asyncio.timeout(60):
        while not await elected():  # noqa: ASYNC110 - it is asked
            await asyncio.sleep(TICK)
    ready = (await live.ask("GET", "/readyz")).body
    assert "keeper" not in ready["degraded"]


async def test_a_node_without_a_keeper_says_so(settings: Settings) -> None:
    await foundation.prepare(settings)
    async with (
        open_node(settings) as node,
        listening(node) as url,
        aiohttp.ClientSession() as web,
        web.get(f"{url}/readyz") as response,
    ):
        ready = await response.json()
    assert ready["status"] == "ready"
    assert ready["degraded"]["keeper"].startswith("none is elected")
