"""Registrations through the lane: what it answers is what aiohttp answers, and what it leaves to
aiohttp changes nothing before."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import pytest

from registry.access import keyring
from tests.node.lane.conftest import Pair, converse, exchange, stripped
from tests.node.lane.test_same import BYE, request
from tests.node.live import OTHER, Live

BODY = b'{"values":[{"index":1,"type":"URL","data":"https://example.com/\xc3\xa4"}]}'


@pytest.fixture(autouse=True)
def _long_trust(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys stay trusted on a machine that is slow."""
    monkeypatch.setattr(keyring, "TRUST", timedelta(hours=1))


def put(handle: str, key: str, *more: str, body: bytes = BODY, query: str = "") -> bytes:
    fields = [
        f"Authorization: Bearer {key}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *more,
    ]
    return request(f"PUT /v1/identifiers/{handle}{query}", *fields, body=body)


def named(answers: bytes, name: str) -> bytes:
    """Without what differs between two identifiers and two registrations."""
    answers = stripped(answers).replace(name.encode(), b"NAME")
    return re.sub(rb'"batch":[0-9]+', b'"batch":0', re.sub(rb"Length: [0-9]+", b"Length:", answers))


async def trusted(pair: Pair) -> None:
    """Both nodes have seen the key."""
    for live in (pair.lane, pair.plain):
        one = put(f"{pair.owner.prefix}/FIRST", pair.owner.key)
        assert b" 20" in await exchange(live, [one + BYE])


async def test_created_and_unchanged(pair: Pair) -> None:
    await trusted(pair)
    told = {}
    for live, name in ((pair.lane, "Lane-1"), (pair.plain, "Plain-1")):
        one = put(f"{pair.owner.prefix}/{name}", pair.owner.key)
        answers = [await exchange(live, [one + BYE]) for _ in range(2)]
        assert answers[0].startswith(b"HTTP/1.1 201 Created\r\n")
        assert answers[1].startswith(b"HTTP/1.1 200 OK\r\n")
        if live is pair.lane:
            assert [pair.by_lane(answer) for answer in answers] == [1, 1]
        told[name] = [named(answer, name) for answer in answers]
    assert told["Lane-1"] == told["Plain-1"]
    for name in told:
        shown = await pair.plain.ask(
            "GET", f"/v1/identifiers/{pair.owner.prefix}/{name}", key=pair.owner.key
        )
        assert shown.body["values"][0]["data"]["value"] == "https://example.com/ä"


async def test_what_is_not_granted(pair: Pair) -> None:
    """Refusals, and everything that needs more than the lane knows: the same from both."""
    await trusted(pair)
    other = await pair.plain.enterprise(OTHER)
    prefix, key = pair.owner.prefix, pair.owner.key
    taken = f"{prefix}/FIRST"
    cases = [
        put(taken, key, body=b'{"values":[]}'),
        put(taken, key, body=b"{"),
        put(taken, key, body=b'{"values":[],"unknown":1}'),
        put(taken, key, body=b'{"values":[{"index":0,"type":"","data":""}]}'),
        put(taken, key, body=b"\xff"),
        put(taken, key, body=b'{"template":"none"}'),
        put(taken, key, body=b'{"attributes":{}}'),
        put(taken, key, query="?revive=true"),
        put(taken, key, 'If-Match: "1"'),
        put(taken, key, 'If-Match: "7"'),
        put(taken, key, "X-Request-Id: of-the-client"),
        put(taken, key, "X-Forwarded-For: 192.0.2.1"),
        put(taken, key, "Content-Encoding: gzip"),
        put(taken, key, "Idempotency-Key: a"),
        put(taken, other.key),
        put(f"{other.prefix}/X", key),
        put("20.500.1/X", key),
        put(taken, key[:-1] + ("x" if key[-1] != "x" else "y")),
        put(taken, "nonsense"),
        request(f"PUT /v1/identifiers/{taken}", f"Content-Length: {len(BODY)}", body=BODY),
        put(f"{prefix}/a%0Ab", key),
        put(f"{prefix}/", key),
        put(taken, key).replace(b"application/json", b"text/plain"),
    ]
    for case in cases:
        by_lane = await exchange(pair.lane, [case + BYE])
        by_aiohttp = await exchange(pair.plain, [case + BYE])
        assert stripped(by_lane) == stripped(by_aiohttp), case
        assert pair.by_lane(by_lane) == 0, case


async def test_bodies_in_pieces(pair: Pair) -> None:
    await trusted(pair)
    one = put(f"{pair.owner.prefix}/FIRST", pair.owner.key)
    for cut in range(1, len(one), 17):
        chunks = [one[:cut], one[cut:] + BYE]
        answers = [stripped(await exchange(live, chunks)) for live in (pair.lane, pair.plain)]
        assert answers[0] == answers[1]


async def test_among_other_requests(pair: Pair) -> None:
    """In order, behind each other or one by one."""
    await trusted(pair)
    prefix, key = pair.owner.prefix, pair.owner.key
    mixed = [
        put(f"{prefix}/FIRST", key),
        request(f"GET /v1/resolve/{prefix}/FIRST"),
        put(f"{prefix}/FIRST", key),
        put(f"{prefix}/FIRST", key, body=b'{"values":[]}'),
        request(f"GET /api/handles/{prefix}/FIRST"),
        put(f"{prefix}/FIRST", key),
    ]
    for live in (pair.lane, pair.plain):
        together = await exchange(live, [b"".join(mixed) + BYE])
        statuses = re.findall(rb"HTTP/1.1 ([0-9]+)", together)
        assert statuses == [b"200", b"200", b"200", b"409", b"200", b"200", b"404"]
    by_lane = await converse(pair.lane, mixed, BYE)
    by_aiohttp = await converse(pair.plain, mixed, BYE)
    assert [stripped(a) for a in by_lane] == [stripped(a) for a in by_aiohttp]
    assert [pair.by_lane(answer) for answer in by_lane] == [1, 1, 1, 0, 1, 1, 0]


async def test_a_revoked_key_ends_at_once(pair: Pair) -> None:
    await trusted(pair)
    key_id = pair.owner.key.split("_")[1]
    path = f"/v1/keys/{key_id}"
    assert (await pair.lane.ask("DELETE", path, key=pair.owner.key)).status == 200
    answers = await exchange(pair.lane, [put(f"{pair.owner.prefix}/FIRST", pair.owner.key) + BYE])
    assert answers.startswith(b"HTTP/1.1 401")


async def test_many_at_once_are_all_registered(pair: Pair) -> None:
    await trusted(pair)

    async def some(live: Live, start: int) -> int:
        requests = [
            put(f"{pair.owner.prefix}/M{number}", pair.owner.key)
            for number in range(start, start + 25)
        ]
        answers = await converse(live, requests, BYE)
        return sum(answer.startswith(b"HTTP/1.1 201") for answer in answers)

    made = await asyncio.gather(*(some(pair.lane, 100 * one) for one in range(16)))
    assert sum(made) == 16 * 25
    metrics = (await pair.lane.ask("GET", "/metrics")).body
    counted = re.search(
        r'biaoshi_registration_verdicts_total\{outcome="created",surface="v1"\} ([0-9.]+)', metrics
    )
    assert counted
    assert float(counted[1]) >= 400


async def test_an_address_that_failed_too_often_is_refused(pair: Pair) -> None:
    """With a good key too."""
    await trusted(pair)
    limit = pair.lane.node.wiring.settings.failures_per_minute
    wrong = put(f"{pair.owner.prefix}/FIRST", pair.owner.key[:-4] + "AAAA")
    right = put(f"{pair.owner.prefix}/FIRST", pair.owner.key)
    statuses = set()
    for _ in range(5):  # a window may end in the midst of it
        for _ in range(limit + 1):
            await exchange(pair.lane, [wrong + BYE])
        answers = await exchange(pair.lane, [right + BYE])
        statuses.add(answers.split(b" ", 2)[1])
        if b"429" in statuses:
            break
    assert b"429" in statuses
    assert pair.by_lane(answers) == 0
