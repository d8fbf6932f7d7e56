"""Prefixes over HTTP: from the request to the end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from registry.access.actor import console
from registry.prefix.prefix import PrefixState
from tests.node.live import OTHER, Enterprise, Live, Reply
from tests.node.refused import refused

ROUTING = {"address": "8.8.8.8", "listeners": [{"protocol": "HTTP", "port": 8000}]}
ADMIN = {"handle": "88.118.1/admin", "index": 300, "permissions": "111111111111"}


async def step(live: Live, prefix: str, name: str, note: str | None = None) -> Reply:
    body = {"note": note} if note else None
    return await live.ask("POST", f"/v1/prefixes/{prefix}/{name}", key=live.operator, json=body)


async def test_a_request_takes_the_next_free_number(live: Live, owner: Enterprise) -> None:
    reply = await live.ask("POST", "/v1/prefixes", key=owner.key, json={})
    assert reply.status == 201
    assert reply.body["prefix"].startswith("88.118.")
    assert reply.body["prefix"] != owner.prefix
    assert (reply.body["state"], reply.body["hosting"]) == (4, 4)
    assert reply.headers["Location"] == f"/v1/prefixes/{reply.body['prefix']}"
    shown = await live.ask("GET", reply.headers["Location"], key=owner.key)
    assert (shown.status, shown.body) == (200, reply.body)


async def test_a_code_can_be_chosen_once(live: Live, owner: Enterprise) -> None:
    body = {"code": "0760", "routing": ROUTING}
    reply = await live.ask("POST", "/v1/prefixes", key=owner.key, json=body)
    assert (reply.status, reply.body["prefix"]) == (201, "88.118.0760")
    assert (reply.body["hosting"], reply.body["routing"]) == (1, ROUTING)
    again = await live.ask("POST", "/v1/prefixes", key=owner.key, json={"code": "0760"})
    refused(again, 409, "prefix-taken", "prefix-taken")


NO_CODES = ["", "12a", "-1", "1" * 41, "１２", "1.2", "\0"]


async def test_a_code_is_digits(live: Live, owner: Enterprise) -> None:
    for code in NO_CODES:
        reply = await live.ask("POST", "/v1/prefixes", key=owner.key, json={"code": code})
        refused(reply, 422, "invalid-input", "prefix-code")


async def test_operators_name_the_enterprise(live: Live, owner: Enterprise) -> None:
    body: dict[str, Any] = {}
    reply = await live.ask("POST", "/v1/prefixes", key=live.operator, json=body)
    refused(reply, 422, "invalid-input", "enterprise-needed")
    body["enterprise_id"] = owner.enterprise_id
    assert (await live.ask("POST", "/v1/prefixes", key=live.operator, json=body)).status == 201
    body["enterprise_id"] = 999
    reply = await live.ask("POST", "/v1/prefixes", key=live.operator, json=body)
    refused(reply, 404, "enterprise-not-found")
    refused(await live.ask("POST", "/v1/prefixes", json=body), 401, "not-authenticated")


async def test_a_prefix_for_another_enterprise(live: Live, owner: Enterprise) -> None:
    stranger = await live.enterprise(OTHER)
    body = {"enterprise_id": owner.enterprise_id}
    reply = await live.ask("POST", "/v1/prefixes", key=stranger.key, json=body)
    refused(reply, 403, "not-permitted", "other-enterprise")
    path = f"/v1/prefixes/{owner.prefix}"
    refused(await live.ask("GET", path, key=stranger.key), 403, "not-permitted")
    for name, change in (
        ("routing", {"routing": None}),
        ("administrators", {"administrators": []}),
    ):
        reply = await live.ask("PUT", f"{path}/{name}", key=stranger.key, json=change)
        refused(reply, 403, "not-permitted", "other-enterprise")


async def test_the_way_of_a_prefix(live: Live, owner: Enterprise) -> None:
    asked = await live.ask("POST", "/v1/prefixes", key=owner.key, json={})
    prefix = asked.body["prefix"]
    refused(await step(live, prefix, "stop", "x"), 409, "wrong-state", "prefix-state")
    approved = await step(live, prefix, "approve")
    assert (approved.status, approved.body["state"]) == (200, PrefixState.UNDER_REVIEW)
    assert approved.body["reviewed_by"].startswith("key:")
    assert approved.body["filed"] is False
    await live.node.wiring.prefixes.settle_review(console(), prefix, True, "")
    for name, note, state in (
        ("stop", "执照过期", PrefixState.STOPPED),
        ("resume", None, PrefixState.ACTIVE),
        ("delete", "注销", PrefixState.TO_BE_DELETED),
    ):
        reply = await step(live, prefix, name, note)
        assert (reply.status, reply.body["state"], reply.body["note"]) == (200, state, note)
    refused(await step(live, prefix, "resume"), 409, "wrong-state")
    reply = await live.ask("POST", "/v1/prefixes", key=owner.key, json={"code": prefix[7:]})
    refused(reply, 409, "prefix-taken")


async def test_a_rejected_prefix(live: Live, owner: Enterprise) -> None:
    prefix = (await live.ask("POST", "/v1/prefixes", key=owner.key, json={})).body["prefix"]
    reply = await step(live, prefix, "reject", "重复申请")
    assert (reply.body["state"], reply.body["note"]) == (PrefixState.REJECTED, "重复申请")
    refused(await step(live, prefix, "approve"), 409, "wrong-state")


@pytest.mark.parametrize("name", ["approve", "reject", "stop", "resume", "delete"])
async def test_only_operators_decide(live: Live, owner: Enterprise, name: str) -> None:
    body = {"note": "x"} if name in ("reject", "stop", "delete") else None
    path = f"/v1/prefixes/{owner.prefix}/{name}"
    reply = await live.ask("POST", path, key=owner.key, json=body)
    refused(reply, 403, "not-permitted", "operator-only")
    refused(await live.ask("POST", path, json=body), 401, "not-authenticated")
    for unknown in ("88.118.999", "%00", "%ED%A0%80", "x" * 300):
        reply = await live.ask(
            "POST", f"/v1/prefixes/{unknown}/{name}", key=live.operator, json=body
        )
        refused(reply, 404, "prefix-not-found")


async def test_routing_to_the_enterprise_and_back(live: Live, owner: Enterprise) -> None:
    path = f"/v1/prefixes/{owner.prefix}/routing"
    reply = await live.ask("PUT", path, key=owner.key, json={"routing": ROUTING})
    assert (reply.status, reply.body["hosting"], reply.body["routing"]) == (200, 1, ROUTING)
    put = await live.ask("PUT", f"/v1/identifiers/{owner.prefix}/a", key=owner.key, json={})
    refused(put, 403, "prefix-elsewhere")
    back = await live.ask("PUT", path, key=owner.key, json={"routing": None})
    assert (back.body["hosting"], back.body["routing"]) == (4, None)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"address": "127.0.0.1"}, "routing-private"),
        ({"address": "::ffff:10.0.0.1"}, "routing-private"),
        ({"address": "lamps.example.com"}, "routing-address"),
        ({"listeners": ROUTING["listeners"] * 2}, "routing-protocols"),
    ],
)
async def test_routing_that_is_no_use(
    live: Live, owner: Enterprise, change: dict[str, Any], rule: str
) -> None:
    path = f"/v1/prefixes/{owner.prefix}/routing"
    reply = await live.ask("PUT", path, key=owner.key, json={"routing": ROUTING | change})
    refused(reply, 422, "invalid-routing", rule)


async def test_administrators(live: Live, owner: Enterprise) -> None:
    path = f"/v1/prefixes/{owner.prefix}/administrators"
    reply = await live.ask("PUT", path, key=owner.key, json={"administrators": [ADMIN]})
    assert (reply.status, reply.body["administrators"]) == (200, [ADMIN])
    record = await live.ask("GET", f"/v1/resolve/0.NA/{owner.prefix}")
    assert [value["data"]["value"] for value in record.body["values"]] == [ADMIN]
    reply = await live.ask("PUT", path, key=owner.key, json={"administrators": 21 * [ADMIN]})
    refused(reply, 422, "invalid-json", "json-type")
    bad = ADMIN | {"handle": "noslash"}
    reply = await live.ask("PUT", path, key=owner.key, json={"administrators": [bad]})
    refused(reply, 422, "invalid-value")
    assert reply.body["field"] == "administrators[0].handle"


async def test_listing_in_pages_and_by_owner_and_state(live: Live, owner: Enterprise) -> None:
    stranger = await live.enterprise(OTHER)
    for code in ("70", "71", "72"):
        await live.ask("POST", "/v1/prefixes", key=owner.key, json={"code": code})

    async def listed(query: str, key: str = live.operator) -> list[str]:
        found: list[str] = []
        after = ""
        while True:
            page = await live.ask("GET", f"/v1/prefixes?limit=2{query}{after}", key=key)
            assert page.status == 200, page.body
            found += [item["prefix"] for item in page.body["items"]]
            if page.body["next"] is None:
                return found
            after = f"&after={page.body['next']}"

    own = sorted([owner.prefix, "88.118.70", "88.118.71", "88.118.72"])
    assert await listed("") == sorted([*own, stranger.prefix])
    assert await listed("", owner.key) == own
    assert await listed(f"&enterprise_id={stranger.enterprise_id}") == [stranger.prefix]
    assert await listed("&state=1") == sorted([owner.prefix, stranger.prefix])
    reply = await live.ask(
        "GET", f"/v1/prefixes?enterprise_id={stranger.enterprise_id}", key=owner.key
    )
    refused(reply, 403, "not-permitted")
    reply = await live.ask("GET", "/v1/prefixes?after=%00", key=owner.key)
    refused(reply, 422, "invalid-input", "after-text")


async def test_a_request_sent_again_gets_the_same_prefix(live: Live, owner: Enterprise) -> None:
    async def request(body: dict[str, Any]) -> Reply:
        return await live.ask(
            "POST", "/v1/prefixes", key=owner.key, json=body, headers={"Idempotency-Key": "p-1"}
        )

    replies = await asyncio.gather(*(request({}) for _ in range(8)))
    assert {reply.status for reply in replies} == {201}
    assert len({reply.body["prefix"] for reply in replies}) == 1
    refused(await request({"code": "5"}), 409, "idempotency-key-reused")
