"""Amendments and withdrawals over HTTP: as lists and as streams, each item its verdict."""

from __future__ import annotations

import json
from typing import Any

import pytest

from node.v1.changes import Changing
from tests.node.live import OTHER, Enterprise, Live

NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture
async def shop(live: Live, owner: Enterprise) -> Enterprise:
    """An enterprise with the identifiers A to D."""
    items = [{"handle": f"{owner.prefix}/{name}", "values": values("one")} for name in "ABCD"]
    done = await live.ask("POST", "/v1/identifiers", key=owner.key, json=items)
    assert done.body["totals"] == {"created": 4}
    return owner


def values(text: str, index: int = 1) -> list[dict[str, Any]]:
    return [{"index": index, "type": "URL", "data": text}]


async def streamed(live: Live, path: str, key: str, *items: object) -> list[dict[str, Any]]:
    """The lines of the answer to a stream; what is no text is written as JSON."""
    texts = [item if isinstance(item, bytes) else json.dumps(item).encode() for item in items]
    headers = {"Content-Type": "application/x-ndjson", "Authorization": f"Bearer {key}"}
    url = live.url + path
    async with live.session.post(url, data=b"\n".join(texts), headers=headers) as response:
        assert response.status == 200
        return [json.loads(line) for line in (await response.text()).splitlines()]


async def resolved(live: Live, handle: str) -> Any:
    reply = await live.ask("GET", f"/v1/resolve/{handle}")
    if reply.status != 200:
        return reply.status
    return [value["data"]["value"] for value in reply.body["values"]]


async def test_a_list_of_amendments(live: Live, shop: Enterprise) -> None:
    prefix = shop.prefix
    items = [
        {"handle": f"{prefix}/A", "values": values("two", 2)},
        {"handle": f"{prefix}/B", "values": values("one")},
        {"handle": f"{prefix}/C", "values": values("x"), "remove": [7]},
        {"handle": f"{prefix}/Z", "values": values("x")},
        {"handle": "zzz", "values": []},
        {"handle": f"{prefix}/D", "values": values("x", 0)},
        {"handle": f"{prefix}/D", "value": []},
        7,
    ]
    done = await live.ask("POST", "/v1/amendments", key=shop.key, json=items)
    assert done.status == 200, done.body
    assert done.body["totals"] == {"amended": 2, "unchanged": 1, "refused": 5}
    assert [one["outcome"] for one in done.body["results"][:3]] == [
        "amended",
        "unchanged",
        "amended",
    ]
    assert [one["problem"]["rule"] for one in done.body["results"][3:]] == [
        "not-found",
        "no-slash",
        "index-range",
        "json-type",
        "json-type",
    ]
    assert done.body["results"][0]["revision"] == 2
    assert await resolved(live, f"{prefix}/A") == ["one", "two"]
    again = await live.ask("POST", "/v1/amendments", key=shop.key, json=items[:3])
    assert again.body["totals"] == {"unchanged": 3}


async def test_a_list_of_withdrawals(live: Live, shop: Enterprise) -> None:
    items = [{"handle": f"{shop.prefix}/{name}"} for name in ("A", "b", "Z")]
    trial = await live.ask("POST", "/v1/withdrawals?dry_run=true", key=shop.key, json=items)
    assert trial.body["totals"] == {"withdrawn": 2, "refused": 1}
    assert await resolved(live, f"{shop.prefix}/A") == ["one"]
    done = await live.ask("POST", "/v1/withdrawals", key=shop.key, json=items)
    assert done.body == trial.body
    assert await resolved(live, f"{shop.prefix}/A") == 410
    again = await live.ask("POST", "/v1/withdrawals", key=shop.key, json=items)
    assert again.body["totals"] == {"unchanged": 2, "refused": 1}


@pytest.mark.parametrize("path", ["/v1/amendments", "/v1/withdrawals"])
async def test_who_may_ask_and_how_much(live: Live, shop: Enterprise, path: str) -> None:
    item = {"handle": f"{shop.prefix}/A"}
    assert (await live.ask("POST", path, json=[item])).status == 401
    assert (await live.ask("POST", path, data=b"{}", headers=NDJSON)).status == 401
    other = await live.enterprise(OTHER)
    refused = await live.ask("POST", path, key=other.key, json=[item])
    assert refused.body["results"][0]["problem"]["rule"] == "prefix-owner"
    for body in ([], 1001 * [item]):
        reply = await live.ask("POST", path, key=shop.key, json=body)
        assert (reply.status, reply.body["rule"]) == (422, "list-length")


async def test_streams_across_chunks_and_again(live: Live, owner: Enterprise) -> None:
    count = Changing.most + 500
    handles = [f"{owner.prefix}/N{number:05d}" for number in range(count)]
    content = [{"handle": handle, "values": values("one")} for handle in handles]
    await streamed(live, "/v1/identifiers", owner.key, *content)
    amendments = [{"handle": handle, "values": values("two")} for handle in reversed(handles)]
    told = await streamed(live, "/v1/amendments", owner.key, *amendments)
    assert [line["type"] for line in told] == ["committed", "committed", "summary"]
    assert told[-1]["totals"] == {"amended": count, "unchanged": 0, "refused": 0}
    told = await streamed(live, "/v1/amendments", owner.key, *amendments)
    assert told[-1]["totals"] == {"amended": 0, "unchanged": count, "refused": 0}
    assert await resolved(live, handles[0]) == ["two"]
    for totals in ({"withdrawn": count, "unchanged": 0}, {"withdrawn": 0, "unchanged": count}):
        told = await streamed(live, "/v1/withdrawals", owner.key, *({"handle": h} for h in handles))
        assert told[-1]["totals"] == totals | {"refused": 0}
    assert await resolved(live, handles[0]) == 410
    async with live.node.wiring.database.connection() as connection:
        rows = await connection.fetch(
            """SELECT action, count(*), min(revision), max(revision) FROM revision
                GROUP BY action ORDER BY action"""
        )
    assert [tuple(row) for row in rows] == [(1, count, 2, 2), (2, count, 3, 3)]


async def test_bad_lines_of_a_stream_harm_no_neighbour(live: Live, shop: Enterprise) -> None:
    good = {"handle": f"{shop.prefix}/A", "values": values("new")}
    bad: dict[str, bytes] = {
        "json-syntax": b"{",
        "json-type": b"[]",
        "json-utf8": b'{"handle":"\xff"}',
        "no-slash": b'{"handle":"zzz"}',
        "line-limit": b'{"handle":"' + b"x" * (1 << 20) + b'"}',
        "prefix-not-found": b'{"handle":"99.1.1/A"}',
        "not-found": f'{{"handle":"{shop.prefix}/none"}}'.encode(),
    }
    told = await streamed(live, "/v1/amendments", shop.key, *bad.values(), good)
    rules = [line["problem"]["rule"] for line in told if line["type"] == "refused"]
    assert rules == list(bad)
    assert told[-1]["totals"] == {"amended": 1, "unchanged": 0, "refused": len(bad)}
    assert await resolved(live, f"{shop.prefix}/A") == ["new"]
