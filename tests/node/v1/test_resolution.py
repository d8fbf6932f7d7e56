"""Resolution over HTTP, and the audit trail."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from yarl import URL

from tests.node.live import Enterprise, Live, Reply
from tests.node.refused import refused

VALUES = [
    {"index": 1, "type": "URL", "data": "https://example.com/1"},
    {"index": 2, "type": "URL.EN", "data": "https://example.com/en"},
    {"index": 3, "type": "EMAIL", "data": {"format": "base64", "value": "AAEC"}, "ttl": 60},
    {"index": 4, "type": "HS_VLIST", "data": {"format": "vlist", "value": []}},
]


@pytest.fixture
async def lamp(live: Live, owner: Enterprise) -> str:
    handle = f"{owner.prefix}/A60"
    body = {"values": VALUES}
    assert (
        await live.ask("PUT", f"/v1/identifiers/{handle}", key=owner.key, json=body)
    ).status == 201
    return handle


async def resolve(live: Live, spelling: str, query: str = "", **options: Any) -> Reply:
    target = URL(f"{live.url}/v1/resolve/{spelling}{query}", encoded=True)
    return await live.ask("GET", "", url=target, **options)


def indexes(reply: Reply) -> list[int]:
    assert reply.status == 200, reply.body
    return [value["index"] for value in reply.body["values"]]


async def test_an_answer(live: Live, lamp: str) -> None:
    reply = await resolve(live, lamp)
    assert reply.status == 200
    assert reply.headers["Cache-Control"] == "private, must-revalidate"
    assert reply.body.keys() == {"handle", "source", "values", "revision", "via"}
    assert (reply.body["handle"], reply.body["source"]) == (lamp, "local")
    assert (reply.body["revision"], reply.body["via"]) == (1, [])
    value = reply.body["values"][2]
    assert (value["data"], value["ttl"]) == ({"format": "base64", "value": "AAEC"}, 60)
    assert value["timestamp"].endswith("Z")


FILTERS = [
    ("?type=URL", [1]),
    ("?type=url", [1]),
    ("?type=URL.", [1, 2]),
    ("?type=URL&type=EMAIL", [1, 3]),
    ("?index=3", [3]),
    ("?index=3&type=URL", [1, 3]),
    ("?type=NONE", []),
    ("?index=9", []),
    ("?recursive=false", [1, 2, 3, 4]),
]


async def test_filters(live: Live, lamp: str) -> None:
    for query, found in FILTERS:
        assert indexes(await resolve(live, lamp, query)) == found


NO_FILTERS = [
    "?index=0",
    "?index=x",
    "?index=" + "9" * 30,
    "?type=" + "x" * 256,
    "?recursive=maybe",
    "?" + "&".join(101 * ["index=1"]),
    "?colour=red",
    "?type=a&recursive=0&recursive=1",
]


async def test_filters_that_are_none(live: Live, lamp: str) -> None:
    for query in NO_FILTERS:
        reply = await resolve(live, lamp, query)
        refused(reply, 422, "invalid-input")
        assert reply.body["field"]


@pytest.mark.parametrize("form", ["hdl:{}", "HDL:{}", "https://hdl.handle.net/{}", " {} "])
async def test_spellings(live: Live, lamp: str, form: str) -> None:
    reply = await resolve(live, quote(form.format(lamp), safe=""))
    assert indexes(reply) == [1, 2, 3, 4]
    assert reply.body["handle"] == lamp


async def test_other_systems_are_not_resolved_yet(live: Live) -> None:
    for spelling in ("1.2.156.1", "did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2"):
        reply = await resolve(live, spelling)
        refused(reply, 404, "prefix-not-found", "system-not-resolved")
    refused(await resolve(live, "06901234567892"), 404, "gtin-not-found", "gtin-not-found")


async def test_what_is_not_there(live: Live, owner: Enterprise) -> None:
    reply = await resolve(live, f"{owner.prefix}/nothing")
    refused(reply, 404, "identifier-not-found", "not-found")
    refused(await resolve(live, "88.118.999/a"), 404, "prefix-not-found")
    refused(await resolve(live, "88.118.999/a", "?recursive=0"), 404, "prefix-not-found")
    for spelling in ("nonsense", "a%20/%00", "%20", "x" * 3000, "%E2%80%AE/a"):
        refused(await resolve(live, spelling), 400, "invalid-identifier")


async def test_a_prefixs_own_record(live: Live, owner: Enterprise) -> None:
    reply = await resolve(live, owner.prefix)
    assert (reply.body["handle"], reply.body["values"]) == (f"0.NA/{owner.prefix}", [])


async def test_a_record_without_public_values(live: Live, owner: Enterprise) -> None:
    handle = f"{owner.prefix}/a"
    body = {"values": [{"index": 1, "type": "HS_SECKEY", "data": "s"}]}
    await live.ask("PUT", f"/v1/identifiers/{handle}", key=owner.key, json=body)
    assert indexes(await resolve(live, handle)) == []
    assert indexes(await resolve(live, handle, "?type=HS_SECKEY")) == []


async def test_a_wrong_key_is_told(live: Live, lamp: str) -> None:
    refused(await resolve(live, lamp, key="wrong"), 401, "not-authenticated", "key-form")


async def test_resolving_counts_what_was_answered(live: Live, lamp: str) -> None:
    await resolve(live, lamp)
    await resolve(live, f"{lamp}x")
    assert (await live.ask("HEAD", f"/v1/resolve/{lamp}")).status == 200  # which is no resolution
    text = (await live.ask("GET", "/metrics")).body
    for outcome in ("found", "not-found"):
        labels = f'outcome="{outcome}",source="local",surface="v1"'
        assert f"biaoshi_resolutions_total{{{labels}}} 1.0" in text


async def test_the_audit_trail(live: Live, owner: Enterprise, lamp: str) -> None:
    headers = {"X-Request-Id": "the-clients-own-id"}
    target = f"/v1/identifiers/{lamp}"
    await live.ask("DELETE", target, key=owner.key, headers=headers)
    trail = await live.ask("GET", "/v1/audit", key=live.operator)
    assert trail.status == 200
    newest = trail.body[0]
    assert (newest["action"], newest["subject"]) == ("identifier.withdrawn", lamp)
    assert newest["actor"] == "key:" + owner.key.split("_")[1]
    assert newest["request_id"] == "the-clients-own-id"
    actions = {entry["action"] for entry in trail.body}
    assert actions >= {
        "enterprise.applied",
        "enterprise.verified",
        "prefix.requested",
        "prefix.approved",
        "prefix.activated",
        "key.created",
        "identifiers.registered",
        "identifier.withdrawn",
    }


async def test_the_audit_trail_in_pages(live: Live, owner: Enterprise) -> None:
    everything = (await live.ask("GET", "/v1/audit?limit=1000", key=live.operator)).body
    found: list[Any] = []
    before = ""
    while True:
        page = (await live.ask("GET", f"/v1/audit?limit=1{before}", key=live.operator)).body
        if not page:
            break
        found += page
        before = "&before=" + quote(page[-1]["at"], safe="")
    assert len(found) == len(everything) > 5
    assert [entry["at"] for entry in found] == [entry["at"] for entry in everything]


async def test_the_audit_trail_is_the_operators(live: Live, owner: Enterprise) -> None:
    refused(await live.ask("GET", "/v1/audit"), 401, "not-authenticated", "key-needed")
    reply = await live.ask("GET", "/v1/audit", key=owner.key)
    refused(reply, 403, "not-permitted", "operator-only")


NO_TIMES = [
    "yesterday",
    "2026-01-01",
    "2026-01-01T00:00:00",
    "0001-01-01T00:00:00%2B14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-13-01T00:00:00Z",
    "null",
    "",
]


async def test_times_that_are_none(live: Live) -> None:
    for before in NO_TIMES:
        target = URL(f"{live.url}/v1/audit?before={before}", encoded=True)
        refused(await live.ask("GET", "", url=target, key=live.operator), 422, "invalid-input")
