"""Both ways to an answer are one to the client: what is ready, and what a task has to find out."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from metrics.journal.entry import Outcome, records_of
from node.wire import tcp
from node.wire.ready import Ready
from node.wire.surface import wire
from resolver.wire.body import ResolutionRequest, Text
from resolver.wire.code import OpCode, OpFlag, ResponseCode
from resolver.wire.message import ENVELOPE, Envelope, Message
from tests.node.live import Live
from tests.node.wire.peer import PATIENCE, STOCK, Connection, Peer

HANDLE = "88.118.8/P000007"
NONE = "88.118.8/NONE"
JUNK = b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"


@pytest.fixture
async def warm(live: Live, seeded: Peer) -> Peer:
    """The cache has the record."""
    async with asyncio.timeout(PATIENCE):
        while not live.node.wiring.records.cache.certain:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)
    await seeded.resolve(HANDLE)
    return seeded


def asked(peer: Peer, handle: str = HANDLE, flags: int = STOCK) -> bytes:
    return peer.message(OpCode.RESOLUTION, ResolutionRequest(handle).build(), flags=flags).build()


def corpus(peer: Peer) -> list[bytes]:
    """Requests whose answers are ready, and such that they can't be."""
    return [
        asked(peer),
        asked(peer, "88.118.8/p000007", flags=0),
        peer.message(OpCode.RESOLUTION, ResolutionRequest(HANDLE, (3,), ("URL",)).build()).build(),
        asked(peer, NONE),
        asked(peer, flags=STOCK | int(OpFlag.RRDG)),
        peer.message(OpCode.GET_SITE_INFO, Text("/").build()).build(),
        peer.message(OpCode.RESOLUTION, ResolutionRequest(HANDLE, (99,)).build()).build(),
        peer.message(999, b"").build(),
        peer.message(OpCode.RESOLUTION, b"\0\0\0\2\xc3\x28\0\0\0\0\0\0\0\0").build(),
        asked(peer, "99.9.9/X"),
        asked(peer),
    ]


async def octets_of(connection: Connection, answers: int) -> bytes:
    """So many answers as they stand."""
    whole = b""
    async with asyncio.timeout(PATIENCE):
        for _ in range(answers):
            head = await connection.reader.readexactly(ENVELOPE.size)
            whole += head + await connection.reader.readexactly(Envelope.parse(head).length)
    return whole


async def told(peer: Peer, pieces: Sequence[bytes], answers: int) -> bytes:
    """The answers to what is sent in these pieces, each of which comes alone."""
    async with peer.connection() as connection:
        for piece in pieces:
            connection.writer.write(piece)
            for _ in range(3):  # turns of the loop, in which the node hears of it
                await asyncio.sleep(0)
        return await octets_of(connection, answers)


async def slowly(live: Live, peer: Peer, messages: Sequence[bytes]) -> bytes:
    """The answers where none of them is ready."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Ready, "answer", lambda *_: None)
        return b"".join([await told(peer, [message], 1) for message in messages])


async def test_a_corpus_in_all_ways(live: Live, warm: Peer) -> None:
    messages = corpus(warm)
    expected = await slowly(live, warm, messages)
    alone = b"".join([await told(warm, [message], 1) for message in messages])
    assert alone == expected
    for order in (messages, [b"".join(messages)], [b"".join(messages[:5]), *messages[5:]]):
        assert await told(warm, order, len(messages)) == expected


async def test_cut_at_every_place(live: Live, warm: Peer) -> None:
    messages = [asked(warm), asked(warm, NONE), asked(warm)]
    expected = await slowly(live, warm, messages)
    whole = b"".join(messages)
    for place in range(1, len(whole)):
        assert await told(warm, [whole[:place], whole[place:]], 3) == expected
    cut = [whole[place : place + 7] for place in range(0, len(whole), 7)]
    assert await told(warm, cut, 3) == expected


async def test_a_client_that_has_asked_all_it_will_is_answered(warm: Peer) -> None:
    async with warm.connection() as connection:
        connection.writer.write(asked(warm, NONE) + asked(warm) + asked(warm, NONE))
        connection.writer.write_eof()
        codes = [(await connection.receive()).response_code for _ in range(3)]
        assert await connection.ended()
    missing = ResponseCode.HANDLE_NOT_FOUND
    assert codes == [missing, ResponseCode.SUCCESS, missing]


@pytest.mark.parametrize("handle", [HANDLE, NONE])
async def test_what_is_no_message_is_told_after_those_before_it(warm: Peer, handle: str) -> None:
    """Whatever the client sends after it, which this end does not look at."""
    async with warm.connection() as connection:
        connection.writer.write(asked(warm, handle) + JUNK)
        for _ in range(20):
            connection.writer.write(JUNK * 100)
            await asyncio.sleep(0)
        answers = [await connection.receive() for _ in range(2)]
        assert await connection.ended()
    assert answers[0].envelope.request_id != answers[1].envelope.request_id
    assert answers[1].response_code == ResponseCode.ERROR


async def test_pipelined_resolutions_are_noted_one_by_one(live: Live, warm: Peer) -> None:
    journal = live.node.wiring.recorder.journal
    before = journal.position
    messages = [asked(warm, HANDLE if number % 10 else NONE) for number in range(200)]
    await told(warm, [b"".join(messages)], 200)
    async with asyncio.timeout(PATIENCE):
        while journal.position < before + 200:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.005)
    records = records_of(journal.stretch(before, before + 200).records)
    outcomes = [record["outcome"] for record in records]
    assert outcomes == [Outcome.FOUND if n % 10 else Outcome.NOT_FOUND for n in range(200)]


async def test_a_task_is_not_begun_for_who_has_gone(warm: Peer) -> None:
    """A client that sends nothing more but reset its connection costs nobody else anything."""
    for handle in (HANDLE, NONE):
        with socket.create_connection(("127.0.0.1", warm.open.port)) as own:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            own.sendall(asked(warm, handle) * 20)
    await until_empty(warm)
    assert (await warm.resolve(HANDLE)).response_code == ResponseCode.SUCCESS


async def test_the_trouble_of_one_is_not_the_others(
    warm: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with warm.connection() as one, warm.connection() as other:
        assert (await other.send(asked(warm))).response_code == ResponseCode.SUCCESS
        with monkeypatch.context() as patched:
            patched.setattr(Ready, "answer", lambda *_: 1 / 0)
            one.writer.write(asked(warm))
            assert await one.ended()
        assert (await other.send(asked(warm))).response_code == ResponseCode.SUCCESS


async def test_where_no_more_files_can_be_opened_connections_wait(
    warm: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp, "SWEEP_SECONDS", 0.05)
    full = [True]

    class Door(socket.socket):
        def accept(self) -> tuple[socket.socket, object]:
            if full:
                full.pop()
                raise OSError(errno.EMFILE, "Too many open files")
            return super().accept()

    connections = warm.open.connections
    with Door() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        connections.open(door)
        sweeping = asyncio.ensure_future(connections.run())
        answer = await Peer(replace(warm.open, port=door.getsockname()[1])).resolve(HANDLE)
        assert answer.response_code == ResponseCode.SUCCESS
        assert not full
        sweeping.cancel()
        connections.shut(door)


async def test_what_was_asked_before_the_end_is_answered(live: Live, warm: Peer) -> None:
    """On connections that are in use, and on those that wait at the door."""
    async with AsyncExitStack() as serving:
        opened = await serving.enter_async_context(wire(live.node.wiring))
        assert opened is not None
        async with Peer(opened).connection() as used:
            await used.send(asked(warm))
            new = socket.create_connection(("127.0.0.1", opened.port))
            new.sendall(asked(warm))
            used.writer.write(asked(warm, NONE) + asked(warm))
            await serving.aclose()
            codes = [(await used.receive()).response_code for _ in range(2)]
            assert codes == [ResponseCode.HANDLE_NOT_FOUND, ResponseCode.SUCCESS]
            assert await used.ended()
    with new:
        head = Envelope.parse(new.recv(ENVELOPE.size, socket.MSG_WAITALL))
        payload = new.recv(head.length, socket.MSG_WAITALL)
    assert Message.parse(head, payload).response_code == ResponseCode.SUCCESS


async def until_empty(peer: Peer) -> None:
    async with asyncio.timeout(PATIENCE):
        while len(peer.open.connections):  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)
