"""Codes over HTTP: reserving them and following them into registration."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.node.live import OTHER, Enterprise, Live, Reply
from tests.node.refused import refused


async def reserve(live: Live, owner: Enterprise, **wish: Any) -> Reply:
    body = {"pattern": "SN{serial:04d}", "count": 3} | wish
    return await live.ask("POST", f"/v1/prefixes/{owner.prefix}/codes", key=owner.key, json=body)


async def test_reserving(live: Live, owner: Enterprise) -> None:
    reply = await reserve(live, owner, line="三号线")
    assert reply.status == 201
    assert reply.body["handles"] == [f"{owner.prefix}/SN000{n}" for n in (1, 2, 3)]
    reservation = reply.body["reservation"]
    assert (reservation["prefix"], reservation["line"]) == (owner.prefix, "三号线")
    assert (reservation["pattern"], reservation["count"]) == ("SN{serial:04d}", 3)
    assert reservation["registered"] == 0
    shown = await live.ask("GET", f"/v1/codes/{reservation['reservation_id']}", key=owner.key)
    assert (shown.status, shown.body) == (200, reservation)


async def test_a_day_for_date_parts(live: Live, owner: Enterprise) -> None:
    reply = await reserve(live, owner, pattern="{yy}{doy}-{serial:03d}", count=1, on="2028-12-31")
    assert reply.body["handles"] == [f"{owner.prefix}/28366-001"]
    for day in ("0001-01-01", "9999-12-31"):
        reply = await reserve(live, owner, pattern="{gggg}{ww}-{serial:03d}", count=1, on=day)
        assert reply.status == 201
    assert (await reserve(live, owner, on="2026-02-30")).status == 422


async def test_reserved_codes_become_registered(live: Live, owner: Enterprise) -> None:
    reply = await reserve(live, owner)
    handles, number = reply.body["handles"], reply.body["reservation"]["reservation_id"]
    await live.ask("PUT", f"/v1/identifiers/{handles[1].lower()}", key=owner.key, json={})
    listed = await live.ask("GET", f"/v1/codes/{number}/codes", key=owner.key)
    assert listed.body["next"] is None
    assert [(item["handle"], item["state"]) for item in listed.body["items"]] == [
        (handles[0], "reserved"),
        (handles[1], "registered"),
        (handles[2], "reserved"),
    ]
    shown = await live.ask("GET", f"/v1/codes/{number}", key=owner.key)
    assert shown.body["registered"] == 1


async def test_codes_and_reservations_come_in_pages(live: Live, owner: Enterprise) -> None:
    first = await reserve(live, owner, count=5)
    for _ in range(2):
        await reserve(live, owner, count=1)

    async def walk(path: str, limit: int) -> list[Any]:
        found, after = [], ""
        while True:
            page = await live.ask("GET", f"{path}?limit={limit}{after}", key=owner.key)
            assert page.status == 200, page.body
            assert len(page.body["items"]) <= limit
            found += page.body["items"]
            if page.body["next"] is None:
                return found
            after = f"&after={page.body['next']}"

    number = first.body["reservation"]["reservation_id"]
    codes = await walk(f"/v1/codes/{number}/codes", 2)
    assert [code["handle"] for code in codes] == first.body["handles"]
    reservations = await walk(f"/v1/prefixes/{owner.prefix}/codes", 2)
    assert [item["count"] for item in reservations] == [5, 1, 1]


NO_WISHES = [
    ({"pattern": "SN"}, "invalid-pattern", "no-serial-or-random"),
    ({"pattern": "\0{serial:3d}"}, "invalid-pattern", "unprintable-character"),
    ({"pattern": ""}, "invalid-json", "json-type"),
    ({"count": 0}, "invalid-json", "json-type"),
    ({"count": 10_001}, "invalid-json", "json-type"),
    ({"line": " "}, "invalid-input", "line-text"),
    ({"line": "a\0"}, "invalid-input", "line-text"),
    ({"colour": "red"}, "invalid-json", "json-type"),
]


async def test_wishes_that_break_a_rule(live: Live, owner: Enterprise) -> None:
    for wish, kind, rule in NO_WISHES:
        refused(await reserve(live, owner, **wish), 422, kind, rule)
        listed = await live.ask("GET", f"/v1/prefixes/{owner.prefix}/codes", key=owner.key)
        assert listed.body["items"] == []


async def test_all_or_none(live: Live, owner: Enterprise) -> None:
    await reserve(live, owner, pattern="A{serial:1d}", count=7)
    reply = await reserve(live, owner, pattern="A{serial:1d}", count=3)
    refused(reply, 409, "codes-exhausted", "capacity")
    reply = await reserve(live, owner, pattern="A{serial:1d}", count=2)
    assert reply.body["handles"] == [f"{owner.prefix}/A8", f"{owner.prefix}/A9"]
    reply = await reserve(live, owner, pattern="A{serial:1d}", count=1)
    refused(reply, 409, "codes-exhausted", "capacity")


async def test_the_same_request_reserves_once(live: Live, owner: Enterprise) -> None:
    path = f"/v1/prefixes/{owner.prefix}/codes"

    async def request(count: int) -> Reply:
        return await live.ask(
            "POST",
            path,
            key=owner.key,
            json={"pattern": "SN{serial:04d}", "count": count},
            headers={"Idempotency-Key": "shift-1"},
        )

    replies = await asyncio.gather(*(request(2) for _ in range(8)))
    assert {reply.status for reply in replies} == {201}
    assert all(reply.body == replies[0].body for reply in replies)
    assert len((await live.ask("GET", path, key=owner.key)).body["items"]) == 1
    refused(await request(3), 409, "idempotency-key-reused")


async def test_others_see_nothing(live: Live, owner: Enterprise) -> None:
    stranger = await live.enterprise(OTHER)
    number = (await reserve(live, owner)).body["reservation"]["reservation_id"]
    for path in (
        f"/v1/prefixes/{owner.prefix}/codes",
        f"/v1/codes/{number}",
        f"/v1/codes/{number}/codes",
    ):
        refused(await live.ask("GET", path, key=stranger.key), 403, "not-permitted")
        refused(await live.ask("GET", path), 401, "not-authenticated")
        assert (await live.ask("GET", path, key=live.operator)).status == 200
    for path in ("/v1/codes/999", "/v1/codes/999/codes", "/v1/codes/999999999"):
        refused(await live.ask("GET", path, key=owner.key), 404, "codes-not-found")
    for prefix in ("88.118.999", "%00", "%ED%A0%80"):
        path = f"/v1/prefixes/{prefix}/codes"
        refused(await live.ask("GET", path, key=owner.key), 404, "prefix-not-found")
        wish = {"pattern": "{serial:2d}", "count": 1}
        reply = await live.ask("POST", path, key=owner.key, json=wish)
        refused(reply, 404, "prefix-not-found")


async def test_a_cursor_that_is_none(live: Live, owner: Enterprise) -> None:
    number = (await reserve(live, owner)).body["reservation"]["reservation_id"]
    reply = await live.ask("GET", f"/v1/codes/{number}/codes?after=%00", key=owner.key)
    refused(reply, 422, "invalid-input", "after-text")
    path = f"/v1/prefixes/{owner.prefix}/codes?after=x"
    refused(await live.ask("GET", path, key=owner.key), 422, "invalid-input", "parameter")
