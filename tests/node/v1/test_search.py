"""Search over HTTP, and what it never shows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.node.live import OTHER, Enterprise, Live, Reply
from tests.node.refused import refused

TEMPLATE = {
    "version": "lamp",
    "items": [
        {"idIndex": 2000, "idType": "COLOUR", "name": "颜色", "searchable": True},
        {"idIndex": 2001, "idType": "PRICE", "name": "价格", "visibility": "private"},
        {"idIndex": 2002, "idType": "REPORT", "name": "报告", "visibility": "granted"},
    ],
}


@pytest.fixture
async def stock(live: Live, owner: Enterprise) -> Enterprise:
    path = f"/v1/prefixes/{owner.prefix}/templates"
    assert (await live.ask("POST", path, key=owner.key, json=TEMPLATE)).status == 201
    lamp = {"COLOUR": "暖白 Warm", "PRICE": "12", "REPORT": "合格"}
    items: list[dict[str, Any]] = [
        {"handle": f"{owner.prefix}/lamp", "template": "lamp", "attributes": lamp},
        {
            "handle": f"{owner.prefix}/plain",
            "values": [
                {"index": 1, "type": "COLOUR", "data": "warm"},
                {"index": 2, "type": "PRICE", "data": "12", "permissions": "1100"},
            ],
        },
    ]
    reply = await live.ask("POST", "/v1/identifiers", key=owner.key, json=items)
    assert reply.body["totals"] == {"created": 2}
    return owner


async def ask(live: Live, key: str | None, *matches: str) -> Reply:
    return await live.ask("GET", "/v1/search", key=key, params=[("match", one) for one in matches])


async def test_by_values(live: Live, stock: Enterprise) -> None:
    async def found(*matches: str) -> list[str]:
        body = (await ask(live, stock.key, *matches)).body
        assert body["complete"]
        return [handle.partition("/")[2] for handle in body["handles"]]

    assert await found("colour=暖白*") == ["lamp"]
    assert await found("COLOUR=WARM") == ["plain"]
    assert await found("COLOUR=*warm*") == ["lamp", "plain"]
    assert await found("COLOUR=*warm", "TEMPLATE=lamp") == ["lamp"]
    assert await found("COLOUR=100%") == []


@pytest.mark.parametrize("match", ["PRICE=12", "PRICE=*", "REPORT=合格", "REPORT=*"])
async def test_what_is_not_public_is_not_found_even_by_the_owner(
    live: Live, stock: Enterprise, match: str
) -> None:
    assert (await ask(live, stock.key, match)).body["handles"] == []
    handles = await live.ask("GET", f"/hrls/handles?{match}", key=stock.key)
    assert handles.body == []


async def test_for_whom(live: Live, stock: Enterprise) -> None:
    stranger = await live.enterprise(OTHER)
    grant = {"enterprise_id": stranger.enterprise_id}
    path = f"/v1/prefixes/{stock.prefix}/grants"
    assert (await live.ask("POST", path, key=stock.key, json=grant)).status == 201
    assert (await ask(live, stranger.key, "COLOUR=*")).body["handles"] == []
    refused(await ask(live, None, "COLOUR=*"), 401, "not-authenticated")
    refused(await ask(live, live.operator, "COLOUR=*"), 403, "not-permitted", "enterprise-only")


@pytest.mark.parametrize(
    ("matches", "rule"),
    [
        ([], "no-match"),
        (["COLOUR"], "match-form"),
        (["COLOUR="], "match-form"),
        (["=x"], "match-form"),
        (["A=1", "a=2"], "match-twice"),
        (["A=" + "*x" * 11], "parameter"),
        ([f"A{n}=x" for n in range(11)], "parameter"),
    ],
)
async def test_what_a_search_must_say(
    live: Live, stock: Enterprise, matches: list[str], rule: str
) -> None:
    refused(await ask(live, stock.key, *matches), 422, "invalid-input", rule)
