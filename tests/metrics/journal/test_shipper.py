"""What was noted comes into the database once, whoever brings it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from metrics.journal import store
from metrics.journal.berth import Berth, Taken, orphans
from metrics.journal.entry import Outcome, Surface, records_of
from metrics.journal.journal import Journal
from metrics.journal.segment import Segment
from metrics.journal.shipper import Shipper
from registry.database import Database, connect
from tests.metrics.journal.conftest import ANYONE, SMALL, Clock

NODE = "0000"


class Process:
    """One process's journal. It can die as kill -9 lets it: nothing is closed in order."""

    def __init__(
        self,
        database: Database,
        root: Path,
        writer: int,
        clock: Clock,
        *,
        node: str = NODE,
        nonce: str = "",
    ) -> None:
        self.writer = writer
        self.berth = Berth.make(root, NODE, writer)
        self.journal = Journal(
            self.berth.folder,
            node=node,
            writer=writer,
            nonce=nonce,
            key=b"k" * 32,
            clock=clock,
            segment_bytes=SMALL,
        )
        self.shipper = Shipper(database, self.journal, self.berth, NODE)

    def note(self, times: int) -> None:
        for _ in range(times):
            number = self.journal.position.to_bytes(16, "big")
            self.journal.note(number, ANYONE, Outcome.FOUND, Surface.V1)

    def die(self) -> None:
        self.berth.release()  # as the kernel does


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with connect(database_url, size=4, statement_timeout=20) as database:
        yield database


@pytest.fixture
async def process(database: Database, tmp_path: Path, clock: Clock):
    async def make() -> Process:
        async with database.connection() as connection:
            writer = await store.add_writer(connection, "host", 1, clock.now)
        return Process(database, tmp_path, writer, clock)

    return make


async def _writer(database: Database, writer: int) -> asyncpg.Record:
    async with database.connection() as connection:
        return await connection.fetchrow(
            "SELECT * FROM journal_writer WHERE writer_id = $1", writer
        )


async def _numbers(database: Database, writer: int) -> list[int]:
    async with database.connection() as connection:
        pieces = await connection.fetch(
            "SELECT records FROM journal_piece WHERE writer_id = $1 ORDER BY position", writer
        )
    return [
        int.from_bytes(one.tobytes(), "big")
        for piece in pieces
        for one in records_of(piece["records"])["identifier"]
    ]


async def test_records_are_shipped_once_and_in_order(database, process, clock: Clock) -> None:
    one = await process()
    for times in (3, 0, 25, 4):
        one.note(times)
        clock.now += 100
        await one.shipper.ship()
    assert await _numbers(database, one.writer) == list(range(32))
    row = await _writer(database, one.writer)
    assert (row["shipped"], row["watermark"], row["ended_at"]) == (32, clock.now, None)
    assert len(list(one.berth.folder.glob("*.journal"))) == 1, "shipped segments are removed"


async def test_a_slow_file_system_holds_no_answer_up(
    database, process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are removed beside the event loop, and nobody is left at it when shipping ends."""
    one = await process()
    one.note(25)
    begun, goes_on = threading.Event(), threading.Event()
    remove = Segment.remove

    def slowly(segment: Segment) -> None:
        begun.set()
        assert goes_on.wait(60)
        remove(segment)

    monkeypatch.setattr(Segment, "remove", slowly)
    shipping = asyncio.create_task(one.shipper.ship())
    async with asyncio.timeout(60):
        await asyncio.to_thread(begun.wait)
    for _ in range(2):
        shipping.cancel()
        await asyncio.sleep(0.01)
        assert not shipping.done()
    goes_on.set()
    with pytest.raises(asyncio.CancelledError):
        await shipping
    assert not (one.berth.folder / "000000.journal").exists()


async def test_it_ends_in_order(database, process) -> None:
    one = await process()
    one.note(12)
    await one.shipper.finish()
    assert await _numbers(database, one.writer) == list(range(12))
    assert (await _writer(database, one.writer))["ended_at"] is not None
    assert not one.berth.folder.exists()


async def test_what_a_killed_process_left_is_adopted(database, process) -> None:
    dead, alive = await process(), await process()
    dead.note(4)
    await dead.shipper.ship()
    dead.note(21)
    await alive.shipper.adopt()
    assert (await _writer(database, dead.writer))["shipped"] == 4, "it is alive"
    dead.die()
    await alive.shipper.adopt()
    assert await _numbers(database, dead.writer) == list(range(25))
    assert (await _writer(database, dead.writer))["ended_at"] is not None
    assert not dead.berth.folder.exists()


@pytest.mark.parametrize("made", [b"", bytes(4096)])
async def test_a_segment_that_was_being_made_is_in_nobodys_way(
    database, process, made: bytes
) -> None:
    dead, alive = await process(), await process()
    dead.note(5)
    dead.berth.folder.joinpath("000009.journal").write_bytes(
        made
    )  # the kill came before its header
    dead.die()
    await alive.shipper.adopt()
    assert await _numbers(database, dead.writer) == list(range(5))
    assert not dead.berth.folder.exists()


async def test_what_came_in_before_the_answer_was_lost_is_not_taken_twice(
    database, process
) -> None:
    dead, alive = await process(), await process()
    dead.note(15)
    await dead.shipper.ship()
    async with database.connection() as connection:  # as if the kill came before it knew
        await connection.execute("UPDATE journal_writer SET shipped = 0")
    dead.die()
    await alive.shipper.adopt()
    assert await _numbers(database, dead.writer) == list(range(15))


class Deaf:
    """A database that commits, and whose answer is lost once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.loses = True

    async def transaction(self, work):
        result = await self._database.transaction(work)
        if self.loses:
            self.loses = False
            raise ConnectionError("lost after the commit")
        return result


async def test_what_is_noted_after_a_lost_answer_is_shipped_too(
    database, process, tmp_path
) -> None:
    one = await process()
    shipper = Shipper(Deaf(database), one.journal, one.berth, NODE)
    one.note(3)
    with pytest.raises(ConnectionError):
        await shipper.ship()
    one.note(4)
    await shipper.finish()
    assert await _numbers(database, one.writer) == list(range(7))
    assert (await _writer(database, one.writer))["shipped"] == 7


async def test_journals_of_other_databases_are_left_alone(database, process, tmp_path) -> None:
    alive = await process()
    foreign = Berth.make(tmp_path, NODE, 4711)
    foreign.release()
    other = Berth.make(tmp_path, "ffff", alive.writer)
    other.release()
    await alive.shipper.adopt()
    assert foreign.folder.exists()
    assert other.folder.exists()


async def test_a_folder_is_never_taken_twice(process, tmp_path) -> None:
    one = await process()
    with pytest.raises(Taken):
        Berth.make(tmp_path, NODE, one.writer)
    assert list(orphans(tmp_path, NODE)) == []


@pytest.mark.parametrize(
    ("node", "nonce"), [("0000-another", "word"), (NODE, "another"), (NODE, "")]
)
async def test_what_was_left_under_a_number_given_out_again_is_not_shipped(
    database, process, tmp_path, clock: Clock, node: str, nonce: str
) -> None:
    """A folder from before the database was put back, and the writer that has its number now."""
    alive = await process()
    async with database.connection() as connection:
        writer = await store.add_writer(connection, "host", 1, clock.now, "word")
    left = Process(database, tmp_path, writer, clock, node=node, nonce=nonce)
    left.note(15)
    left.die()
    await alive.shipper.adopt()
    assert await _numbers(database, writer) == []
    row = await _writer(database, writer)
    assert (row["shipped"], row["ended_at"]) == (0, None)
    assert len(list(left.berth.folder.glob("*.journal"))) == 2, "for a person to look at"


async def test_what_was_left_by_the_writer_itself_is(
    database, process, tmp_path, clock: Clock
) -> None:
    alive = await process()
    async with database.connection() as connection:
        writer = await store.add_writer(connection, "host", 1, clock.now, "word")
    left = Process(database, tmp_path, writer, clock, nonce="word")
    left.note(15)
    left.die()
    await alive.shipper.adopt()
    assert await _numbers(database, writer) == list(range(15))
