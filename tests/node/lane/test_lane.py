"""What the lane notes and counts, and how it bears those who mean it harm or go away."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from aiohttp import web

from metrics.journal.entry import BODY, RECORD_BYTES
from metrics.journal.journal import Journal
from node.lane.head import MAX_KNOWN, Heads, read
from node.lane.protocol import Lane
from node.lane.site import LANE
from registry.access.actor import console
from registry.public import store
from tests.end_to_end.served import eventually
from tests.node.lane.conftest import SECONDS, Pair, exchange
from tests.node.lane.test_same import BYE, request
from tests.node.live import Live


async def register(pair: Pair, *names: str) -> list[str]:
    value = {"index": 1, "type": "URL", "data": "https://example.com/x"}
    items = [{"handle": f"{pair.owner.prefix}/{name}", "values": [value]} for name in names]
    reply = await pair.plain.ask("POST", "/v1/identifiers", key=pair.owner.key, json=items)
    assert reply.body["totals"] == {"created": len(names)}
    return [str(item["handle"]) for item in items]


def noted(live: Live) -> list[Any]:
    """The journal's records, without their times."""
    journal = live.node.wiring.recorder.journal
    stretch = journal.stretch(0, journal.position)
    raw = stretch.records
    starts = range(0, len(raw), RECORD_BYTES)
    return [BODY.unpack(raw[start : start + BODY.size])[1:] for start in starts]


async def test_it_notes_what_aiohttp_notes(pair: Pair) -> None:
    [handle] = await register(pair, "Sn1")
    asked = [
        request(f"GET /api/handles/{handle}", "User-Agent: a"),
        request(f"GET /v1/resolve/{handle.upper()}", "User-Agent: a"),
        request(f"GET /v1/resolve/{handle}", "X-Forwarded-For: 192.0.2.1"),
        request(f"GET /api/handles/{handle}", "User-Agent: Googlebot/2.1"),
        request(f"GET /{handle}", "Accept: application/json"),
    ]
    for live in (pair.lane, pair.plain):
        for one in [*asked, *asked]:
            await exchange(live, [one + BYE])
    assert pair.by_lane(await exchange(pair.lane, [asked[0] + BYE])) == 1
    by_lane, by_aiohttp = noted(pair.lane)[:10], noted(pair.plain)
    assert len(by_aiohttp) == 10
    assert by_lane == by_aiohttp


async def test_it_counts_what_aiohttp_counts(pair: Pair) -> None:
    [handle] = await register(pair, "SN1")
    shown = []
    for live in (pair.lane, pair.plain):
        for _ in range(3):
            await exchange(live, [request(f"GET /v1/resolve/{handle}") + BYE])
        text = (await live.ask("GET", "/metrics")).body
        lines = re.findall(
            r'^biaoshi_(?:requests_total|resolutions_total|request_seconds_count)\{.*"(?:v1)".*',
            text,
            re.MULTILINE,
        )
        shown.append([line for line in lines if "registerId" not in line])
    assert shown[0] == shown[1]
    assert any(line.endswith(" 3.0") for line in shown[0])


class Line(asyncio.Transport):
    """A client's end. `seen` are the numbers of records that stood in the journal at each write."""

    def __init__(self, journal: Journal) -> None:
        super().__init__({"peername": ("192.0.2.1", 1)})
        self._journal = journal
        self.seen: list[int] = []
        self.answers = b""

    def write(self, data: Any) -> None:
        self.seen.append(self._journal.position)
        self.answers += data

    def close(self) -> None:
        """Nobody is there."""


async def test_answers_of_a_turn_are_noted_together_once_they_are_given(pair: Pair) -> None:
    """A resolution is never in the journal before its answer was handed over, and is there before
    anything else happens."""
    handles = await register(pair, "SN1", "SN2")
    asked = [request(f"GET /v1/resolve/{handle}", "User-Agent: a") for handle in handles]
    for one in asked:  # from now on they are at hand
        await exchange(pair.lane, [one + BYE])
    journal = pair.lane.node.wiring.recorder.journal
    before = journal.position
    server = web.Server(lambda _: None)
    lines = [Line(journal) for _ in range(3)]
    opened = []
    for line in lines:
        lane = Lane(pair.desk, server, asyncio.get_running_loop())
        lane.connection_made(line)
        lane.data_received(asked[0])
        lane.data_received(asked[1] * 2)
        opened.append(lane)
    assert [line.seen for line in lines] == [[before, before]] * 3
    await asyncio.sleep(0)
    assert journal.position == before + 9
    assert len({record[1:] for record in noted(pair.lane)[before:]}) == 1  # one client
    assert all(pair.by_lane(line.answers) == 3 for line in lines)
    ids = [match for line in lines for match in re.findall(rb"Request-Id: (\S+)", line.answers)]
    assert len(set(ids)) == 9
    for lane in opened:
        lane.connection_lost(None)


async def test_while_changes_are_not_heard_aiohttp_answers(pair: Pair) -> None:
    [handle] = await register(pair, "SN1")
    asked = [request(f"GET /api/handles/{handle}") + BYE]
    assert pair.by_lane(await exchange(pair.lane, asked)) == 1
    pair.lane.node.wiring.records.cache.lose()
    answers = await exchange(pair.lane, asked)
    assert pair.by_lane(answers) == 0
    assert answers.startswith(b"HTTP/1.1 200")


async def test_a_node_that_leaves_says_good_bye(pair: Pair) -> None:
    [handle] = await register(pair, "SN1")
    pair.lane.node.app[LANE].close()
    answers = await exchange(pair.lane, [request(f"GET /api/handles/{handle}") + BYE])
    assert pair.by_lane(answers) == 0


async def test_a_database_that_fails_is_told_by_aiohttp(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    [handle] = await register(pair, "SN1")

    async def broken(*_: object) -> None:
        raise ConnectionResetError

    with monkeypatch.context() as patched:
        patched.setattr(store, "find", broken)
        answers = await exchange(pair.lane, [request(f"GET /v1/resolve/{handle}") + BYE])
    assert answers.startswith(b"HTTP/1.1 503")
    assert b"Retry-After" in answers


async def test_clients_that_go_away_in_the_midst(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While their question is with the database; others get their answers."""
    handles = await register(pair, *(f"SN{number}" for number in range(40)))
    real, wait = store.find, asyncio.Event()

    async def slow(*arguments: Any) -> Any:
        await wait.wait()
        return await real(*arguments)

    monkeypatch.setattr(store, "find", slow)
    port = int(pair.lane.url.rpartition(":")[2])
    for handle in handles[:20]:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(f"GET /api/handles/{handle}") * 3)
        await writer.drain()
        writer.transport.abort()
    left = [
        asyncio.create_task(exchange(pair.lane, [request(f"GET /api/handles/{handle}") + BYE]))
        for handle in handles
    ]

    async def waiting() -> bool:
        return len(pair.lane.node.wiring.records._lookups._waiting) >= 20

    await eventually(waiting, SECONDS)
    wait.set()
    for answers in await asyncio.gather(*left):
        assert answers.startswith(b"HTTP/1.1 200")


async def test_slow_half_open_and_mad_connections_harm_nobody(pair: Pair) -> None:
    [handle] = await register(pair, "SN1")
    port = int(pair.lane.url.rpartition(":")[2])
    good = request(f"GET /api/handles/{handle}")
    kept = []
    for number in range(150):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        kept.append(writer)
        if number % 3 == 0:
            writer.write(good[: 1 + number % (len(good) - 1)])  # and never more
        elif number % 3 == 1:
            writer.write(b"\xff\x00" * 600)
            assert b" 400 " in await reader.read(100)
    for _ in range(20):
        answers = await exchange(pair.lane, [good + BYE])
        assert pair.by_lane(answers) == 1
    kept[0].write(good[1:] + BYE)  # who was slow is served too
    for writer in kept:
        writer.close()


async def test_a_client_that_takes_nothing_is_not_answered_without_end(pair: Pair) -> None:
    """It sends on and on; the node stops reading instead of filling its memory."""
    value = {"index": 1, "type": "TEXT", "data": "x" * 50_000}
    handle = f"{pair.owner.prefix}/LARGE"
    path = f"/v1/identifiers/{handle}"
    put = await pair.plain.ask("PUT", path, key=pair.owner.key, json={"values": [value]})
    assert put.status == 201
    await exchange(pair.lane, [request(f"GET /api/handles/{handle}") + BYE])
    port = int(pair.lane.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    one = request(f"GET /api/handles/{handle}")
    sent = 0
    journal = pair.lane.node.wiring.recorder.journal
    before = journal.position
    try:
        async with asyncio.timeout(2):
            while sent < 40_000:  # two gigabytes of answers
                writer.write(one * 100)
                sent += 100
                await writer.drain()
    except TimeoutError:
        pass
    answered = journal.position - before
    assert answered * 50_000 < 64 << 20, "answers pile up"
    async with asyncio.timeout(SECONDS):  # it goes on where it stood
        taken = 0
        while taken < 40 << 20:
            chunk = await reader.read(1 << 20)
            assert chunk
            taken += len(chunk)
    writer.transport.abort()


def test_heads_are_remembered_within_a_bound() -> None:
    heads = Heads()
    for number in range(3 * MAX_KNOWN):
        head = heads.read(b"Host: x\r\nUser-Agent: %d\r\n" % number)
        assert head is not None
        assert head.agent == str(number)
        assert heads.read(b"Host: x\r\nAuthorization: %d\r\n" % number) is None
        assert len(heads._known) <= MAX_KNOWN
    assert read(b"Host: x\r\nCookie: " + b"a" * 900 + b"\r\n" * 1) is not None
    assert read(b"Host: x\r\n" + b"".join(b"Via: %d\r\n" % n for n in range(2))) is None


@pytest.mark.parametrize("verb", ["GET", "PUT"])
async def test_a_client_that_takes_answers_again_is_not_given_one_twice(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """What waits behind a request is not begun with while that one waits for the database."""
    opened: list[Lane] = []
    made = Lane.connection_made

    def connection_made(lane: Lane, transport: asyncio.BaseTransport) -> None:
        made(lane, transport)
        opened.append(lane)

    handles = await register(pair, "SN1", "LONGER-SN2")
    body = b'{"values":[{"index":1,"type":"URL","data":"https://example.com/x"}]}'
    key = f"Authorization: Bearer {pair.owner.key}"
    if verb == "PUT":
        fields = (key, "Content-Type: application/json", f"Content-Length: {len(body)}")
        first = request(f"PUT /v1/identifiers/{handles[0]}", *fields) + body
        await exchange(pair.lane, [first + BYE])  # the key was good a moment ago
    else:
        first = request(f"GET /v1/resolve/{handles[0]}")
    rest = [request(f"GET /v1/resolve/{handles[1]}", f"Referer: {'x' * 900}")] * 600
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    begun = []

    def begin(*_: object) -> asyncio.Future[Any]:
        begun.append(True)
        return future

    with monkeypatch.context() as patched:
        patched.setattr(Lane, "connection_made", connection_made)
        if verb == "PUT":
            patched.setattr(pair.desk.intake._keyring, "trusted", lambda *_: console())
            patched.setattr(pair.desk.intake._singles, "submit", begin)
        else:
            patched.setattr(pair.desk, "look_up", begin)
        answering = asyncio.ensure_future(exchange(pair.lane, [first + b"".join(rest) + BYE]))

        async def held() -> bool:
            return bool(opened) and opened[0]._held

        await eventually(held, 20)
        opened[0].pause_writing()
        opened[0].resume_writing()
        assert len(begun) == 1
    future.set_exception(ConnectionError("away"))
    answers = await answering
    assert answers.count(b"HTTP/1.1 200") >= len(rest) + 1
    assert answers.count(b"HTTP/1.1 ") == len(rest) + 2  # with the good-bye
