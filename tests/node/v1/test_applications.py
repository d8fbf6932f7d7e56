"""Application identities over HTTP."""

from __future__ import annotations

from typing import Any

from tests.node.live import OTHER, Enterprise, Live, Reply
from tests.node.refused import refused


async def make(live: Live, key: str, **wish: Any) -> Reply:
    return await live.ask("POST", "/v1/applications", key=key, json={"username": "mes"} | wish)


async def test_an_identity_is_shown_once_and_logs_in(live: Live, owner: Enterprise) -> None:
    reply = await make(live, owner.key, scopes=["register"])
    assert reply.status == 201
    application, secret = reply.body["application"], reply.body["secret"]
    assert (application["username"], application["enterprise_id"]) == ("mes", owner.enterprise_id)
    assert (application["scopes"], application["last_login_at"]) == (["register"], None)
    login = {"username": "mes", "password": secret}
    assert (await live.ask("POST", "/identity/token", json=login)).body["status"] == 1
    listed = await live.ask("GET", "/v1/applications", key=owner.key)
    assert [one["username"] for one in listed.body] == ["mes"]
    assert listed.body[0]["last_login_at"] is not None
    assert secret not in str(listed.body)
    path = f"/v1/applications/{application['application_id']}"
    revoked = await live.ask("DELETE", path, key=owner.key)
    assert revoked.body["revoked_at"] is not None
    assert (await live.ask("POST", "/identity/token", json=login)).body["status"] == -2


async def test_the_scope_binds(live: Live, owner: Enterprise) -> None:
    secret = (await make(live, owner.key, scopes=["register"])).body["secret"]
    login = {"username": "mes", "password": secret}
    token = (await live.ask("POST", "/identity/token", json=login)).body["data"]["token"]
    body = {"prefix": owner.prefix, "version": "1", "items": []}
    answer = await live.ask("POST", "/snms/api/v5/template", key=token, json=body)
    assert (answer.body["status"], answer.body["message"]) == (-3, "该应用没有管理权限")


async def test_who_makes_which(live: Live, owner: Enterprise) -> None:
    stranger = await live.enterprise(OTHER)
    refused(await make(live, owner.key, role="operator"), 403, "not-permitted", "operator-only")
    reply = await make(live, owner.key, enterprise_id=stranger.enterprise_id)
    refused(reply, 403, "not-permitted", "other-enterprise")
    refused(await make(live, live.operator), 422, "invalid-input", "application-enterprise")
    refused(await make(live, live.operator, enterprise_id=999), 404, "enterprise-not-found")
    assert (await make(live, live.operator, role="operator")).status == 201
    reply = await make(live, live.operator, enterprise_id=owner.enterprise_id)
    refused(reply, 409, "application-exists", "username-taken")
    listed = await live.ask("GET", "/v1/applications", key=live.operator)
    assert [one["role"] for one in listed.body] == ["operator"]
    path = f"/v1/applications/{listed.body[0]['application_id']}"
    refused(await live.ask("DELETE", path, key=owner.key), 403, "not-permitted", "operator-only")
    gone = await live.ask("DELETE", "/v1/applications/999", key=live.operator)
    refused(gone, 404, "application-not-found")


async def test_a_post_sent_again_makes_one(live: Live, owner: Enterprise) -> None:
    first, second = [
        await live.ask(
            "POST", "/v1/applications", key=owner.key, json={"username": "mes"},
            headers={"Idempotency-Key": "same"},
        )
        for _ in range(2)
    ]  # fmt: skip
    assert first.status == second.status == 201
    assert first.body == second.body
