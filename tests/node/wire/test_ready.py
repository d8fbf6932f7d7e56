"""Answers that are ready are the same as those that are not, and never older than the record."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from metrics.journal.entry import Outcome, Surface, records_of
from node.wire import ready
from node.wire.call import Line, Login, Proven
from node.wire.noting import Noting
from node.wire.ready import Ready
from registry.access.actor import console
from registry.identifier import Identifier
from resolver.wire.body import Indexes, ResolutionRequest, Values
from resolver.wire.code import OpCode, OpFlag, ResponseCode
from tests.node.handle_json.peer import register, value
from tests.node.live import Live
from tests.node.wire.peer import STOCK, Peer, url

HANDLE = "88.118.8/P000007"
LINE = Line("127.0.0.1")
LOGIN = Login(Proven(console()), datetime.now(UTC))


@pytest.fixture
async def warm(live: Live, seeded: Peer) -> Peer:
    """The cache hears of changes, so it keeps what it reads."""
    async with asyncio.timeout(60):
        while not live.node.wiring.records.cache.certain:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)
    return seeded


def ready_of(live: Live) -> Ready:
    wiring = live.node.wiring
    return Ready(wiring.records.cache, Noting(wiring), case_sensitive=False)


REQUESTS = [
    ResolutionRequest(HANDLE),
    ResolutionRequest("88.118.8/p000007"),
    ResolutionRequest(HANDLE, (1, 2)),
    ResolutionRequest(HANDLE, (), ("url",)),
    ResolutionRequest(HANDLE, (3,), ("EMAIL",)),
    ResolutionRequest(HANDLE, (99,)),
    ResolutionRequest(HANDLE, (), (), b""),
    ResolutionRequest(HANDLE, (), ("URL.",)),
]


@pytest.mark.parametrize("flags", [STOCK, 0, int(OpFlag.PUBL), STOCK | OpFlag.KPAL, 2])
async def test_the_same_octets(live: Live, warm: Peer, flags: int) -> None:
    made = ready_of(live)
    await warm.resolve(HANDLE)  # what is not cached is not ready
    for request in REQUESTS:
        message = warm.message(OpCode.RESOLUTION, request.build(), flags=flags)
        live.node.wiring.records.cache.change(HANDLE)
        assert made.answer(message.build(), LINE) is None
        slow = await warm.tcp(message.build())
        await warm.resolve(HANDLE)
        at_hand = made.answer(message.build(), LINE)
        assert at_hand is not None
        assert at_hand[0] == slow.build()
        again = made.answer(message.build(), LINE)
        assert again == at_hand


@pytest.mark.parametrize(
    "flags", [STOCK | OpFlag.CERT, STOCK | OpFlag.RRDG, STOCK | OpFlag.ENCR, STOCK & ~OpFlag.PUBL]
)
async def test_what_takes_the_ordinary_way(live: Live, warm: Peer, flags: int) -> None:
    await warm.resolve(HANDLE)
    made = ready_of(live)
    message = warm.message(OpCode.RESOLUTION, REQUESTS[0].build(), flags=int(flags))
    assert made.answer(message.build(), LINE) is None
    plain = warm.message(OpCode.RESOLUTION, REQUESTS[0].build())
    assert made.answer(plain.build(), LINE) is not None
    for octets in (plain.build()[:-1], plain.build() + b"\0", plain.build()[:40], b""):
        assert made.answer(octets, LINE) is None
    assert made.answer(plain.build(), Line("127.0.0.1", login=LOGIN)) is None


async def test_no_answer_is_older_than_the_change(live: Live, warm: Peer) -> None:
    """Changed over the wire and asked at once, over and over, on both transports."""
    await warm.create("88.118.9/A", url())
    for number in range(12):
        for udp in (False, True):
            await warm.resolve("88.118.9/A", udp=udp)
        text = f"https://example.com/{number}"
        changed = Values("88.118.9/A", (url(1, text),)).build()
        done = await warm.admin(OpCode.MODIFY_VALUE, changed)
        assert done.response_code == ResponseCode.SUCCESS
        for udp in (False, True):
            answer = await warm.resolve("88.118.9/A", udp=udp)
            assert Values.parse(answer.body).values[0].data == text.encode()
    await warm.admin(OpCode.REMOVE_VALUE, Indexes("88.118.9/A", (1,)).build())
    assert (await warm.resolve("88.118.9/A")).response_code == ResponseCode.VALUES_NOT_FOUND
    await warm.delete("88.118.9/A")
    assert (await warm.resolve("88.118.9/A")).response_code == ResponseCode.HANDLE_NOT_FOUND


async def test_memory_is_bounded(live: Live, warm: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ready, "MAX_OCTETS", 20_000)
    made = ready_of(live)
    await warm.resolve(HANDLE)
    for number in range(500):
        body = ResolutionRequest(HANDLE, (number,)).build()
        assert made.answer(warm.message(OpCode.RESOLUTION, body).build(), LINE) is not None
        assert made.size <= 20_000


async def noted(live: Live, wanted: int) -> list[Any]:
    journal = live.node.wiring.recorder.journal
    async with asyncio.timeout(60):
        while journal.position < wanted:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.005)
    assert journal.position == wanted
    return list(records_of(journal.stretch(0, wanted).records))


async def test_every_resolution_is_noted_once(live: Live, warm: Peer) -> None:
    await register(live.node.wiring, 1, "88.118.9/EMPTY")
    asked: list[tuple[str, Outcome]] = [
        (HANDLE, Outcome.FOUND),
        ("88.118.9/NONE", Outcome.NOT_FOUND),
        ("99.9.9/X", Outcome.NOT_FOUND),
        ("88.118.9/EMPTY", Outcome.NO_VALUES),
    ]
    outcomes: list[Outcome] = []
    for udp in (False, True, False):
        for handle, outcome in asked:
            await warm.resolve(handle, udp=udp)
            outcomes.append(outcome)
    records = await noted(live, len(outcomes))
    assert [record["outcome"] for record in records] == outcomes
    assert {record["surface"] for record in records} == {Surface.WIRE}
    journal = live.node.wiring.recorder.journal
    digest = journal.digest(Identifier.parse(HANDLE).canonical(False))
    assert records[0]["identifier"].tobytes() == digest == records[4]["identifier"].tobytes()
    assert records[0]["prefix"] == records[4]["prefix"] != 0


async def test_neither_sites_nor_changes_are_resolutions(live: Live, warm: Peer) -> None:
    await warm.create("88.118.9/A", url())
    await warm.ask(OpCode.GET_SITE_INFO, b"\0\0\0\1/")
    await warm.resolve(HANDLE)
    assert len(await noted(live, 1)) == 1


async def test_a_view_counts_as_long_as_an_answer_of_it_is_held(live: Live, warm: Peer) -> None:
    """However little of it is asked for: the cache may have let go of it."""
    wiring = live.node.wiring
    text = "x" * 20_000
    await register(wiring, 1, "88.118.8/LONG", value(1, "URL", text), value(2, "EMAIL", "a@b.cn"))
    await warm.resolve("88.118.8/LONG")
    made = ready_of(live)
    body = ResolutionRequest("88.118.8/LONG", (2,)).build()
    assert made.answer(warm.message(OpCode.RESOLUTION, body).build(), LINE) is not None
    assert made.size > len(text)
