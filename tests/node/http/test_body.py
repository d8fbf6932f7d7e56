"""Request bodies as they come off a real socket, and what is decoded of them."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from typing import Annotated

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from msgspec import Meta

from node.http import body as bodies
from node.http.body import InvalidJson, convert, decode
from registry.errors import BiaoshiError, InvalidInput

LIMIT = 1000


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    number: Annotated[int, Meta(ge=1)]


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    inner: list[Inner] = []
    text: str = ""


@pytest.fixture
async def server() -> AsyncIterator[TestServer]:
    """Answers with the length of a body, or the rule it broke."""

    async def length(request: web.Request) -> web.Response:
        try:
            return web.Response(text=str(len(await bodies.read(request, LIMIT))))
        except BiaoshiError as error:
            return web.Response(text=f"{type(error).__name__} {error.rule}")

    app = web.Application()
    app.router.add_post("/", length)
    async with TestServer(app) as server:
        yield server


async def post(server: TestServer, data: object, **headers: str) -> str:
    async with (
        aiohttp.ClientSession(auto_decompress=False) as session,
        session.post(server.make_url("/"), data=data, headers=headers) as response,
    ):
        return await response.text()


async def chunked(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def test_lengths(server: TestServer) -> None:
    assert await post(server, b"") == "0"
    assert await post(server, b"x" * LIMIT) == str(LIMIT)
    assert await post(server, chunked(b"x" * 600, b"x" * 400)) == str(LIMIT)
    assert await post(server, b"x" * (LIMIT + 1)) == "TooLarge body-limit"
    assert await post(server, chunked(b"x" * 600, b"x" * 401)) == "TooLarge body-limit"


async def test_a_compressed_body_is_measured_unpacked(server: TestServer) -> None:
    small, bomb = gzip.compress(b"x" * LIMIT), gzip.compress(b"\0" * 10_000_000)
    encoded = {"Content-Encoding": "gzip"}
    assert await post(server, small, **encoded) == str(LIMIT)
    assert await post(server, chunked(bomb[:500], bomb[500:]), **encoded) == "TooLarge body-limit"


async def test_what_is_not_packed_as_it_says(server: TestServer) -> None:
    for content in (b"not gzip at all", gzip.compress(b"x" * 900)[:-9]):
        answer = await post(server, content, **{"Content-Encoding": "gzip"})
        assert answer in ("InvalidInput body-broken", "0", "900")
    answer = await post(server, b"not gzip at all", **{"Content-Encoding": "gzip"})
    assert answer == "InvalidInput body-broken"


async def test_broken_chunks(server: TestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "SILENCE", 0.2)
    assert server.port
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    writer.write(head)
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.write(b"zz\r\nabc\r\n0\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(4096), 60)
    writer.close()
    assert b"InvalidInput body-broken" in answer or answer.startswith(b"HTTP/1.1 400")


async def test_a_body_that_stops_coming(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "SILENCE", 0.2)

    async def stopping() -> AsyncIterator[bytes]:
        yield b"abc"
        await asyncio.sleep(0.6)

    assert await post(server, stopping()) == "InvalidInput body-broken"


async def test_a_client_that_hangs_up(server: TestServer) -> None:
    assert server.port
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nabc")
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.close()
    await writer.wait_closed()
    assert await post(server, b"x") == "1"


@pytest.mark.parametrize(
    ("text", "rule", "field"),
    [
        ('{"inner": [{"number": 1}, {"number": 0}]}', "json-type", "inner[1].number"),
        ('{"inner": [{"number": "1"}]}', "json-type", "inner[0].number"),
        ('{"inner": [{}]}', "json-type", "inner[0].number"),
        ('{"inner": [{"number": 1, "colour": 1}]}', "json-type", "inner[0].colour"),
        ('{"colour": "red"}', "json-type", "colour"),
        ("[]", "json-type", None),
        ('{"text": null}', "json-type", "text"),
        ('{"text": "a"', "json-syntax", None),
        ('{"text": "a"}}', "json-syntax", None),
        ("{'text': 'a'}", "json-syntax", None),
        ('{"text": "\\ud800"}', "json-syntax", None),
        ('{"text": NaN}', "json-syntax", None),
        ("", "json-syntax", None),
    ],
)
def test_json_that_does_not_fit(text: str, rule: str, field: str | None) -> None:
    with pytest.raises(InvalidJson) as refusal:
        decode(text.encode(), Outer)
    assert (refusal.value.rule, refusal.value.field) == (rule, field)
    assert refusal.value.detail


def test_json_that_no_program_should_send() -> None:
    for content in (b'{"text": "\xff"}', b'{"text": "\xed\xa0\x80"}', b"\xff\xfe{\0}\0"):
        with pytest.raises(InvalidJson):
            decode(content, Outer)
    with pytest.raises(InvalidJson) as refusal:
        decode(b'{"x": ' + b"[" * 100_000, dict)
    assert refusal.value.rule == "json-depth"


def test_the_place_within_something_larger() -> None:
    with pytest.raises(InvalidJson) as refusal:
        decode(b'{"inner": [{"number": 0}]}', Outer, field="[3]")
    assert refusal.value.field == "[3].inner[0].number"


def test_texts_become_what_the_type_says() -> None:
    class Query(msgspec.Struct, forbid_unknown_fields=True):
        number: Annotated[int, Meta(ge=1)] = 1
        flag: bool = False
        words: tuple[str, ...] = ()

    query = convert({"number": "7", "flag": "true", "words": ["a", "1"]}, Query)
    assert (query.number, query.flag, query.words) == (7, True, ("a", "1"))
    for values, field in (
        ({"number": "0"}, "number"),
        ({"number": "x"}, "number"),
        ({"number": "9" * 5000}, "number"),
        ({"flag": "perhaps"}, "flag"),
        ({"colour": "red"}, "colour"),
    ):
        with pytest.raises(InvalidInput) as refusal:
            convert(values, Query)
        assert (refusal.value.rule, refusal.value.field) == ("parameter", field)
