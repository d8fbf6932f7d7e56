"""Connections and datagrams, well and ill behaved."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator

import msgspec
import pytest

from node.settings import Settings
from node.wire import connection, tcp
from node.wire.surface import wire
from resolver.wire.body import ResolutionRequest, Text, Values
from resolver.wire.code import MAX_MESSAGE, OpCode, ResponseCode
from resolver.wire.fragment import split
from resolver.wire.message import Envelope, Message
from tests.node.handle_json.peer import register, value
from tests.node.live import Live
from tests.node.wire.peer import PATIENCE, Peer, furnish
from tests.resolver.wire.recorded import EXCHANGES

HANDLE = "88.118.8/P000007"


def query(peer: Peer, handle: str = HANDLE) -> Message:
    return peer.message(OpCode.RESOLUTION, ResolutionRequest(handle).build())


async def alive(peer: Peer) -> None:
    for udp in (False, True):
        assert (await peer.resolve(HANDLE, udp=udp)).response_code == ResponseCode.SUCCESS


async def test_the_loop_is_the_one_that_serves() -> None:
    assert type(asyncio.get_running_loop()).__module__.startswith("uvloop")


async def test_pipelined_requests_are_answered_in_order(seeded: Peer) -> None:
    """Whether their answers are ready or not: creations in between wait for proofs."""
    messages = [
        query(seeded, HANDLE if number % 3 else f"88.118.8/NONE{number}") for number in range(300)
    ]
    messages[50] = seeded.message(OpCode.GET_SITE_INFO, Text("/").build())
    async with seeded.connection() as connection:
        connection.writer.write(b"".join(message.build() for message in messages))
        answers = [await connection.receive() for _ in messages]
    asked = [message.envelope.request_id for message in messages]
    assert [answer.envelope.request_id for answer in answers] == asked


async def test_octet_by_octet(seeded: Peer) -> None:
    async with seeded.connection() as connection:
        for octet in query(seeded).build():
            connection.writer.write(bytes([octet]))
            await connection.writer.drain()
            await asyncio.sleep(0)
        assert (await connection.receive()).response_code == ResponseCode.SUCCESS


async def test_fragmented_requests_and_answers(live: Live, seeded: Peer) -> None:
    indexes = tuple(range(1, 101))  # makes a request of more than a datagram
    types = tuple(f"TYPE{number:020d}" for number in range(10))
    body = ResolutionRequest("0.NA/88.118.8", indexes, types).build()
    message = seeded.message(OpCode.RESOLUTION, body)
    datagrams = split(message.build())
    assert len(datagrams) > 1
    for order in (datagrams, datagrams[::-1]):
        answer = await seeded.udp(*order)
        assert answer.response_code == ResponseCode.SUCCESS
    big = "x" * 2000
    from tests.node.handle_json.peer import register, value

    await register(live.node.wiring, 1, "88.118.9/BIG", value(1, "DESC", big))
    for _ in range(2):
        answer = await seeded.resolve("88.118.9/BIG", udp=True)
        assert Values.parse(answer.body).values[0].data == big.encode()


class TestIPv6:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return msgspec.structs.replace(settings, host="::")

    async def test_both_families(self, live: Live, peer: Peer) -> None:
        await furnish(live)
        for host in ("127.0.0.1", "::1"):
            await alive(Peer(peer.open, host))


async def test_a_new_version_is_answered_in_the_newest(seeded: Peer) -> None:
    envelope = Envelope(minor=40, suggested=40, request_id=5)
    message = msgspec.structs.replace(query(seeded), envelope=envelope)
    answer = await seeded.tcp(message.build())
    assert (answer.envelope.minor, answer.response_code) == (11, ResponseCode.SUCCESS)


@pytest.mark.parametrize(
    "octets",
    [
        b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
        bytes(100),
        b"\xff" * 100,
        Envelope(length=MAX_MESSAGE + 1).build(),
        Envelope(length=3).build() + b"abc",
        Envelope(length=24).build() + b"\xff" * 24,
        Envelope(flags=0x80, length=24).build() + bytes(24),
        Message(opcode=999, envelope=Envelope(request_id=9)).build(),
        Message(opcode=1, body=b"\xff\xff\xff\xff").build(),
        Message(opcode=1, body=b"\0\0\0\2\xc3\x28\0\0\0\0\0\0\0\0").build(),
        Message(opcode=1, body=b"\0\0\0\0\0\0\0\0\0\0\0\0").build(),
        Message(opcode=400, body=b"\0\4\0\0\0\1").build(),
        Message(opcode=200, body=b"").build(),
        Message(opcode=402, body=b"").build(),
    ],
)
async def test_hostile_messages(seeded: Peer, octets: bytes) -> None:
    for ask in (seeded.tcp, seeded.udp):
        answer = await ask(octets)
        assert answer.response_code >= 2
    await alive(seeded)


async def test_truncated_messages_and_early_goodbyes(seeded: Peer) -> None:
    whole = query(seeded).build()
    for size in range(0, len(whole), 7):
        async with seeded.connection() as connection:
            connection.writer.write(whole[:size])
    for _ in range(20):
        async with seeded.connection() as connection:
            connection.writer.write(whole * 50)
    await alive(seeded)


async def test_damaged_recordings(seeded: Peer) -> None:
    """Every recorded request with octets turned, over UDP, and the node goes on."""
    chance = random.Random(7)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.connect(("127.0.0.1", seeded.open.port))
        for exchange in EXCHANGES.values():
            for _ in range(10):
                damaged = bytearray(exchange.request[0])
                for _ in range(chance.randint(1, 4)):
                    damaged[chance.randrange(len(damaged))] = chance.randrange(256)
                own.send(bytes(damaged))
            await asyncio.sleep(0)
    await alive(seeded)


async def test_clients_that_read_nothing(seeded: Peer) -> None:
    """Their answers wait within bounds, and nobody else waits for them."""
    async with seeded.connection() as deaf:
        deaf.writer.transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(40):
            deaf.writer.write(query(seeded).build() * 500)
        await alive(seeded)


async def test_connections_of_one_address_are_bounded(
    seeded: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp, "MAX_EACH", 2)
    async with seeded.connection() as one, seeded.connection() as two:
        for connection in (one, two):
            assert (await connection.send(query(seeded).build())).response_code == 1
        async with seeded.connection() as three:
            three.writer.write(query(seeded).build())
            assert await three.ended()
    assert (await until_answered(seeded)).response_code == ResponseCode.SUCCESS


async def until_answered(peer: Peer) -> Message:
    """The listener learns of closed connections some time after they were."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await peer.resolve(HANDLE)
            except (asyncio.IncompleteReadError, ConnectionError):
                await asyncio.sleep(0.05)


async def test_idle_connections_are_closed(
    live: Live, seeded: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp, "SWEEP_SECONDS", 0.05)
    monkeypatch.setattr(connection, "HASTE_SECONDS", 0.2)
    async with wire(live.node.wiring) as opened:
        assert opened is not None
        peer = Peer(opened)
        async with peer.connection() as slow, peer.connection() as idle:
            await idle.send(query(peer).build())
            slow.writer.write(query(peer).build()[:30])
            assert await slow.ended()
            assert (await idle.send(query(peer).build())).response_code == 1


async def test_many_at_once(seeded: Peer) -> None:
    """A thousand connections that come together find room in the backlog."""

    async def one() -> int:
        return (await seeded.resolve(HANDLE)).response_code

    for _ in range(3):
        assert set(await asyncio.gather(*(one() for _ in range(300)))) == {1}


@pytest.fixture
async def second(live: Live) -> AsyncIterator[Peer]:
    """Another listener of the same node, as another process has."""
    async with wire(live.node.wiring) as opened:
        assert opened is not None
        yield Peer(opened)


async def test_a_challenge_may_be_answered_elsewhere(seeded: Peer, second: Peer) -> None:
    from tests.node.wire.peer import by_secret, url

    body = Values("88.118.9/A", (url(),)).build()
    challenged = await seeded.ask(OpCode.CREATE_HANDLE, body)
    done = await second.tcp(seeded.proof(challenged, by_secret()).build())
    assert done.response_code == ResponseCode.SUCCESS


async def test_answers_that_are_ready_wait_for_a_client_that_reads_nothing(
    live: Live, seeded: Peer
) -> None:
    wiring = live.node.wiring
    async with asyncio.timeout(60):
        while not wiring.records.cache.certain:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)
    await register(wiring, 1, "88.118.8/LONG", value(1, "URL", "x" * 40_000))
    await seeded.resolve("88.118.8/LONG")
    messages = [query(seeded, "88.118.8/LONG") for _ in range(1000)]
    async with seeded.connection() as connection:
        connection.writer.write(b"".join(message.build() for message in messages))
        async with asyncio.timeout(60):
            while not (held := seeded.open.connections.unsent):  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.01)
        assert held < 1 << 20
        answers = [await connection.receive() for _ in messages]
    asked = [message.envelope.request_id for message in messages]
    assert [answer.envelope.request_id for answer in answers] == asked


async def test_every_opcode_is_spoken(seeded: Peer) -> None:
    """Whatever stands in its body, each has an answer of its own."""
    for opcode in OpCode:
        for body in (b"", Text("88.118.8/P000007").build(), bytes(40)):
            answer = await seeded.ask(opcode, body)
            assert answer.opcode == opcode
            told = ResponseCode(answer.response_code)
            assert told not in (ResponseCode.ERROR, ResponseCode.OPERATION_NOT_SUPPORTED)
