"""Data templates over HTTP: defining, registering with them, who sees what, grants."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from yarl import URL as Address

from tests.node import refused as problem
from tests.node.live import OTHER, Enterprise, Live, Reply

URL = {
    "idIndex": 2000,
    "idType": "URL",
    "name": "网址",
    "pattern": "https://e.cn/{suffix:url}",
    "searchable": True,
}
COLOUR = {"idIndex": 2001, "idType": "COLOUR", "name": "颜色", "default": "白"}
POWER = {
    "idIndex": 2002,
    "idType": "POWER",
    "name": "功率",
    "required": True,
    "metadata": {"type": "number", "maxLength": 6},
}
REPORT = {"idIndex": 2003, "idType": "REPORT", "name": "报告", "visibility": "granted"}
COST = {"idIndex": 2004, "idType": "COST", "name": "成本", "visibility": "private"}
LAMP = {"version": "v1", "items": [URL, COLOUR, POWER, REPORT, COST]}
ATTRIBUTES = {"POWER": 12.5, "REPORT": "合格", "COST": "9.80"}


def refused(
    reply: Reply, status: int, kind: str, rule: str | None = None, field: str | None = None
) -> None:
    problem.refused(reply, status, kind, rule)
    if field is not None:
        assert reply.body["field"] == field, reply.body


async def define(live: Live, owner: Enterprise, body: Any = LAMP, **options: Any) -> Reply:
    path = f"/v1/prefixes/{owner.prefix}/templates"
    return await live.ask("POST", path, key=owner.key, json=body, **options)


async def amend(live: Live, owner: Enterprise, *items: Any, **members: Any) -> Reply:
    path = f"/v1/prefixes/{owner.prefix}/templates/v1"
    body = {"items": list(items), **members}
    return await live.ask("PUT", path, key=owner.key, json=body)


async def put(
    live: Live, owner: Enterprise, suffix: str = "A", query: str = "", **options: Any
) -> Reply:
    body = options.pop("body", None) or {"template": "v1", "attributes": ATTRIBUTES}
    path = f"/v1/identifiers/{owner.prefix}/{suffix}{query}"
    return await live.ask("PUT", path, key=owner.key, json=body, **options)


async def show(live: Live, key: str, owner: Enterprise, **options: Any) -> Reply:
    return await live.ask("GET", f"/v1/identifiers/{owner.prefix}/A", key=key, **options)


async def resolve(live: Live, owner: Enterprise, **options: Any) -> Reply:
    return await live.ask("GET", f"/v1/resolve/{owner.prefix}/A", **options)


def told(reply: Reply) -> dict[int, str]:
    assert reply.status == 200, reply.body
    return {value["index"]: value["data"]["value"] for value in reply.body["values"]}


PUBLIC = {1001: "v1", 2000: "https://e.cn/A", 2001: "白", 2002: "12.5"}
ALL = PUBLIC | {2003: "合格", 2004: "9.80"}


async def test_a_templates_life(live: Live, owner: Enterprise) -> None:
    made = await define(live, owner)
    assert (made.status, made.body["generation"]) == (201, 1)
    place = made.headers["Location"]
    assert place == f"/v1/prefixes/{owner.prefix}/templates/v1"
    shown = await live.ask("GET", place, key=owner.key)
    assert (shown.status, shown.body) == (200, made.body)
    listed = await live.ask("GET", f"/v1/prefixes/{owner.prefix}/templates", key=owner.key)
    assert listed.body == {"items": [made.body], "next": None}
    changed = await amend(live, owner, {"idIndex": 2001, "idType": "COLOUR", "state": 0})
    assert (changed.status, changed.body["generation"]) == (200, 2)
    assert [item["state"] for item in changed.body["items"]] == [1, 0, 1, 1, 1]
    gone = await live.ask("DELETE", place, key=owner.key)
    assert (gone.status, gone.body) == (204, "")
    for method in ("GET", "DELETE"):
        refused(await live.ask(method, place, key=owner.key), 404, "template-not-found")


@pytest.mark.parametrize("version", ["产品 数据模板", "a%2Fb", "v?1#", "+", "%"])
async def test_versions_in_paths(live: Live, owner: Enterprise, version: str) -> None:
    made = await define(live, owner, {"version": version})
    assert made.headers["Location"].endswith(quote(version, safe=""))
    address = Address(live.url + made.headers["Location"], encoded=True)
    shown = await live.ask("GET", "", url=address, key=owner.key)
    assert shown.body["version"] == version


async def test_refusals(live: Live, owner: Enterprise) -> None:
    await define(live, owner)
    refused(await define(live, owner), 409, "template-exists", "template-exists")
    wrong = URL | {"pattern": "{model}"}
    reply = await define(live, owner, {"version": "v2", "items": [wrong]})
    refused(reply, 422, "invalid-template", "pattern-placeholder", "items[0].pattern")
    reply = await amend(live, owner, URL | {"idType": "OTHER"})
    refused(reply, 422, "invalid-template", "idIndex-twice", "items[0].idIndex")
    reply = await define(live, owner, {"version": "v2", "items": [{"idIndex": 5}]})
    assert (reply.status, reply.body["field"]) == (422, "items[0].idIndex")
    stranger = await live.enterprise(OTHER)
    path = f"/v1/prefixes/{owner.prefix}/templates"
    for key in (stranger.key, live.operator):
        body = {"version": "v3"}
        refused(await live.ask("POST", path, key=key, json=body), 403, "not-permitted")
        refused(await live.ask("DELETE", f"{path}/v1", key=key), 403, "not-permitted")
    refused(await live.ask("GET", f"{path}/v1", key=stranger.key), 403, "not-permitted")
    assert (await live.ask("GET", f"{path}/v1", key=live.operator)).status == 200


async def test_sent_again_with_its_key(live: Live, owner: Enterprise) -> None:
    headers = {"Idempotency-Key": "once"}
    first = await define(live, owner, headers=headers)
    again = await define(live, owner, headers=headers)
    assert (again.status, again.body) == (201, first.body)


class TestRegistering:
    @pytest.fixture(autouse=True)
    async def template(self, live: Live, owner: Enterprise) -> None:
        assert (await define(live, owner)).status == 201

    async def test_and_looking(self, live: Live, owner: Enterprise) -> None:
        created = await put(live, owner)
        assert (created.status, created.headers["ETag"]) == (201, '"1.1"')
        again = await put(live, owner)
        assert (again.status, again.body["outcome"]) == (200, "unchanged")
        assert again.headers["ETag"] == '"1.1"'
        assert told(await resolve(live, owner)) == PUBLIC
        assert told(await show(live, owner.key, owner)) == ALL

    async def test_with_values_beside(self, live: Live, owner: Enterprise) -> None:
        value = {"index": 5, "type": "NOTE", "data": "x"}
        body = {"template": "v1", "attributes": {"POWER": "7"}, "values": [value]}
        assert (await put(live, owner, body=body)).status == 201
        assert told(await resolve(live, owner)) == PUBLIC | {5: "x", 2002: "7"}

    @pytest.mark.parametrize(
        ("attributes", "field", "rule"),
        [
            ({}, "attributes.POWER", "required"),
            ({"POWER": "1234567"}, "attributes.POWER", "length"),
            ({"POWER": "strong"}, "attributes.POWER", "type"),
            ({"POWER": 1, "SIZE": "L"}, "attributes.SIZE", "unknown"),
            ({"POWER": 1, "COLOUR": ["白"]}, "attributes.COLOUR", "type"),
        ],
    )
    async def test_what_breaks_a_rule(
        self, live: Live, owner: Enterprise, attributes: Any, field: str, rule: str
    ) -> None:
        body = {"template": "v1", "attributes": attributes}
        refused(await put(live, owner, body=body), 422, "invalid-attribute", rule, field)
        assert (await resolve(live, owner)).status == 404

    async def test_other_refusals(self, live: Live, owner: Enterprise) -> None:
        body: dict[str, Any] = {"attributes": {"POWER": 1}}
        reply = await put(live, owner, body=body)
        refused(reply, 422, "invalid-input", "template-needed", "template")
        reply = await put(live, owner, body=body | {"template": "v2"})
        refused(reply, 422, "unknown-template", "unknown-template", "template")
        mark = {"index": 1001, "type": "TEMPLATE", "data": "v1"}
        reply = await put(live, owner, body=body | {"template": "v1", "values": [mark]})
        refused(reply, 422, "invalid-value", "template-index", "values")
        power = {"index": 2002, "type": "POWER", "data": "1"}
        reply = await put(live, owner, body=body | {"template": "v1", "values": [power]})
        refused(reply, 422, "duplicate-index", "duplicate-index", "attributes.POWER")
        stranger = await live.enterprise(OTHER)
        path = f"/v1/identifiers/{owner.prefix}/A"
        sent = body | {"template": "v1"}
        reply = await live.ask("PUT", path, key=stranger.key, json=sent)
        refused(reply, 403, "not-prefix-owner", "prefix-owner", "handle")

    async def test_a_list_with_a_verdict_for_each(self, live: Live, owner: Enterprise) -> None:
        def item(suffix: str, **members: Any) -> dict[str, Any]:
            return {"handle": f"{owner.prefix}/{suffix}", **members}

        body = [
            item("A", template="v1", attributes=ATTRIBUTES),
            item("B", template="v1", attributes={}),
            item("C", template="v9"),
            item("D", values=[{"index": 1, "type": "URL", "data": "x"}]),
            item("E", attributes={}),
            item("A", template="v1", attributes=ATTRIBUTES),
        ]
        reply = await live.ask("POST", "/v1/identifiers", key=owner.key, json=body)
        results = reply.body["results"]
        assert [result["outcome"] for result in results] == [
            "created", "refused", "refused", "created", "refused", "unchanged",
        ]  # fmt: skip
        problems = [result["problem"]["rule"] for result in results if "problem" in result]
        assert problems == ["required", "unknown-template", "template-needed"]

    async def test_changing_by_index(self, live: Live, owner: Enterprise) -> None:
        await put(live, owner)
        path = f"/v1/identifiers/{owner.prefix}/A"

        async def patch(body: Any, tag: str | None = None) -> Reply:
            headers = {"If-Match": tag} if tag else {}
            return await live.ask("PATCH", path, key=owner.key, json=body, headers=headers)

        black = {"index": 2001, "type": "COLOUR", "data": "黑"}
        changed = await patch({"values": [black]}, '"1.1"')
        assert (changed.status, changed.headers["ETag"]) == (200, '"2.1"')
        assert told(await resolve(live, owner)) == PUBLIC | {2001: "黑"}
        assert (await patch({"remove": [2001]})).status == 200
        assert told(await resolve(live, owner)) == PUBLIC
        for body, kind, rule in (
            ({"remove": [2000]}, "invalid-attribute", "template"),
            ({"remove": [2002]}, "invalid-attribute", "required"),
            ({"remove": [1001]}, "invalid-value", "template-index"),
            ({"values": [black | {"index": 1001}]}, "invalid-value", "template-index"),
            ({"values": [black | {"index": 2002}]}, "invalid-attribute", "unknown"),
        ):
            refused(await patch(body), 422, kind, rule)

    async def test_if_match(self, live: Live, owner: Enterprise) -> None:
        await put(live, owner)
        await amend(live, owner, URL | {"pattern": "https://f.cn"})
        body = {"template": "v1", "attributes": {"POWER": 7}}

        async def replaced(tag: str) -> Reply:
            return await put(live, owner, body=body, headers={"If-Match": tag})

        for stale in ('"1.1"', '"2.2"', '"2"'):
            refused(await replaced(stale), 412, "revision-mismatch", "revision")
        for broken in ('"1."', '"1.0"', '".2"', '"1.2.3"', '"1.2', '"01.2"'):
            if broken != '"1.2':  # a quotation mark that is missing is forgiven
                refused(await replaced(broken), 422, "invalid-input", "if-match")
        reply = await replaced('"1.2"')
        assert (reply.status, reply.headers["ETag"]) == (200, '"2.2"')
        told_ = {1001: "v1", 2000: "https://f.cn", 2001: "白", 2002: "7"}
        assert told(await show(live, owner.key, owner)) == told_

    async def test_if_none_match(self, live: Live, owner: Enterprise) -> None:
        await put(live, owner)
        headers = {"If-None-Match": '"1.1"'}
        assert (await resolve(live, owner, headers=headers)).status == 304
        assert (await show(live, owner.key, owner, headers=headers)).status == 304
        await amend(live, owner, URL | {"pattern": "https://f.cn/{suffix}"})
        reply = await resolve(live, owner, headers=headers)
        assert (reply.status, reply.headers["ETag"]) == (200, '"1.2"')
        assert told(reply)[2000] == "https://f.cn/A"

    async def test_two_at_once(self, live: Live, owner: Enterprise) -> None:
        replies = await asyncio.gather(*(put(live, owner) for _ in range(20)))
        assert sorted(reply.status for reply in replies) == 19 * [200] + [201]
        bodies = [{"template": "v1", "attributes": {"POWER": power}} for power in range(2)]
        replies = await asyncio.gather(*(put(live, owner, "B", body=body) for body in bodies))
        assert sorted(reply.status for reply in replies) == [201, 409]

    async def test_a_template_in_use_is_not_deleted(self, live: Live, owner: Enterprise) -> None:
        await put(live, owner)
        path = f"/v1/prefixes/{owner.prefix}/templates/v1"
        refused(await live.ask("DELETE", path, key=owner.key), 409, "wrong-state", "template-used")
        await live.ask("DELETE", f"/v1/identifiers/{owner.prefix}/A", key=owner.key)
        assert (await live.ask("DELETE", path, key=owner.key)).status == 204

    async def test_reviving(self, live: Live, owner: Enterprise) -> None:
        await put(live, owner)
        await live.ask("DELETE", f"/v1/identifiers/{owner.prefix}/A", key=owner.key)
        refused(await put(live, owner), 409, "identifier-withdrawn", "identifier-withdrawn")
        reply = await put(live, owner, query="?revive=true")
        assert (reply.status, reply.headers["ETag"]) == (201, '"3.1"')
        assert told(await resolve(live, owner)) == PUBLIC


class TestWhoSeesWhat:
    @pytest.fixture(autouse=True)
    async def record(self, live: Live, owner: Enterprise) -> None:
        await define(live, owner)
        assert (await put(live, owner)).status == 201

    @pytest.fixture
    async def reader(self, live: Live) -> Enterprise:
        return await live.enterprise(OTHER)

    async def grant(self, live: Live, owner: Enterprise, **wish: Any) -> Reply:
        path = f"/v1/prefixes/{owner.prefix}/grants"
        return await live.ask("POST", path, key=owner.key, json=wish)

    async def test_on_every_surface(
        self, live: Live, owner: Enterprise, reader: Enterprise
    ) -> None:
        await self.grant(live, owner, enterprise_id=reader.enterprise_id)
        assert told(await show(live, owner.key, owner)) == ALL
        assert told(await show(live, reader.key, owner)) == PUBLIC | {2003: "合格"}
        assert told(await show(live, live.operator, owner)) == PUBLIC
        assert told(await resolve(live, owner)) == PUBLIC
        assert told(await resolve(live, owner, key=owner.key)) == PUBLIC  # as anyone
        path = f"/v1/history/{owner.prefix}/A"
        for key, seen in ((owner.key, ALL), (live.operator, PUBLIC)):
            (event,) = (await live.ask("GET", path, key=key)).body
            assert {v["index"]: v["data"]["value"] for v in event["values"]} == seen
        refused(await live.ask("GET", path, key=reader.key), 403, "not-permitted")
        handle = f"/api/handles/{owner.prefix}/A"
        for key, seen in (
            (None, PUBLIC),
            (reader.key, PUBLIC | {2003: "合格"}),
            (owner.key, ALL),
            (live.operator, PUBLIC),
        ):
            reply = await live.ask("GET", handle, key=key)
            assert told(reply) == seen
            reply = await live.ask("GET", f"{handle}?index=2003&index=2004", key=key)
            hidden = {index: seen[index] for index in (2003, 2004) if index in seen}
            shown = {v["index"]: v["data"]["value"] for v in reply.body["values"]}
            assert shown == hidden
        for key, query, found in (
            (owner.key, "URL=*e.cn/A", [f"{owner.prefix}/A"]),
            (owner.key, "REPORT=*", []),
            (owner.key, "COST=*", []),
            (reader.key, "URL=*e.cn/A", []),
        ):
            reply = await live.ask("GET", f"/hrls/handles?{query}", key=key)
            assert reply.body == found

    async def test_tags_of_handle_answers_follow_the_template(
        self, live: Live, owner: Enterprise
    ) -> None:
        handle = f"/api/handles/{owner.prefix}/A"
        first = await live.ask("GET", handle)
        assert first.headers["ETag"] == '"1.1"'
        headers = {"If-None-Match": '"1.1"'}
        assert (await live.ask("GET", handle, headers=headers)).status == 304
        await amend(live, owner, URL | {"pattern": "https://f.cn"})
        assert (await live.ask("GET", handle, headers=headers)).headers["ETag"] == '"1.2"'

    async def test_a_handle_client_changes_a_value(self, live: Live, owner: Enterprise) -> None:
        handle = f"/api/handles/{owner.prefix}/A"
        black = {"index": 2001, "type": "COLOUR", "data": {"format": "string", "value": "黑"}}
        url = f"{handle}?index=2001&overwrite=true"
        assert (await live.ask("PUT", url, key=owner.key, json=black)).status == 200
        read = (await live.ask("GET", handle, key=owner.key)).body
        assert (await live.ask("PUT", handle, key=owner.key, json=read)).status == 200
        assert told(await show(live, owner.key, owner)) == ALL | {2001: "黑"}
        wrong = black | {"type": "SIZE"}
        reply = await live.ask("PUT", url, key=owner.key, json=wrong)
        assert (reply.status, reply.body["responseCode"]) == (400, 202)
        assert "attributes.SIZE" in reply.body["message"]

    async def test_a_grants_life(self, live: Live, owner: Enterprise, reader: Enterprise) -> None:
        number = reader.enterprise_id
        until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        made = await self.grant(live, owner, enterprise_id=number, template="v1", expires_at=until)
        assert (made.status, made.body["template"]) == (201, "v1")
        tag = '"1.1+granted"'
        seen = await show(live, reader.key, owner)
        assert seen.headers["ETag"] == tag
        headers = {"If-None-Match": tag}
        assert (await show(live, reader.key, owner, headers=headers)).status == 304
        path = f"/v1/prefixes/{owner.prefix}/grants"
        listed = await live.ask("GET", path, key=owner.key)
        assert listed.body == {"items": [made.body], "next": None}
        one = f"{path}/{made.body['grant_id']}"
        refused(await live.ask("DELETE", one, key=reader.key), 403, "not-permitted")
        assert (await live.ask("DELETE", one, key=owner.key)).status == 204
        refused(await live.ask("DELETE", one, key=owner.key), 404, "grant-not-found")
        after = await show(live, reader.key, owner, headers=headers)
        assert (after.headers["ETag"], told(after)) == ('"1.1"', PUBLIC)

    async def test_grants_that_are_refused(
        self, live: Live, owner: Enterprise, reader: Enterprise
    ) -> None:
        number = reader.enterprise_id
        for wish, status, kind, field in (
            ({"enterprise_id": 999_999}, 404, "enterprise-not-found", "enterprise_id"),
            ({"enterprise_id": owner.enterprise_id}, 422, "invalid-input", "enterprise_id"),
            ({"enterprise_id": number, "template": "v9"}, 422, "unknown-template", "template"),
            (
                {"enterprise_id": number, "expires_at": "2020-01-01T00:00:00Z"},
                422,
                "invalid-input",
                "expires_at",
            ),
            (
                {"enterprise_id": number, "expires_at": "2030-01-01T00:00:00"},
                422,
                "invalid-input",
                "expires_at",
            ),
            ({"enterprise_id": number, "until": "x"}, 422, "invalid-json", "until"),
        ):
            reply = await self.grant(live, owner, **wish)
            refused(reply, status, kind, None, field)
