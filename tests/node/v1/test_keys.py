"""Keys over HTTP."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.node.live import OTHER, Enterprise, Live, Reply
from tests.node.refused import refused


async def make(live: Live, key: str, **wish: Any) -> Reply:
    return await live.ask("POST", "/v1/keys", key=key, json={"label": "second"} | wish)


async def test_a_key_is_shown_once_and_works(live: Live, owner: Enterprise) -> None:
    until = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    reply = await make(live, owner.key, scopes=["register"], expires_at=until)
    assert reply.status == 201
    key, secret = reply.body["key"], reply.body["secret"]
    assert (key["role"], key["enterprise_id"]) == ("enterprise", owner.enterprise_id)
    assert (key["scopes"], key["revoked_at"], key["last_used_at"]) == (["register"], None, None)
    assert datetime.fromisoformat(key["expires_at"]) == datetime.fromisoformat(until)

    path = f"/v1/identifiers/{owner.prefix}/a"
    assert (await live.ask("PUT", path, key=secret, json={})).status == 201
    refused(await make(live, secret), 403, "not-permitted", "scope-manage")
    listed = await live.ask("GET", "/v1/keys", key=owner.key)
    assert [item["label"] for item in listed.body] == ["first key", "second"]
    assert listed.body[1]["last_used_at"] is not None
    assert secret.split("_", 2)[2] not in str(listed.body)


async def test_a_managing_key_registers_nothing(live: Live, owner: Enterprise) -> None:
    key = (await make(live, owner.key, scopes=["manage"])).body["secret"]
    path = f"/v1/identifiers/{owner.prefix}/a"
    refused(await live.ask("PUT", path, key=key, json={}), 403, "not-permitted", "scope-register")
    refused(await make(live, key), 403, "not-permitted", "scope-growth")
    assert (await make(live, key, scopes=["manage"])).status == 201


async def test_operators_make_any_key(live: Live, owner: Enterprise) -> None:
    for wish in (
        {"role": "operator"},
        {"role": "bureau"},
        {"role": "enterprise", "enterprise_id": owner.enterprise_id},
    ):
        reply = await make(live, live.operator, **wish)
        assert (reply.status, reply.body["key"]["role"]) == (201, wish["role"])
    reply = await make(live, live.operator, enterprise_id=999)
    refused(reply, 404, "enterprise-not-found")
    refused(await make(live, live.operator), 422, "invalid-input", "key-enterprise")
    reply = await make(live, live.operator, role="bureau", enterprise_id=owner.enterprise_id)
    refused(reply, 422, "invalid-input", "key-enterprise")
    listed = await live.ask("GET", "/v1/keys", key=live.operator)
    assert [item["role"] for item in listed.body] == ["operator", "operator", "bureau"]
    own = await live.ask("GET", f"/v1/keys?enterprise_id={owner.enterprise_id}", key=live.operator)
    assert [item["label"] for item in own.body] == ["first key", "second"]


async def test_enterprises_make_their_own_keys_alone(live: Live, owner: Enterprise) -> None:
    stranger = await live.enterprise(OTHER)
    for wish in ({"role": "operator"}, {"role": "bureau"}):
        refused(await make(live, owner.key, **wish), 403, "not-permitted", "operator-only")
    reply = await make(live, owner.key, enterprise_id=stranger.enterprise_id)
    refused(reply, 403, "not-permitted", "other-enterprise")
    path = f"/v1/keys?enterprise_id={stranger.enterprise_id}"
    refused(await live.ask("GET", path, key=owner.key), 403, "not-permitted", "other-enterprise")
    foreign = stranger.key.split("_")[1]
    reply = await live.ask("DELETE", f"/v1/keys/{foreign}", key=owner.key)
    refused(reply, 403, "not-permitted", "other-enterprise")


async def test_the_bureau_only_reads(live: Live, owner: Enterprise) -> None:
    bureau = (await make(live, live.operator, role="bureau")).body["secret"]
    path = f"/v1/identifiers/{owner.prefix}/a"
    refused(await live.ask("PUT", path, key=bureau, json={}), 403, "not-prefix-owner")
    refused(await make(live, bureau), 403, "not-permitted", "operator-only")
    refused(await live.ask("GET", "/v1/audit", key=bureau), 403, "not-permitted", "operator-only")


async def test_revoking(live: Live, owner: Enterprise) -> None:
    made = (await make(live, owner.key)).body
    path = f"/v1/keys/{made['key']['key_id']}"
    revoked = await live.ask("DELETE", path, key=owner.key)
    assert revoked.status == 200
    assert revoked.body["revoked_at"] is not None
    again = await live.ask("DELETE", path, key=owner.key)
    assert (again.status, again.body) == (200, revoked.body)
    reply = await live.ask("GET", "/v1/keys", key=made["secret"])
    refused(reply, 401, "not-authenticated", "key-revoked")
    for unknown in ("ABCDEFGHJKLM", "%00", "x" * 300):
        reply = await live.ask("DELETE", f"/v1/keys/{unknown}", key=owner.key)
        refused(reply, 404, "key-not-found")


NO_WISHES = [
    ({"label": ""}, "invalid-json"),
    ({"label": " "}, "invalid-input"),
    ({"label": "a\nb"}, "invalid-input"),
    ({"label": "x" * 101}, "invalid-json"),
    ({"role": "king"}, "invalid-json"),
    ({"scopes": ["fly"]}, "invalid-json"),
    ({"expires_at": "2001-01-01T00:00:00Z"}, "invalid-input"),
    ({"expires_at": "2099-01-01T00:00:00"}, "invalid-input"),
    ({"expires_at": "9999-12-31T23:59:59-14:00"}, "invalid-input"),
    ({"expires_at": "tomorrow"}, "invalid-json"),
    ({"enterprise_id": -1}, "invalid-json"),
    ({"enterprise_id": 2**31}, "invalid-json"),
]


async def test_wishes_that_break_a_rule(live: Live, owner: Enterprise) -> None:
    for wish, kind in NO_WISHES:
        refused(await make(live, owner.key, **wish), 422, kind)


async def test_the_same_request_makes_one_key(live: Live, owner: Enterprise) -> None:
    async def request(label: str) -> Reply:
        return await live.ask(
            "POST",
            "/v1/keys",
            key=owner.key,
            json={"label": label},
            headers={"Idempotency-Key": "line-3"},
        )

    replies = await asyncio.gather(*(request("line 3") for _ in range(8)))
    assert {reply.status for reply in replies} == {201}
    assert len({reply.body["secret"] for reply in replies}) == 1
    assert len((await live.ask("GET", "/v1/keys", key=owner.key)).body) == 2
    assert (await live.ask("GET", "/v1/keys", key=replies[0].body["secret"])).status == 200
    refused(await request("line 4"), 409, "idempotency-key-reused")


async def test_idempotency_keys_are_the_senders_own(live: Live, owner: Enterprise) -> None:
    stranger = await live.enterprise(OTHER)
    headers = {"Idempotency-Key": "1"}
    bodies = [
        await live.ask("POST", "/v1/keys", key=key, json={"label": "x"}, headers=headers)
        for key in (owner.key, stranger.key)
    ]
    assert [reply.status for reply in bodies] == [201, 201]
    assert bodies[0].body["secret"] != bodies[1].body["secret"]
