"""Challenges are taken once and sessions' messages come once, whichever process sees them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.database import Database, connect
from registry.errors import TooManyRequests
from registry.handshake import handshakes
from registry.handshake.handshakes import Handshakes, slide
from registry.record.typed_data import Reference
from registry.sealing import SealingKey

SEALING = SealingKey.generate()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with connect(database_url, size=4, statement_timeout=30) as opened:
        yield opened


@pytest.fixture
def made(database: Database) -> Handshakes:
    return Handshakes(database, SEALING, os.urandom)


async def test_a_challenge_is_taken_once_by_any_process(
    made: Handshakes, database: Database
) -> None:
    number, nonce = await made.challenge("192.0.2.1", b"request")
    other = Handshakes(database, SEALING, os.urandom)
    pending = await other.take(number)
    assert pending is not None
    assert (pending.nonce, pending.request) == (nonce, b"request")
    assert await made.take(number) is None
    assert await made.take(number + 1) is None


async def test_an_old_challenge_is_none(made: Handshakes, database: Database) -> None:
    number, _ = await made.challenge("192.0.2.1", b"request")
    async with database.connection() as connection:
        await connection.execute("UPDATE wire_challenge SET expires_at = now()")
    assert await made.take(number) is None


async def test_what_one_address_leaves_open_is_bounded(
    made: Handshakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handshakes, "MAX_CHALLENGES", 3)
    monkeypatch.setattr(handshakes, "MAX_SESSIONS", 2)
    for _ in range(3):
        await made.challenge("192.0.2.1", b"request")
    with pytest.raises(TooManyRequests):
        await made.challenge("192.0.2.1", b"request")
    await made.challenge("192.0.2.2", b"request")
    for _ in range(2):
        await made.begin("192.0.2.1", bytes(32), 60)
    with pytest.raises(TooManyRequests):
        await made.begin("192.0.2.1", bytes(32), 60)


async def test_nothing_is_stored_in_clear(made: Handshakes, database: Database) -> None:
    await made.challenge("192.0.2.1", b"HS_SECKEY of somebody")
    await made.begin("192.0.2.1", b"k" * 32, 60)
    async with database.connection() as connection:
        for table in ("wire_challenge", "wire_session"):
            row = await connection.fetchrow(f"SELECT * FROM {table}")
            assert row is not None
            told = repr(dict(row))
            assert "SECKEY" not in told
            assert "kkkk" not in told
            assert "192.0.2.1" not in told


async def test_a_session(made: Handshakes) -> None:
    number = await made.begin("192.0.2.1", b"k" * 32, 60)
    session = await made.session(number)
    assert session is not None
    assert (session.key, session.identity) == (b"k" * 32, None)
    await made.identify(number, Reference("88.118.8/ADMIN:x", 300), b"mark")
    session = await made.session(number)
    assert session is not None
    assert session.identity == Reference("88.118.8/ADMIN:x", 300)
    assert session.proof == b"mark"
    assert await made.use(number, 1)
    assert not await made.use(number, 1)
    await made.end(number)
    assert await made.session(number) is None
    assert not await made.use(number, 2)


async def test_a_session_whose_key_comes_later(made: Handshakes) -> None:
    number = await made.begin("192.0.2.1", b"", 60)
    waiting = await made.session(number)
    assert waiting is not None
    assert waiting.key == b""
    keys = [bytes([n]) * 32 for n in range(8)]
    taken = await asyncio.gather(*(made.take_key(number, key) for key in keys))
    assert sum(taken) == 1
    session = await made.session(number)
    assert session is not None
    assert session.key == keys[taken.index(True)]
    assert not await made.take_key(number, keys[0])
    assert not await made.take_key(number + 1, keys[0])


async def test_macs_are_used_once(made: Handshakes) -> None:
    number, other = [await made.begin("192.0.2.1", bytes(32), 60) for _ in range(2)]
    used = await asyncio.gather(*(made.use_mac(number, b"m" * 32) for _ in range(4)))
    assert sum(used) == 1
    assert await made.use_mac(number, b"n" * 32)
    assert await made.use_mac(other, b"m" * 32)
    await made.end(number)
    assert not await made.use_mac(number, b"o" * 32)


async def test_what_has_expired_is_forgotten(made: Handshakes, database: Database) -> None:
    await made.challenge("192.0.2.1", b"request")
    kept = await made.begin("192.0.2.1", bytes(32), 60)
    async with database.connection() as connection:
        await connection.execute("UPDATE wire_challenge SET expires_at = now() - interval '1 s'")
    await made.forget()
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM wire_challenge") == 0
    assert await made.session(kept) is not None


async def test_there_is_one_server_key(made: Handshakes, database: Database) -> None:
    key = await made.server_key()
    again = await Handshakes(database, SEALING, os.urandom).server_key()
    assert key.private_numbers() == again.private_numbers()


@given(st.lists(st.integers(1, 200), max_size=80))
def test_every_number_is_taken_once(numbers: list[int]) -> None:
    """And none that is more than the window below the highest."""
    highest, window = 0, 0
    came: set[int] = set()
    for number in numbers:
        moved = slide(highest, window, number)
        fresh = number not in came and (number > highest - 64)
        assert (moved is not None) == fresh, (number, highest, came)
        if moved is not None:
            came.add(number)
            highest, window = moved
            assert 0 <= window < 2**63
