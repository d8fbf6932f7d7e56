"""One contract over all surfaces: the same may do the same, and it leaves the same behind.

A record is created, created again, changed, resolved, resolved by nobody in particular and deleted,
by somebody who may and somebody who may not, over each surface. What it leaves in the batches, in
the history, in the certified log and in the journal does not tell the surfaces apart, but for their
names. Over the wire whoever may proves it by a secret key, by a public key and as a group's member,
and changes the record by each of the opcodes for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from metrics.journal.entry import Outcome, Surface, records_of
from metrics.log import keys as log_keys
from node.settings import Settings
from node.wire.surface import wire
from registry.record.typed_data import Admin
from resolver.wire.body import Indexes, Text, Values
from resolver.wire.code import OpCode
from tests.node.handle_json.peer import (
    EVERY_RIGHT,
    Peer,
    basic,
    group,
    owner_of,
    register,
    value,
)
from tests.node.live import OTHER, Enterprise, Live
from tests.node.snms.client import client_of, name
from tests.node.snms.client import url as item
from tests.node.wire import peer as wire_peer
from tests.node.wire.peer import Prover, by_key, by_secret, url


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    folder = tmp_path / "log-keys"
    log_keys.create(folder)
    return msgspec.structs.replace(
        settings,
        handle_port=0,
        failures_per_minute=1000,
        log_keys_folder=str(folder),
        log_origin="node.example.invalid/log",
    )


@dataclass(frozen=True)
class Client:
    """Somebody at a surface. Each answers whether it was granted."""

    create: Callable[[str], Awaitable[bool]]
    change: Callable[[str], Awaitable[bool]]
    delete: Callable[[str], Awaitable[bool]]


@dataclass(frozen=True)
class Place:
    """A surface with somebody who may, somebody who may not, and anybody who resolves."""

    owner: Client
    stranger: Client
    resolve: Callable[[str], Awaitable[bool]]
    surface: Surface


KEYS = {
    prefix: rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for prefix in ("owner", "other")
}
KEY, GROUP, SECRET, MEMBER = 300, 200, 301, 302  # indexes in the administrators' record


@pytest.fixture
async def other(live: Live, owner: Enterprise) -> Enterprise:
    """Another enterprise, whose handle identity and keys have no rights on the owner's prefix."""
    enterprise = await live.enterprise(OTHER)
    for one, key in ((owner, KEYS["owner"]), (enterprise, KEYS["other"])):
        handle = f"{one.prefix}/ADMIN"
        await register(
            live.node.wiring,
            one.enterprise_id,
            handle,
            value(KEY, "HS_PUBKEY", wire_peer.public_key(key)),
            value(GROUP, "HS_VLIST", group((MEMBER, handle))),
            value(SECRET, "HS_SECKEY", "s"),
            value(MEMBER, "HS_SECKEY", "m"),
        )
        admins = tuple(Admin(handle, index, EVERY_RIGHT) for index in (KEY, GROUP, SECRET))
        actor = owner_of(one.enterprise_id)
        await live.node.wiring.prefixes.set_administrators(actor, one.prefix, admins)
    return enterprise


async def v1(live: Live, owner: Enterprise, other: Enterprise) -> AsyncIterator[Place]:
    def client(key: str) -> Client:
        async def send(method: str, handle: str, text: str | None) -> bool:
            body = None
            if text:
                body = {"values": [{"index": 1, "type": "URL", "data": text}]}
            reply = await live.ask(method, f"/v1/identifiers/{handle}", key=key, json=body)
            return reply.status in (200, 201)

        async def create(handle: str) -> bool:
            reply = await live.ask(
                "PUT",
                f"/v1/identifiers/{handle}",
                key=key,
                json={"values": [{"index": 1, "type": "URL", "data": "https://example.com/1"}]},
            )
            return reply.status == 201

        return Client(
            create,
            lambda handle: send("PATCH", handle, "https://example.com/2"),
            lambda handle: send("DELETE", handle, None),
        )

    async def resolve(handle: str) -> bool:
        return (await live.ask("GET", f"/v1/resolve/{handle}")).status == 200

    yield Place(client(owner.key), client(other.key), resolve, Surface.V1)


async def handle_json(live: Live, owner: Enterprise, other: Enterprise) -> AsyncIterator[Place]:
    async for place in by_handle_json(live, owner, other, SECRET, "s"):
        yield place


async def handle_json_group(
    live: Live, owner: Enterprise, other: Enterprise
) -> AsyncIterator[Place]:
    async for place in by_handle_json(live, owner, other, MEMBER, "m"):
        yield place


async def by_handle_json(
    live: Live, owner: Enterprise, other: Enterprise, index: int, secret: str
) -> AsyncIterator[Place]:
    peer = Peer(live)

    def client(prefix: str) -> Client:
        headers = basic(f"{index}:{prefix}/ADMIN", secret)

        async def put(handle: str, text: str, query: str) -> bool:
            body = {"values": [{"index": 1, "type": "URL", "data": text}]}
            path = f"/api/handles/{handle}?{query}"
            answer = await peer.put(path, body, headers=headers)
            return answer.status in (200, 201)

        async def delete(handle: str) -> bool:
            path = f"/api/handles/{handle}"
            return (await peer.send("DELETE", path, headers=headers)).status == 200

        return Client(
            lambda handle: put(handle, "https://example.com/1", "overwrite=false"),
            lambda handle: put(handle, "https://example.com/2", "index=1"),
            delete,
        )

    async def resolve(handle: str) -> bool:
        return (await peer.get(f"/api/handles/{handle}")).status == 200

    yield Place(client(owner.prefix), client(other.prefix), resolve, Surface.HANDLE_JSON)


async def snms(live: Live, owner: Enterprise, other: Enterprise) -> AsyncIterator[Place]:
    mine, theirs = await client_of(live, "mes", owner), await client_of(live, "other", other)
    assert (await mine.template()).status == 1

    def client(who: Any) -> Client:
        async def create(handle: str) -> bool:
            return (await who.create(handle, name(), item())).status == 1

        async def change(handle: str) -> bool:
            return (await who.update(handle, name("吊灯"), item())).status == 1

        async def delete(handle: str) -> bool:
            return (await who.delete(handle)).status == 1

        return Client(create, change, delete)

    async def resolve(handle: str) -> bool:
        return (await mine.detail(handle)).status == 1

    yield Place(client(mine), client(theirs), resolve, Surface.SNMS)


async def wire_secret_key(live: Live, owner: Enterprise, other: Enterprise) -> AsyncIterator[Place]:
    def prove(name: str, handle: str) -> Prover:
        return by_secret("s", handle=handle, index=SECRET)

    def change(handle: str) -> tuple[OpCode, bytes]:
        return OpCode.MODIFY_VALUE, Values(handle, (url(1, "https://example.com/2"),)).build()

    async for place in by_wire(live, owner, other, prove, change):
        yield place


async def wire_public_key(live: Live, owner: Enterprise, other: Enterprise) -> AsyncIterator[Place]:
    def prove(name: str, handle: str) -> Prover:
        return by_key(KEYS[name], handle=handle, index=KEY)

    def change(handle: str) -> tuple[OpCode, bytes]:
        return OpCode.REMOVE_VALUE, Indexes(handle, (2,)).build()

    async for place in by_wire(live, owner, other, prove, change):
        yield place


async def wire_group(live: Live, owner: Enterprise, other: Enterprise) -> AsyncIterator[Place]:
    def prove(name: str, handle: str) -> Prover:
        return by_secret("m", handle=handle, index=MEMBER)

    def change(handle: str) -> tuple[OpCode, bytes]:
        return OpCode.ADD_VALUE, Values(handle, (url(3),)).build()

    async for place in by_wire(live, owner, other, prove, change):
        yield place


async def by_wire(
    live: Live,
    owner: Enterprise,
    other: Enterprise,
    prover: Callable[[str, str], Prover],
    change: Callable[[str], tuple[OpCode, bytes]],
) -> AsyncIterator[Place]:
    async with wire(live.node.wiring) as opened:
        assert opened is not None
        peer = wire_peer.Peer(opened)

        def client(who: str, prefix: str) -> Client:
            prove = prover(who, f"{prefix}/ADMIN")

            async def send(opcode: OpCode, body: bytes) -> bool:
                return (await peer.admin(opcode, body, prove)).response_code == 1

            return Client(
                lambda h: send(OpCode.CREATE_HANDLE, Values(h, (url(1), url(2))).build()),
                lambda h: send(*change(h)),
                lambda h: send(OpCode.DELETE_HANDLE, Text(h).build()),
            )

        async def resolve(handle: str) -> bool:
            return (await peer.resolve(handle)).response_code == 1

        mine, theirs = client("owner", owner.prefix), client("other", other.prefix)
        yield Place(mine, theirs, resolve, Surface.WIRE)


PLACES = [v1, handle_json, handle_json_group, snms, wire_secret_key, wire_public_key, wire_group]


@pytest.fixture(params=PLACES, ids=lambda make: make.__name__)
async def place(
    request: pytest.FixtureRequest, live: Live, owner: Enterprise, other: Enterprise
) -> AsyncIterator[Place]:
    async for made in request.param(live, owner, other):
        yield made


@dataclass(frozen=True)
class Left:
    """What stands in the database since the beginning of a test."""

    registered: int  # new identifiers, by the batches
    identifiers: int  # by the records
    changes: list[int]  # kinds, oldest first
    actors: int
    leaves: int = 0  # of the certified log, written or owed, since nothing was there


async def leaves(live: Live) -> int:
    async with live.node.wiring.database.connection() as connection:
        found: int = await connection.fetchval(
            """SELECT (SELECT coalesce(sum(size), 0) FROM log WHERE kind = 2)::bigint
                    + (SELECT coalesce(sum(length(leaves) / 64), 0) FROM leaf_owed)::bigint"""
        )
    return found


async def left(live: Live, handle: str, before: int) -> Left:
    suffix = handle.partition("/")[2]
    async with live.node.wiring.database.connection() as connection:
        created = await connection.fetchval(
            """SELECT coalesce(sum(b.created), 0)::int FROM batch b
                WHERE EXISTS (SELECT FROM identifier i
                               WHERE i.batch_id = b.batch_id AND i.suffix = $1)""",
            suffix,
        )
        there = await connection.fetchval(
            "SELECT count(*) FROM identifier WHERE suffix = $1", suffix
        )
        rows = await connection.fetch(
            "SELECT action, actor FROM revision WHERE suffix = $1 ORDER BY revision", suffix
        )
    actors = {row["actor"] for row in rows}
    kinds = [row["action"] for row in rows]
    return Left(created, there, kinds, len(actors), await leaves(live) - before)


async def test_the_same_is_left_behind(live: Live, owner: Enterprise, place: Place) -> None:
    handle, before = f"{owner.prefix}/THING", await leaves(live)
    for act in (place.stranger.create, place.stranger.change, place.stranger.delete):
        assert not await act(handle)
    assert await left(live, handle, before) == Left(0, 0, [], 0)
    assert not await place.resolve(handle)

    assert await place.owner.create(handle)
    assert not await place.owner.create(handle) or place.surface is Surface.V1
    assert await left(live, handle, before) == Left(1, 1, [], 0, 1)
    assert await place.resolve(handle)
    for act in (place.stranger.create, place.stranger.change, place.stranger.delete):
        assert not await act(handle)
    assert await left(live, handle, before) == Left(1, 1, [], 0, 1)

    assert await place.owner.change(handle)
    assert await left(live, handle, before) == Left(1, 1, [1], 1, 1)
    assert await place.resolve(handle)
    assert await place.owner.delete(handle)
    assert await left(live, handle, before) == Left(1, 1, [1, 2], 1, 1)
    assert not await place.owner.delete(handle)
    assert not await place.resolve(handle)

    journal = live.node.wiring.recorder.journal
    async with asyncio.timeout(60):
        while journal.position < 4:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.005)
    records = records_of(journal.stretch(0, journal.position).records)
    assert [Outcome(record["outcome"]) for record in records] == [
        Outcome.NOT_FOUND,
        Outcome.FOUND,
        Outcome.FOUND,
        Outcome.WITHDRAWN,
    ]
    assert {Surface(record["surface"]) for record in records} == {place.surface}
    assert len({record["identifier"].tobytes() for record in records}) == 1
