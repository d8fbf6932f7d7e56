"""The bulk stream over real sockets: every line its verdict, whatever stands beside it and however
it is cut; who waits for whom; and every way in which a stream can end."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import socket
import time
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from yarl import URL

from node.embedded.postgres import EmbeddedPostgres
from node.http.body import InvalidJson
from node.v1 import stream
from node.v1.registering import Registering
from registry.access.actor import console
from registry.errors import InvalidInput
from registry.identifier import Identifier
from registry.record.bulk import Terms
from registry.record.registration import Method
from tests.node.live import OTHER, Enterprise, Live

BOM = b"\xef\xbb\xbf"
PATIENCE = 60.0  # seconds


class Sender:
    """A client that frames its request itself, and reads the answer when it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._rest = b""
        self.ended = False  # the answer was read to its end
        self.head = ""

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def part(self, data: bytes) -> None:
        """Some of a body in chunked encoding."""
        if data:
            await self.write(b"%x\r\n%b\r\n" % (len(data), data))

    async def end(self) -> None:
        await self.write(b"0\r\n\r\n")

    def break_off(self) -> None:
        """Go away as a crashed client does."""
        self._writer.transport.abort()

    async def status(self) -> int:
        async with asyncio.timeout(PATIENCE):
            self.head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        return int(self.head.split()[1])

    async def next(self) -> dict[str, Any] | None:
        """The next verdict; None behind the last."""
        if not self.head:
            assert await self.status() == 200, self.head
            assert "content-type: application/x-ndjson" in self.head.lower()
            assert "transfer-encoding: chunked" in self.head.lower()
        async with asyncio.timeout(PATIENCE):
            while b"\n" not in self._rest and not self.ended:
                size = int(await self._reader.readuntil(b"\r\n"), 16)
                self._rest += (await self._reader.readexactly(size + 2))[:-2]
                self.ended = size == 0
        if self.ended and not self._rest:
            return None
        line, _, self._rest = self._rest.partition(b"\n")
        verdict: dict[str, Any] = json.loads(line)
        return verdict

    async def until(self, kind: str) -> dict[str, Any]:
        """The next verdict of a kind."""
        while verdict := await self.next():
            if verdict["type"] == kind:
                return verdict
        raise AssertionError(f"no {kind}")

    async def all(self) -> Answer:
        """All verdicts still to come."""
        verdicts = []
        while verdict := await self.next():
            verdicts.append(verdict)
        return Answer(verdicts)


@dataclass
class Answer:
    verdicts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def refused(self) -> list[dict[str, Any]]:
        return [verdict for verdict in self.verdicts if verdict["type"] == "refused"]

    @property
    def committed(self) -> list[dict[str, Any]]:
        return [verdict for verdict in self.verdicts if verdict["type"] == "committed"]

    @property
    def last(self) -> dict[str, Any]:
        return self.verdicts[-1]

    @property
    def totals(self) -> dict[str, int]:
        """The totals of a stream that came to its end."""
        assert self.last["type"] == "summary", self.last
        assert self.last["complete"] is True
        totals: dict[str, int] = self.last["totals"]
        return totals

    @property
    def kinds(self) -> dict[int, tuple[str, str | None]]:
        """Kind and rule of every refusal, by its line."""
        return {
            verdict["line"]: (kind_of(verdict), verdict["problem"].get("rule"))
            for verdict in self.refused
        }


def kind_of(verdict: dict[str, Any]) -> str:
    kind: str = verdict["problem"]["type"].removeprefix("/docs/problems#")
    return kind


def totals(created: int = 0, unchanged: int = 0, revived: int = 0, refused: int = 0) -> Any:
    return {
        "created": created,
        "unchanged": unchanged,
        "revived": revived,
        "refused": refused,
    }


@asynccontextmanager
async def sending(
    live: Live,
    key: str | None,
    *,
    query: str = "",
    headers: Sequence[str] = ("Transfer-Encoding: chunked",),
    version: str = "1.1",
) -> AsyncIterator[Sender]:
    """A connection whose request has been begun."""
    url = URL(live.url)
    assert url.host
    reader, writer = await asyncio.open_connection(url.host, url.port)
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sender = Sender(reader, writer)
    lines = [
        f"POST /v1/identifiers{query} HTTP/{version}",
        "Host: node",
        "Content-Type: application/x-ndjson",
        *([f"Authorization: Bearer {key}"] if key else []),
        *headers,
    ]
    await sender.write("\r\n".join([*lines, "", ""]).encode())
    try:
        yield sender
    finally:
        writer.close()


async def post(live: Live, key: str, body: bytes, pieces: int = 1, **options: Any) -> Answer:
    """Send a body in pieces, each of which arrives alone, and read what comes of it."""
    async with sending(live, key, **options) as sender:
        size = -(-len(body) // pieces) or 1
        for start in range(0, len(body), size):
            await sender.part(body[start : start + size])
            if pieces > 1:
                await asyncio.sleep(0.001)
        await sender.end()
        return await sender.all()


def line(handle: str, data: str = "x", **more: Any) -> bytes:
    item = {"handle": handle, "values": [{"index": 1, "type": "URL", "data": data}], **more}
    return json.dumps(item, ensure_ascii=False).encode() + b"\n"


def page(prefix: str, numbers: range, data: str = "https://e/") -> bytes:
    return b"".join(line(f"{prefix}/SN{number:06}", f"{data}{number}") for number in numbers)


async def counted(live: Live) -> tuple[int, int, int]:
    """Rows, rows as the batches say, batches that say it wrong."""
    async with live.node.wiring.database.connection() as connection:
        row = await connection.fetchrow(
            """SELECT (SELECT count(*) FROM identifier),
                      (SELECT coalesce(sum(created), 0) FROM batch),
                      (SELECT count(*) FROM
                        (SELECT batch_id, count(*) AS rows FROM identifier GROUP BY batch_id) i
                         FULL JOIN batch b USING (batch_id)
                        WHERE b.created IS DISTINCT FROM i.rows)"""
        )
    assert row is not None
    return row[0], row[1], row[2]


async def metric(live: Live, sample: str) -> float:
    text = (await live.ask("GET", "/metrics")).body
    found = [line.split()[-1] for line in text.splitlines() if line.startswith(sample)]
    return float(found[0]) if found else 0.0


async def eventually(found: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(PATIENCE):
        while True:
            if result := await found():
                return result
            await asyncio.sleep(0.02)


# --- lines -----------------------------------------------------------------------------------


class Bad(NamedTuple):
    """A line that is refused. P stands for the sender's own prefix."""

    text: bytes
    kind: str
    rule: str
    handle: str = ""


def value(text: bytes) -> bytes:
    return b'{"handle":"P/bad","values":[%b]}' % text


JSON, VALUE, NAME = "invalid-json", "invalid-value", "invalid-identifier"
TYPED = b'{"index":1,"type":"URL","data":"x"'
BAD = {
    "foreign prefix": Bad(b'{"handle":"Q/1"}', "not-prefix-owner", "prefix-owner", "Q/1"),
    "cut off": Bad(b'{"handle":"P/bad","values":[', JSON, "json-syntax"),
    "no JSON": Bad(b"handle,url", JSON, "json-syntax"),
    "single quotes": Bad(b"{'handle':'P/bad'}", JSON, "json-syntax"),
    "NaN": Bad(value(b'{"index":NaN,"type":"URL","data":"x"}'), JSON, "json-syntax"),
    "two objects": Bad(b'{"handle":"P/bad"} {"handle":"P/bad2"}', JSON, "json-syntax"),
    "two by a carriage return": Bad(b'{"handle":"P/a"}\r{"handle":"P/b"}', JSON, "json-syntax"),
    "values of a wrong type": Bad(value(b'"x"'), JSON, "json-type", "P/bad"),
    "handle of a wrong type": Bad(b'{"handle":17}', JSON, "json-type", "17"),
    "null as handle": Bad(b'{"handle":null}', JSON, "json-type", "None"),
    "index as text": Bad(value(TYPED.replace(b"1", b'"1"') + b"}"), JSON, "json-type", "P/bad"),
    "huge": Bad(b'{"handle":"P/bad","x":"%b"}' % (b"x" * (1 << 20)), "too-large", "line-limit"),
    "hugely blank": Bad(b'{"handle":"P/bad"' + b" " * (3 << 20) + b"}", "too-large", "line-limit"),
    "NUL": Bad(b'{"handle":"P/b\0ad"}', JSON, "json-syntax"),
    "only NUL": Bad(b"\0", JSON, "json-syntax"),
    "NUL in the handle": Bad(b'{"handle":"P/a\\u0000b"}', NAME, "nul", "P/a\0b"),
    "NUL in a value": Bad(
        value(b'{"index":1,"type":"URL","data":"a\\u0000b"}'), VALUE, "data-nul", "P/bad"
    ),
    "lone surrogate": Bad(b'{"handle":"P/\\ud83d"}', JSON, "json-syntax"),
    "lone low surrogate": Bad(
        value(b'{"index":1,"type":"U","data":"\\udca1 "}'), JSON, "json-syntax"
    ),
    "surrogate as bytes": Bad(b'{"handle":"P/\xed\xa0\xbd"}', JSON, "json-utf8"),
    "BOM in the middle": Bad(BOM + b'{"handle":"P/bad"}', JSON, "json-syntax"),
    "no UTF-8": Bad(b'{"handle":"P/\xb5\xc6"}', JSON, "json-utf8"),
    "UTF-16": Bad('{"handle":"P/bad"}'.encode("utf-16-le"), JSON, "json-syntax"),
    "unknown template": Bad(
        b'{"handle":"P/bad","template":"nope","attributes":{}}',
        "unknown-template", "unknown-template", "P/bad",
    ),
    "no handle": Bad(b'{"values":[]}', JSON, "json-type"),
    "value without type": Bad(value(b'{"index":1,"data":"x"}'), JSON, "json-type", "P/bad"),
    "over-long value": Bad(
        value(b'{"index":1,"type":"URL","data":"%b"}' % (b"x" * 65_537)),
        "too-large", "data-too-large", "P/bad",
    ),
    "over-long record": Bad(
        value(b",".join(b'{"index":%d,"type":"T","data":"%b"}' % (n, b"x" * 65_000)
                        for n in range(1, 6))),
        "too-large", "record-too-large", "P/bad",
    ),
    "too many values": Bad(
        value(b",".join(b'{"index":%d,"type":"T","data":""}' % n for n in range(1, 1002))),
        "too-large", "too-many-values", "P/bad",
    ),
    "deep": Bad(
        b'{"handle":"P/bad","attributes":{"a":%b}}' % (b"[" * 9_000 + b"]" * 9_000),
        JSON, "json-depth",
    ),
    "array": Bad(b'["P/bad"]', JSON, "json-type"),
    "number": Bad(b"17", JSON, "json-type"),
    "text": Bad(b'"P/bad"', JSON, "json-type"),
    "null": Bad(b"null", JSON, "json-type"),
    "unknown member": Bad(b'{"handle":"P/bad","vaules":[]}', JSON, "json-type", "P/bad"),
    "unknown member of a value": Bad(value(TYPED + b',"tll":60}'), JSON, "json-type", "P/bad"),
    "unknown member, long": Bad(
        b'{"handle":"P/bad","%b":1}' % (b"\\u0001" * 100_000), JSON, "json-type", "P/bad"
    ),
    "duplicate index": Bad(
        value(TYPED + b"}," + TYPED + b"}"), "duplicate-index", "duplicate-index", "P/bad"
    ),
    "index 0": Bad(value(TYPED.replace(b"1", b"0") + b"}"), VALUE, "index-range", "P/bad"),
    "index of 100 digits": Bad(
        value(TYPED.replace(b"1", b"9" * 100) + b"}"), VALUE, "index-range", "P/bad"
    ),
    "number overflow": Bad(value(TYPED.replace(b"1", b"1e999") + b"}"), JSON, "json-type"),
    "index above the bound": Bad(
        value(TYPED.replace(b"1", b"2147483648") + b"}"), VALUE, "index-range", "P/bad"
    ),
    "negative ttl": Bad(value(TYPED + b',"ttl":-1}'), VALUE, "ttl-range", "P/bad"),
    "wrong permissions": Bad(
        value(TYPED + b',"permissions":"777"}'), VALUE, "permissions-text", "P/bad"
    ),
    "wrong base64": Bad(
        value(b'{"index":1,"type":"T","data":{"format":"base64","value":"?"}}'),
        VALUE, "data-base64", "P/bad",
    ),
    "unknown format": Bad(
        value(b'{"index":1,"type":"T","data":{"format":"xml","value":"x"}}'),
        VALUE, "data-format", "P/bad",
    ),
    "empty handle": Bad(b'{"handle":""}', NAME, "empty"),
    "no slash": Bad(b'{"handle":"88.118.1"}', NAME, "no-slash", "88.118.1"),
    "no suffix": Bad(b'{"handle":"P/"}', NAME, "suffix-empty", "P/"),
    "long handle": Bad(b'{"handle":"P/%b"}' % (b"x" * 900), NAME, "too-long", "P/" + "x" * 900),
    "control character": Bad(b'{"handle":"P/a\\u0007b"}', NAME, "control-character", "P/a\x07b"),
    "blank at the end": Bad(b'{"handle":"P/a "}', NAME, "edge-blank", "P/a "),
    "unknown prefix": Bad(
        b'{"handle":"88.999.7/1"}', "prefix-not-found", "prefix-not-found", "88.999.7/1"
    ),
    "other content": Bad(
        b'{"handle":"P/0","values":[]}', "identifier-exists", "identifier-exists", "P/0"
    ),
}  # fmt: skip


class Case(NamedTuple):
    """A body of good lines and bad ones, and what it must lead to."""

    body: bytes
    lines: int
    good: list[str]  # handles
    refused: list[tuple[int, str, str, str]]


def mixture(own: str, foreign: str) -> Case:
    """A good line before and behind every bad one; blank lines and line ends of both kinds."""
    texts = [BOM + line(f"{own}/0").rstrip()]
    good = [f"{own}/0"]
    refused = []
    for number, bad in enumerate(BAD.values(), 1):
        own_bytes, foreign_bytes = own.encode(), foreign.encode()
        texts.append(bad.text.replace(b"P/", own_bytes + b"/").replace(b"Q/", foreign_bytes + b"/"))
        handle = bad.handle.replace("P/", f"{own}/").replace("Q/", f"{foreign}/")[:255]
        refused.append((len(texts), bad.kind, bad.rule, handle))
        if number % 3 == 0:
            texts.append(b" \t\r" if number % 2 else b"")
        good.append(f"{own}/{number}")
        texts.append(line(good[-1]).rstrip() + (b"\r" if number % 2 else b""))
    return Case(b"\n".join(texts), len(texts), good, refused)


async def judge(live: Live, case: Case, answer: Answer, *, again: bool = False) -> None:
    told = [
        (one["line"], kind_of(one), one["problem"].get("rule"), one["handle"])
        for one in answer.refused
    ]
    assert told == case.refused
    outcome = {"unchanged" if again else "created": len(case.good)}
    assert answer.totals == totals(**outcome, refused=len(case.refused))
    assert answer.last["lines"] == case.lines
    lines = [one["line"] for one in answer.verdicts if "line" in one]
    assert lines == sorted(lines)
    assert all(len(json.dumps(one)) < 20_000 for one in answer.verdicts)
    rows = await rows_of(live)
    assert {f"{prefix}/{suffix}" for prefix, suffix in rows} == set(case.good)
    assert await counted(live) == (len(case.good), len(case.good), 0)


async def rows_of(live: Live) -> dict[tuple[str, str], str]:
    """The public text of every row by prefix and suffix."""
    async with live.node.wiring.database.connection() as connection:
        rows = await connection.fetch(
            """SELECT p.prefix, i.suffix, i.public_values
                 FROM identifier i JOIN prefix p USING (prefix_id)"""
        )
    return {(row["prefix"], row["suffix"]): row["public_values"] for row in rows}


@pytest.mark.parametrize(
    ("chunk", "slices", "pieces"),
    [(10_000, 1_000, 1), (10_000, 1_000, 997), (1, 1_000, 1), (1, 1, 1), (2, 1, 1), (3, 5, 301)],
)
async def test_every_bad_line_is_refused_and_harms_no_neighbour(
    live: Live,
    owner: Enterprise,
    monkeypatch: pytest.MonkeyPatch,
    chunk: int,
    slices: int,
    pieces: int,
) -> None:
    """However lines are put together in chunks, and bytes in segments."""
    monkeypatch.setattr(Registering, "most", chunk)
    monkeypatch.setattr(stream, "SLICE", slices)
    foreign = await live.enterprise(OTHER)
    case = mixture(owner.prefix, foreign.prefix)
    await judge(live, case, await post(live, owner.key, case.body, pieces))
    again = await post(live, owner.key, case.body + b"\n\n", pieces)
    await judge(live, case._replace(lines=case.lines + 1), again, again=True)


# Those that are bad wherever they stand.
LONERS = sorted(BAD.keys() - {"other content", "foreign prefix", "BOM in the middle"})


async def test_a_bad_line_alone_and_last(live: Live, owner: Enterprise) -> None:
    for name in LONERS:
        bad = BAD[name]
        text = bad.text.replace(b"P/", owner.prefix.encode() + b"/")
        for number, body in enumerate((text, b"\n" + text + b"\n"), 1):
            answer = await post(live, owner.key, body)
            assert answer.kinds == {number: (bad.kind, bad.rule)}, name
            assert answer.totals == totals(refused=1)


async def test_segments_cut_anywhere(
    live: Live, owner: Enterprise, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Registering, "most", 3)
    texts = [
        BOM + line(f"{owner.prefix}/灯").rstrip() + b"\r",
        b"",
        b"{",
        line(f"{owner.prefix}/é\U0001f4a1").rstrip(),
        b'{"handle":"\xff"}',
        b"\r",
        line(f"{owner.prefix}/3").rstrip(),
    ]
    body = b"\n".join(texts)
    first = await post(live, owner.key, body)
    assert first.totals == totals(created=3, refused=2)
    expected = first.kinds
    assert expected.keys() == {3, 5}
    chance = random.Random(1)
    for pieces in [len(body), *(chance.sample(range(2, 60), 12))]:
        answer = await post(live, owner.key, body, pieces)
        assert answer.totals == totals(unchanged=3, refused=2)
        assert (answer.kinds, answer.last["lines"]) == (expected, 7)


class Pieces:
    """A body that arrives in pieces, as `lines` reads one."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = [piece for piece in pieces if piece]

    async def readany(self) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""


def cut(body: bytes, places: Sequence[int]) -> list[bytes]:
    marks = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    return [body[one:other] for one, other in pairwise(marks)]


@given(
    texts=st.lists(st.binary(max_size=12).map(lambda text: text.replace(b"\n", b"")), max_size=8),
    places=st.lists(st.integers(0, 200), max_size=30),
    ended=st.booleans(),
)
@settings(max_examples=400, deadline=None)
def test_lines_are_the_same_in_any_segments(
    texts: list[bytes], places: list[int], ended: bool
) -> None:
    """Those above the bound are cut, but stay above it, and take nothing of their neighbours."""
    limit = 6
    body = b"\n".join(texts) + (b"\n" if ended else b"")
    expected = body.split(b"\n")
    if not expected[-1]:
        expected.pop()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "MAX_LINE", limit)
        patch.setattr(stream, "SLICE", 3)
        found = asyncio.run(read_lines(cut(body, places)))
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one == other if len(other) <= limit else len(one) > limit
        assert other.startswith(one)


async def read_lines(pieces: Sequence[bytes]) -> list[bytes]:
    found: list[bytes] = []
    async for part in stream.lines(Pieces(pieces)):  # type: ignore[arg-type]
        assert len(part) <= stream.SLICE
        found += part
    return found


async def test_a_line_in_small_segments_costs_no_more_than_its_length(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Copying what is left of a line each time it grows would take a minute."""
    monkeypatch.setattr(stream, "MAX_LINE", 8 << 20)
    text = b"x" * (8 << 20)
    pieces = [text[start : start + 128] for start in range(0, len(text), 128)] + [b"\n", b"end"]
    pieces.reverse()

    class Popping(Pieces):
        async def readany(self) -> bytes:
            return pieces.pop() if pieces else b""

    began = time.thread_time()
    found = [one async for part in stream.lines(Popping([])) for one in part]  # type: ignore[arg-type]
    assert found == [text, b"end"]
    assert time.thread_time() - began < 10


async def test_what_is_kept_of_an_endless_line_is_bounded() -> None:
    left = 200

    class Endless(Pieces):
        async def readany(self) -> bytes:
            nonlocal left
            left -= 1
            return b"x" * (1 << 20) if left else b""

    found = [one async for part in stream.lines(Endless([])) for one in part]  # type: ignore[arg-type]
    assert [len(one) for one in found] == [stream.MAX_LINE + 1]


# --- bodies ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "lines"),
    [(b"", 0), (b"\n", 1), (b"\r\n \n\t\n\n", 4), (BOM, 1), (BOM + b"\r\n", 1), (b"   ", 1)],
)
async def test_bodies_without_a_registration(
    live: Live, owner: Enterprise, body: bytes, lines: int
) -> None:
    answer = await post(live, owner.key, body)
    assert (answer.totals, answer.last["lines"]) == (totals(), lines)
    assert [one["type"] for one in answer.verdicts] == ["summary"]
    headers = [f"Content-Length: {len(body)}"]
    async with sending(live, owner.key, headers=headers) as sender:
        await sender.write(body)
        assert (await sender.all()).last == answer.last
    assert await counted(live) == (0, 0, 0)


async def test_a_body_of_known_length_and_the_connection_afterwards(
    live: Live, owner: Enterprise
) -> None:
    body = page(owner.prefix, range(30)).rstrip()
    async with sending(live, owner.key, headers=[f"Content-Length: {len(body)}"]) as sender:
        for start in range(0, len(body), 100):
            await sender.write(body[start : start + 100])
        assert (await sender.all()).totals == totals(created=30)
        assert "x-request-id" in sender.head.lower()
        await sender.write(b"GET /healthz HTTP/1.1\r\nHost: node\r\n\r\n")
        assert await sender.status() in (200, 404)


async def test_an_old_client_gets_its_verdicts_until_the_connection_closes(
    live: Live, owner: Enterprise
) -> None:
    body = page(owner.prefix, range(3))
    headers = [f"Content-Length: {len(body)}"]
    async with sending(live, owner.key, headers=headers, version="1.0") as sender:
        await sender.write(body)
        assert await sender.status() == 200
        text = await sender._reader.read()
    assert json.loads(text.splitlines()[-1])["totals"] == totals(created=3)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_compressed_body(live: Live, owner: Enterprise, encoding: str) -> None:
    body = page(owner.prefix, range(12_000))
    packed = gzip.compress(body) if encoding == "gzip" else zlib.compress(body)
    headers = ["Transfer-Encoding: chunked", f"Content-Encoding: {encoding}"]
    answer = await post(live, owner.key, packed, pieces=50, headers=headers)
    assert answer.totals == totals(created=12_000)
    assert await counted(live) == (12_000, 12_000, 0)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_body_that_is_not_compressed_as_it_says_is_told(
    live: Live, owner: Enterprise, encoding: str
) -> None:
    headers = ["Transfer-Encoding: chunked", f"Content-Encoding: {encoding}"]
    async with sending(live, owner.key, headers=headers) as sender:
        await sender.part(page(owner.prefix, range(10)))
        broken = (await sender.all()).last
    assert (broken["type"], broken["problem"]["rule"]) == ("broken", "body-broken")
    assert broken["totals"] == totals()


async def test_broken_framing_is_told_and_whole_chunks_stay(
    live: Live, owner: Enterprise, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where aiohttp finds no chunk it says nothing and waits for ever."""
    monkeypatch.setattr(stream, "PAUSE", 0.05)
    monkeypatch.setattr(stream, "SILENCE", 1.0)
    async with sending(live, owner.key) as sender:
        await sender.part(page(owner.prefix, range(10)))
        await sender.until("committed")
        await sender.write(b"no length\r\n" + page(owner.prefix, range(10, 20)))
        answer = await sender.all()
    assert (answer.last["type"], answer.last["problem"]["status"]) == ("broken", 422)
    assert answer.last["problem"]["rule"] in ("body-broken", "body-silent")
    assert answer.last["totals"] == totals(created=10)
    assert await counted(live) == (10, 10, 0)


async def test_a_silent_client_is_told_and_let_go(
    live: Live, owner: Enterprise, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "PAUSE", 0.05)
    monkeypatch.setattr(stream, "SILENCE", 0.3)
    async with sending(live, owner.key) as sender:
        await sender.part(line(f"{owner.prefix}/1") + b'{"handle":')
        answer = await sender.all()
    assert (answer.last["type"], answer.last["problem"]["rule"]) == ("broken", "body-silent")
    assert answer.last["totals"] == totals(created=1)


# --- who may, and how ------------------------------------------------------------------------


@pytest.mark.parametrize("framing", ["Transfer-Encoding: chunked", "Content-Length: 1000000"])
async def test_without_a_key_it_is_refused_before_a_byte_is_read(live: Live, framing: str) -> None:
    for key in (None, "bsk_wrong"):
        async with sending(live, key, headers=[framing]) as sender:
            assert await sender.status() == 401
            assert "application/problem+json" in sender.head


async def test_an_unknown_parameter_is_refused(live: Live, owner: Enterprise) -> None:
    async with sending(live, owner.key, query="?dryrun=1") as sender:
        assert await sender.status() == 422


async def test_other_media_types_are_read_as_a_list(live: Live, owner: Enterprise) -> None:
    body = page(owner.prefix, range(2))
    reply = await live.ask(
        "POST",
        "/v1/identifiers",
        key=owner.key,
        data=body,
        headers={"Content-Type": "application/json"},
    )
    assert reply.status == 422
    typed = {"Content-Type": "Application/X-NDJSON; charset=utf-8", "Authorization": "Bearer "}
    typed["Authorization"] += owner.key
    async with live.session.post(
        f"{live.url}/v1/identifiers", data=body, headers=typed
    ) as response:
        assert json.loads((await response.text()).splitlines()[-1])["totals"] == totals(created=2)


async def test_a_dry_run_judges_all_and_writes_nothing(live: Live, owner: Enterprise) -> None:
    await post(live, owner.key, page(owner.prefix, range(5)))
    seen = await metric(live, 'biaoshi_registration_verdicts_total{outcome="created"')
    body = page(owner.prefix, range(8)) + page(owner.prefix, range(5), "other") + b"{\n"
    tried = await post(live, owner.key, body, query="?dry_run=true")
    assert tried.totals == totals(created=3, unchanged=5, refused=6)
    assert await counted(live) == (5, 5, 0)
    assert await metric(live, 'biaoshi_registration_verdicts_total{outcome="created"') == seen
    real = await post(live, owner.key, body)
    assert real.verdicts == tried.verdicts
    assert await counted(live) == (8, 8, 0)


async def test_reviving_when_asked(live: Live, owner: Enterprise) -> None:
    body = page(owner.prefix, range(3))
    await post(live, owner.key, body)
    gone = f"{owner.prefix}/SN000001"
    await live.ask("DELETE", f"/v1/identifiers/{gone}", key=owner.key)
    answer = await post(live, owner.key, body)
    assert answer.totals == totals(unchanged=2, refused=1)
    assert answer.kinds == {2: ("identifier-withdrawn", "identifier-withdrawn")}
    assert answer.refused[0]["handle"] == gone
    assert (await post(live, owner.key, body, query="?revive=true")).totals == totals(
        unchanged=2, revived=1
    )
    assert (await live.ask("GET", f"/v1/resolve/{gone}")).status == 200
    assert await counted(live) == (3, 3, 0)


async def test_metrics_count_verdicts(live: Live, owner: Enterprise) -> None:
    await post(live, owner.key, page(owner.prefix, range(3)) + b"{\n{\n")
    for outcome, number in totals(created=3, refused=2).items():
        sample = f'biaoshi_registration_verdicts_total{{outcome="{outcome}",surface="stream"}}'
        assert await metric(live, sample) == number


async def test_lines_get_the_time_of_their_chunk(live: Live, owner: Enterprise) -> None:
    """Not that of the stream's beginning."""
    async with sending(live, owner.key) as sender:
        await sender.part(line(f"{owner.prefix}/1"))
        await sender.until("committed")
        await asyncio.sleep(1.1)
        await sender.part(line(f"{owner.prefix}/2"))
        await sender.end()
        assert (await sender.all()).totals == totals(created=2)
    times = [json.loads(text)[0]["timestamp"] for text in (await rows_of(live)).values()]
    assert len(set(times)) == 2


# --- who waits for whom ----------------------------------------------------------------------


async def test_verdicts_come_while_lines_are_sent(
    live: Live, owner: Enterprise, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "PAUSE", 60.0)  # full chunks alone
    async with sending(live, owner.key) as sender:
        await sender.part(page(owner.prefix, range(10_000)))
        first = await sender.until("committed")
        assert first == {"type": "committed", "line": 10_000, "totals": totals(created=10_000)}
        assert await counted(live) == (10_000, 10_000, 0)
        await sender.part(page(owner.prefix, range(10_000, 25_000)))
        assert (await sender.until("committed"))["line"] >= 20_000
        await sender.part(b"{")
        await sender.end()
        answer = await sender.all()
    assert answer.totals == totals(created=25_000, refused=1)
    assert answer.kinds.keys() == {25_001}
    assert [one["line"] for one in answer.committed][-1] == 25_001


async def test_what_came_before_a_rest_is_committed(live: Live, owner: Enterprise) -> None:
    """So that a client may wait for verdicts on the little it has, and go on."""
    async with sending(live, owner.key) as sender:
        for number in range(3):
            await sender.part(line(f"{owner.prefix}/{number}") + b"{\n" + b'{"handle":')
            told = await sender.until("committed")
            assert told["line"] == 3 * number + 2
            assert told["totals"] == totals(created=number + 1, refused=2 * number + 1)
            await sender.part(b"}\n")
        await sender.end()
        assert (await sender.all()).totals == totals(created=3, refused=6)
    assert await counted(live) == (3, 3, 0)


async def test_a_stall_anywhere_does_no_harm(
    live: Live, owner: Enterprise, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "PAUSE", 0.02)
    body = page(owner.prefix, range(4))
    async with sending(live, owner.key) as sender:
        for start in range(0, len(body), 31):
            await sender.part(body[start : start + 31])
            await asyncio.sleep(0.05)
        await sender.end()
        answer = await sender.all()
    assert answer.totals == totals(created=4)
    assert [one["line"] for one in answer.committed] == [1, 2, 3, 4]


async def test_a_suspended_enterprise_is_refused_from_the_next_chunk_on(
    live: Live, owner: Enterprise
) -> None:
    async with sending(live, owner.key) as sender:
        await sender.part(page(owner.prefix, range(5)))
        await sender.until("committed")
        await live.node.wiring.enterprises.suspend(console(), owner.enterprise_id, "欠费")
        await sender.part(page(owner.prefix, range(5, 8)))
        assert kind_of(await sender.until("refused")) == "enterprise-suspended"
        await sender.until("committed")
        await live.node.wiring.enterprises.resume(console(), owner.enterprise_id)
        await sender.part(page(owner.prefix, range(8, 10)))
        await sender.end()
        answer = await sender.all()
    assert answer.totals == totals(created=7, refused=3)
    assert await counted(live) == (7, 7, 0)


# --- how it ends -----------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["in a line", "in the framing", "behind a line"])
async def test_a_client_that_vanishes_leaves_whole_chunks(
    live: Live, owner: Enterprise, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(Registering, "most", 1_000)
    requests = 'biaoshi_requests_total{operation="registerIdentifiers"'
    with capture_logs() as logs:
        async with sending(live, owner.key) as sender:
            await sender.part(page(owner.prefix, range(2_500)))
            await sender.until("committed")
            if where == "in a line":
                await sender.part(b'{"handle":"' + owner.prefix.encode())
            elif where == "in the framing":
                await sender.write(b"ff\r\n{")
            sender.break_off()
        # The node goes on, and its part of the stream ends.
        await eventually(lambda: metric(live, requests))
    rows, batched, wrong = await counted(live)
    assert 1_000 <= rows < 2_500
    assert (batched, wrong) == (rows, 0)
    suffixes = sorted(suffix for _, suffix in await rows_of(live))
    assert suffixes == [f"SN{number:06}" for number in range(rows)], "nothing half"
    events = {entry["event"] for entry in logs if entry["log_level"] in ("error", "warning")}
    assert not events, "the client went, nothing failed"
    answer = await post(live, owner.key, page(owner.prefix, range(2_500)))
    assert answer.totals == totals(created=2_500 - rows, unchanged=rows)
    assert await counted(live) == (2_500, 2_500, 0)


async def test_a_client_that_vanishes_without_reading(
    live: Live, owner: Enterprise, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verdicts that nobody takes fail the stream, and nothing else."""
    monkeypatch.setattr(Registering, "most", 50)
    requests = 'biaoshi_requests_total{operation="registerIdentifiers"'
    with capture_logs() as logs:
        for _ in range(5):
            async with sending(live, owner.key) as sender:
                await sender.part(b"{\n" * 5_000)
                sender.break_off()
        await eventually(lambda: metric(live, requests))
        await asyncio.sleep(0.2)
    assert {entry["event"] for entry in logs} <= {"request"}
    assert (await post(live, owner.key, line(f"{owner.prefix}/1"))).totals == totals(created=1)


@asynccontextmanager
async def away(server: EmbeddedPostgres, url: str) -> AsyncIterator[None]:
    """Nobody gets at the database meanwhile, and whoever was is thrown out."""
    name = url.partition("?")[0].rpartition("/")[2]
    connection = await asyncpg.connect(server.url_of("postgres", "postgres"))
    try:
        await connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name
        )
        yield
    finally:
        await connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        await connection.close()


async def test_a_lost_database_breaks_the_stream_and_sending_again_completes_it(
    live: Live, owner: Enterprise, postgres_server: EmbeddedPostgres, database_url: str
) -> None:
    body = page(owner.prefix, range(25_000))
    async with sending(live, owner.key) as sender:
        await sender.part(page(owner.prefix, range(12_000)))
        told = await sender.until("committed")
        async with away(postgres_server, database_url):
            await sender.part(page(owner.prefix, range(12_000, 25_000)))
            broken = await sender.until("broken")  # at once, though more could follow
            assert await sender.next() is None
    problem = broken["problem"]
    assert (problem["status"], problem["type"]) == (503, "/docs/problems#unavailable")
    known = broken["totals"]["created"]
    assert known >= told["totals"]["created"] >= 10_000
    rows, batched, wrong = await counted(live)
    assert (rows, wrong) == (batched, 0)
    assert rows >= known
    answer = await post(live, owner.key, body)
    assert answer.totals == totals(created=25_000 - rows, unchanged=rows)
    assert await counted(live) == (25_000, 25_000, 0)


async def test_a_database_lost_while_the_client_waits_is_told(
    live: Live, owner: Enterprise, postgres_server: EmbeddedPostgres, database_url: str
) -> None:
    async with sending(live, owner.key) as sender:
        await sender.part(line(f"{owner.prefix}/1"))
        await sender.until("committed")  # so the key has been looked at
        async with away(postgres_server, database_url):
            await sender.part(line(f"{owner.prefix}/2"))
            assert (await sender.until("broken"))["totals"] == totals(created=1)


async def test_a_fault_of_the_node_is_told_without_its_words(
    live: Live, owner: Enterprise, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("secret words")

    async with sending(live, owner.key) as sender:
        await sender.part(line(f"{owner.prefix}/1"))
        await sender.until("committed")
        with capture_logs() as logs, monkeypatch.context() as patch:
            patch.setattr(type(live.node.wiring.bulk), "commit", fail)
            await sender.part(line(f"{owner.prefix}/2"))
            broken = (await sender.all()).last
    assert broken["problem"] == {"type": "about:blank", "title": "Internal error", "status": 500}
    assert broken["totals"] == totals(created=1)
    [crash] = [entry for entry in logs if entry["event"] == "request-crashed"]
    assert crash["error"] == "RuntimeError"
    assert "secret" not in str(logs)


# --- beside others ---------------------------------------------------------------------------


async def test_several_streams_and_everyone_else(live: Live, owner: Enterprise) -> None:
    """Streams that overlap, single registrations and resolutions: all are served."""
    await post(live, owner.key, line(f"{owner.prefix}/known"))
    streaming = [
        asyncio.ensure_future(
            post(live, owner.key, page(owner.prefix, range(start, start + 30_000)))
        )
        for start in (0, 10_000, 20_000)
    ]
    loop = asyncio.get_running_loop()
    outcomes: Counter[tuple[str, int]] = Counter()
    seconds: dict[str, list[float]] = {"GET": [], "PUT": []}
    number = 0
    while not all(task.done() for task in streaming):
        number += 1
        for method, path, options in [
            ("GET", f"/v1/resolve/{owner.prefix}/known", {}),
            ("PUT", f"/v1/identifiers/{owner.prefix}/single-{number}", {"json": {"values": []}}),
        ]:
            began = loop.time()
            reply = await live.ask(method, path, key=owner.key, **options)
            seconds[method].append(loop.time() - began)
            outcomes[method, reply.status] += 1
    answers = [await task for task in streaming]
    created = sum(answer.totals["created"] for answer in answers)
    assert created == 50_000
    assert sum(answer.totals["unchanged"] for answer in answers) == 40_000
    assert outcomes.keys() == {("GET", 200), ("PUT", 201)}
    assert await counted(live) == (50_001 + number, 50_001 + number, 0)
    for method, times in seconds.items():
        times.sort()
        p99 = times[int(len(times) * 0.99)]
        print(f"{method}: {len(times)} beside three streams, p99 {p99 * 1000:.0f} ms")


def test_what_a_refusal_tells_is_bounded() -> None:
    told = stream.refused(1, "a/b", InvalidJson("x" * 5_000, field="y" * 5_000, rule="json-type"))
    assert (len(told.problem.detail), len(told.problem.field or "")) == (1_000, 1_000)
    told = stream.refused(1, "a/b", InvalidInput("x" * 5_000))
    assert (len(told.problem.detail), told.problem.field) == (1_000, None)


async def test_what_a_reader_remembers_is_bounded(live: Live) -> None:
    """Prefixes and shapes are forgotten with each chunk."""
    terms = Terms(console(), Method.STREAM)
    course = Registering(live.node.wiring, terms)
    reader = stream.LineReader(course)
    for start in range(0, 3_000, 1_000):
        chunk = stream.Chunk()
        reader.take([line(f"88.{n}.1/x") for n in range(start, start + 1_000)], chunk)
        assert len(course._canonical) == 1_000
    assert reader.count == 3_000


async def test_a_line_is_what_a_single_registration_would_have_stored(
    live: Live, owner: Enterprise
) -> None:
    values = [
        {"index": 1, "type": "URL", "data": {"format": "string", "value": 'a"b,"timestamp":"x"'}},
        {"index": 2, "type": "X.灯", "data": "é", "ttl": "2027-01-01T08:00:00+08:00"},
        {"index": 3, "type": "B", "data": {"format": "hex", "value": "00ff"}},
        {"index": 7, "type": "X.COST", "data": "12.80", "permissions": "1100"},
        {"index": 300, "type": "HS_SECKEY", "data": "geheim"},
    ]
    shown = []
    for count in range(len(values) + 1):
        one, other = f"{owner.prefix}/s{count}", f"{owner.prefix}/p{count}"
        text = json.dumps({"handle": one, "values": values[:count]}).encode()
        assert (await post(live, owner.key, text)).totals == totals(created=1)
        body = {"values": values[:count]}
        path = f"/v1/identifiers/{other}"
        assert (await live.ask("PUT", path, key=owner.key, json=body)).status == 201
        for handle in (one, other):
            record = await live.ask("GET", f"/v1/identifiers/{handle}", key=owner.key)
            shown.append([value | {"timestamp": ""} for value in record.body["values"]])
        assert shown[-1] == shown[-2]
        assert len(shown[-1]) == count
        # Either way confirms what the other wrote.
        again = json.dumps({"handle": other, "values": values[:count]}).encode()
        assert (await post(live, owner.key, again)).totals == totals(unchanged=1)
        path = f"/v1/identifiers/{one}"
        assert (await live.ask("PUT", path, key=owner.key, json=body)).status == 200
    assert Identifier.parse(one).prefix == owner.prefix
