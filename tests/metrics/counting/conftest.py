"""Writers whose records are written down, and a keeper's counting over them."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

import pytest

from metrics.counting import store as counting
from metrics.counting.counter import Counter, Round
from metrics.counting.day import SECOND, moment, start_of
from metrics.counting.owners import OwnerTable
from metrics.counting.reason import Reason
from metrics.journal import store
from metrics.journal.client import packed_address
from metrics.journal.entry import BODY, Kind, Outcome, Records, Surface, records_of
from metrics.journal.journal import Stretch
from metrics.journal.shipper import pieces_of
from registry.database import Database, connect

DAY = date(2026, 3, 10)
START = start_of(DAY)
PREFIX, OWNER = 1, 1


class Ask(NamedTuple):
    """A request, `at` seconds into the day."""

    at: float
    identifier: str = "A"
    client: str = "alice"
    outcome: Outcome = Outcome.FOUND
    prefix: int = PREFIX
    kind: Kind = Kind.EXTERNAL
    party: int = 0
    flags: int = 0
    address: str = "198.51.100.1"


def hashed(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def packed(body: bytes) -> bytes:
    return body + zlib.crc32(body).to_bytes(4, "little")


def written(asks: Sequence[Ask], start: int = START) -> bytes:
    return b"".join(
        packed(
            BODY.pack(
                start + round(ask.at * SECOND),
                hashed(ask.identifier),
                hashed(ask.client) + packed_address(ask.address),
                ask.prefix,
                ask.party,
                ask.outcome,
                Surface.V1,
                ask.kind,
                ask.flags,
            )
        )
        for ask in asks
    )


def records(asks: Sequence[Ask], start: int = START) -> Records:
    return records_of(written(asks, start))


@dataclass
class Worker:
    """A process's journal as the database sees it."""

    database: Database
    writer: int
    position: int = 0
    noted: list[Ask] = field(default_factory=list)

    async def note(self, *asks: Ask, until: float | None = None) -> None:
        """Ship some requests, and say that all is there up to a time."""
        raw = written(asks)
        pieces = pieces_of(Stretch(self.position, raw)) if asks else []
        self.position += len(asks)
        self.noted += asks
        watermark = 0 if until is None else START + round(until * SECOND)

        async def work(tx):
            await store.ship(tx, self.writer, pieces, watermark=watermark)

        await self.database.transaction(work)

    async def end(self) -> None:
        async def work(tx):
            await store.ship(tx, self.writer, [], watermark=0, ended=True)

        await self.database.transaction(work)


@dataclass
class Bureau:
    """The keeper's counting, and a look at what came of it."""

    database: Database
    counter: Counter

    async def worker(self, at: float = 0) -> Worker:
        async with self.database.connection() as connection:
            watermark = START + round(at * SECOND)
            return Worker(self.database, await store.add_writer(connection, "host", 1, watermark))

    async def round(self) -> Round:
        return await self.database.transaction(self.counter.round)

    async def rounds(self) -> None:
        while (await self.round()).records:
            pass

    async def totals(self, day: date = DAY) -> dict[Reason, int]:
        async with self.database.connection() as connection:
            return dict((await counting.sums_of(connection, day)).totals)

    async def fetchval(self, query: str, *arguments: object) -> object:
        async with self.database.connection() as connection:
            return await connection.fetchval(query, *arguments)

    async def execute(self, query: str, *arguments: object) -> None:
        async with self.database.connection() as connection:
            await connection.execute(query, *arguments)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with connect(database_url, size=4, statement_timeout=20) as database:
        yield database


@pytest.fixture
async def bureau(database: Database) -> Bureau:
    """One enterprise with one prefix, and a ledger that begins with the tests' day."""
    async with database.connection() as connection:
        await connection.execute(
            """INSERT INTO enterprise (credit_code, subject, state)
               VALUES ('X', '{}', 'verified')"""
        )
        await connection.execute(
            """INSERT INTO prefix (prefix, enterprise_id, state, hosting)
               VALUES ('88.118.1', 1, 1, 4)"""
        )
        await connection.execute("UPDATE day_ledger SET closed_until = $1", moment(START))
        await connection.execute(
            "UPDATE count_state SET open_day = $1, counted_until = $2", DAY, START
        )
    return Bureau(database, Counter(OwnerTable()))
