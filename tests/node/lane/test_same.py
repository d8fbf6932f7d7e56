"""Whatever is sent, a node with the lane answers it as one without: byte for byte."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from tests.node.lane.conftest import Pair, converse, exchange, stripped
from tests.node.live import OTHER

BYE = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
HOST = b"\r\nHost: 127.0.0.1\r\n"


def request(line: str, *fields: str, body: bytes = b"", host: str = "Host: x") -> bytes:
    lines = [line + " HTTP/1.1", *([host] if host else []), *fields]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def prepare(pair: Pair) -> None:
    """Records of every kind: alive, templated, withdrawn, without public values, large."""
    owner = pair.owner
    values = [{"index": 1, "type": "URL", "data": 'https://example.com/ä"\\'}]
    wanted = {
        "SN1": values,
        "Sn-two~(x)": values,
        "a/b": values,
        "灯 1": values,
        "GONE": values,
        "PRIVATE": [values[0] | {"permissions": "1100"}],
        "LARGE": [{"index": 1, "type": "TEXT", "data": "x" * 60_000}],
    }
    items = [{"handle": f"{owner.prefix}/{name}", "values": v} for name, v in wanted.items()]
    listed = await pair.plain.ask("POST", "/v1/identifiers", key=owner.key, json=items)
    assert listed.body["totals"] == {"created": len(wanted)}
    gone = await pair.plain.ask("DELETE", f"/v1/identifiers/{owner.prefix}/GONE", key=owner.key)
    assert gone.status == 200
    item = {"idIndex": 2000, "idType": "URL", "name": "网址", "pattern": "https://t/{suffix:url}"}
    templates = f"/v1/prefixes/{owner.prefix}/templates"
    made = await pair.plain.ask(
        "POST", templates, key=owner.key, json={"version": "t", "items": [item]}
    )
    assert made.status == 201
    put = await pair.plain.ask(
        "PUT",
        f"/v1/identifiers/{owner.prefix}/TEMPLATED",
        key=owner.key,
        json={"template": "t", "attributes": {}},
    )
    assert put.status == 201
    await pair.plain.applied(OTHER)


def simple(prefix: str) -> list[bytes]:
    """Requests that the lane answers."""
    return [
        request(f"GET /api/handles/{prefix}/SN1"),
        request(f"GET /api/handles/{prefix}/sn1", "User-Agent: a", "Accept: */*"),
        request(f"GET /v1/resolve/{prefix}/SN1", "Connection: keep-alive"),
        request(f"GET /v1/resolve/{prefix}/sn-TWO~(X)", "accept-encoding: gzip, br"),
        request(f"GET /api/handles/{prefix}/TEMPLATED", "Cookie: a=b; c=d"),
        request(f"GET /v1/resolve/{prefix}/TEMPLATED", "X-Forwarded-For: 192.0.2.1, 198.51.100.7"),
        request(f"GET /api/handles/{prefix}/LARGE", "Cache-Control: no-cache"),
        request(f"GET /v1/resolve/{prefix}/a/b", "Connection:  Keep-Alive "),
        request(f"GET /api/handles/{prefix}/SN1", "HOST:[::1]:80", host=""),
        request(f"GET /{prefix}/SN1"),
        request(f"GET /{prefix}/sn1", "Accept: application/json"),
        request(f"GET /{prefix}/TEMPLATED", "Accept: text/html;q=0.5, */*"),
    ]


def others(prefix: str, key: str) -> list[bytes]:
    """Requests that are aiohttp's, none of which ends the connection."""
    ok = f"/api/handles/{prefix}/SN1"
    v1 = f"/v1/resolve/{prefix}/SN1"
    body = b'{"values":[]}'
    length = f"Content-Length: {len(body)}"
    return [
        request(f"HEAD {ok}"),
        request(f"GET /{prefix}/SN1", "Accept: text/html"),
        request(f"GET /{prefix}/SN1", "Accept: application/linkset+json"),
        request(f"GET /{prefix}/SN1?redirect"),
        request(f"GET /{prefix}/PRIVATE"),
        request(f"GET /{prefix}/GONE"),
        request("GET /01/09506000134352/21/7"),
        request("GET /01/x"),
        request("GET /7"),
        request(f"OPTIONS {ok}"),
        request(f"POST {ok}", "Content-Length: 0"),
        request(f"GET {ok}?type=URL"),
        request(f"GET {ok}?"),
        request(f"GET {v1}?recursive=false"),
        request(f"GET {v1}?nonsense=1"),
        request(f"GET {ok}", 'If-None-Match: "1"'),
        request(f"GET {v1}", "If-None-Match: *"),
        request(f"GET {ok}", "Authorization: Basic YTpi"),
        request(f"GET {v1}", f"Authorization: Bearer {key}"),
        request(f"GET {v1}", "Authorization: Bearer wrong"),
        request(f"GET {ok}", "Origin: https://page.example"),
        request(f"GET {ok}", "X-Request-Id: of-the-client-1"),
        request(f"GET {ok}", "Range: bytes=0-3"),
        request(f"GET {ok}", "X-Unknown: 1"),
        request(f"GET {ok}", "Content-Length: 0"),
        request(f"GET {ok}", length, body=body),
        request(f"GET {ok}", "Content-Length: 5", "Content-Type: text/plain", body=b"GET /"),
        request(f"GET http://127.0.0.1{ok}"),
        request(f"GET /api/handles/{prefix}/%E7%81%AF%201"),
        request(f"GET /api/handles/{prefix}/a%2Fb"),
        request(f"GET /api/handles/{prefix}%2FSN1"),
        request(f"GET /api/handles/{prefix}/GONE"),
        request(f"GET /v1/resolve/{prefix}/GONE"),
        request(f"GET /api/handles/{prefix}/PRIVATE"),
        request(f"GET /v1/resolve/{prefix}/PRIVATE"),
        request(f"GET /api/handles/{prefix}/NOT-THERE"),
        request(f"GET /v1/resolve/{prefix}/NOT-THERE"),
        request("GET /api/handles/88.118.999/X"),
        request("GET /v1/resolve/20.500.1/X?recursive=false"),
        request(f"GET /api/handles/{prefix}"),
        request(f"GET /api/handles/{prefix}/"),
        request(f"GET /api/handles/0.NA/{prefix}"),
        request(f"GET /api/handles/{prefix}/../SN1"),
        request(f"GET /api/handles/{prefix}/./SN1"),
        request(f"GET /api/handles/{prefix}//SN1"),
        request(f"GET //api/handles/{prefix}/SN1"),
        request(f"GET /api/handles/{prefix}/SN1/"),
        request(f"GET /api/handles/{prefix}/SN1#x"),
        request(f"GET /v1/resolve/hdl:{prefix}/SN1"),
        request("GET /v1/resolve/1.2.156.1"),
        request(f"GET /v1/resolve/{prefix}/" + "x" * 300),
        request(f"PUT /v1/identifiers/{prefix}/SN1", length, body=body),
        request(f"PUT {ok}", length, body=body),
        request(f"POST {ok}", "Transfer-Encoding: chunked", body=b"3\r\nabc\r\n0\r\n\r\n"),
        request("GET /nowhere"),
        request("GET /livez"),
        request(f"GET {ok}", "Accept: a", "Accept: b"),
        request(f"GET {ok}", "Upgrade: websocket", "Connection: Upgrade"),
        request(f"PROPFIND {ok}"),
    ]


def broken(prefix: str, key: str) -> list[bytes]:
    """What ends a connection."""
    ok = f"GET /api/handles/{prefix}/SN1"
    return [
        request(ok, host=""),
        request(f"BREW /api/handles/{prefix}/SN1"),
        request(ok, "Connection: close"),
        ok.encode() + b" HTTP/1.0\r\nHost: x\r\n\r\n",
        ok.encode() + b" HTTP/1.0\r\nHost: x\r\nConnection: close\r\n\r\n",
        ok.encode() + b"\r\n\r\n",
        ok.encode() + b" HTTP/2.0\r\nHost: x\r\n\r\n",
        ok.encode() + b" HTTP/1.1\nHost: x\n\n",
        ok.encode() + b" HTTP/1.1\r\nHost: x\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ok.encode() + b" HTTP/1.1\r\n Host: x\r\n\r\n",
        request(ok, "Content-Length: x"),
        request(ok, "Content-Length: 1", "Content-Length: 2", body=b"ab"),
        request(ok, "Content-Length: 3", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
        request(ok, "Transfer-Encoding : chunked", body=b"0\r\n\r\n"),
        request(ok, "Bad Name: x"),
        request(ok, "Accept: a\x00b"),
        request(ok, "X-Long: " + "x" * 9000),
        request(ok, *[f"X-{number}: y" for number in range(200)]),
        request(f"GET /api/handles/{prefix}/" + "x" * 9000),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
        b"GET\r\n\r\n",
        b"\r\n\r\n" + BYE,
    ]


async def same(pair: Pair, chunks: Sequence[bytes]) -> bytes:
    """What the node with the lane answers, which is what the other does."""
    by_lane = await exchange(pair.lane, chunks)
    by_aiohttp = await exchange(pair.plain, chunks)
    assert stripped(by_lane) == stripped(by_aiohttp), chunks
    return by_lane


async def test_each_request_cold_and_warm(pair: Pair) -> None:
    await prepare(pair)
    prefix, key = pair.owner.prefix, pair.owner.key
    for _ in ("cold", "warm"):
        for one in simple(prefix):
            answers = await same(pair, [one + BYE])
            assert answers.startswith(b"HTTP/1.1 200"), one
            assert pair.by_lane(answers) == 1, one
        for one in others(prefix, key):
            answers = await same(pair, [one + BYE])
            assert pair.by_lane(answers) == 0, one
            assert answers.count(b"HTTP/1.1 ") == 2, one
    for one in broken(prefix, key):
        await same(pair, [one + BYE])


async def test_requests_one_after_the_other(pair: Pair) -> None:
    """On one connection, each sent when the answer to the one before is there."""
    await prepare(pair)
    prefix, key = pair.owner.prefix, pair.owner.key
    chance = random.Random(1)
    mixed = [*simple(prefix) * 5, *others(prefix, key)]
    chance.shuffle(mixed)
    # Those after which it is aiohttp's for good come last.
    mixed.sort(key=lambda one: b"Transfer-Encoding" in one or b"Upgrade" in one)
    for last in [BYE, *broken(prefix, key)]:
        requests = chance.sample(mixed, 12) if last != BYE else mixed
        by_lane = await converse(pair.lane, requests, last)
        by_aiohttp = await converse(pair.plain, requests, last)
        assert [stripped(a) for a in by_lane] == [stripped(a) for a in by_aiohttp], last
        assert last != BYE or pair.by_lane(b"".join(by_lane)) >= 20


@pytest.mark.parametrize("seed", range(6))
async def test_requests_in_any_pieces(pair: Pair, seed: int) -> None:
    """Any requests behind each other, cut anywhere: in the same order, and the same. Not those
    that end the connection: aiohttp drops whatever came in one piece with them, the lane less."""
    await prepare(pair)
    prefix, key = pair.owner.prefix, pair.owner.key
    chance = random.Random(seed)
    plain, rest = simple(prefix), others(prefix, key)
    lanes = 0
    for _ in range(25):
        few = [
            chance.choice(plain if chance.random() < 0.7 else rest)
            for _ in range(chance.randint(1, 8))
        ]
        stream = b"".join([*few, BYE])
        cuts = sorted(chance.sample(range(1, len(stream)), chance.randint(0, 4)))
        chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
        lanes += pair.by_lane(await same(pair, chunks))
    assert lanes > 0


async def test_many_requests_behind_each_other(pair: Pair) -> None:
    """More than is answered at once, some of them to be looked up: in order."""
    await prepare(pair)
    prefix = pair.owner.prefix
    large = request(f"GET /api/handles/{prefix}/LARGE")
    absent = request(f"GET /api/handles/{prefix}/NOT-THERE")
    small = request(f"GET /v1/resolve/{prefix}/SN1")
    answers = await same(pair, [large * 40 + small * 300 + absent + small * 10 + BYE])
    assert answers.count(b"HTTP/1.1 200") == 350
    assert pair.by_lane(answers) >= 340
