"""Credentials: keys as Bearer tokens, handle identities as Basic ones, and how they may come."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
import pytest

from node import foundation
from node.app import open_node
from node.serve import listening, working
from node.settings import Settings
from tests.node.live import SUBJECT, Enterprise, Live, Reply
from tests.node.refused import refused

GUARDED = "/v1/identifiers/88.118.1/nothing"
SECRET = "密码:%41+ /?"


def basic(user: str, password: str | bytes) -> dict[str, str]:
    secret = password.encode() if isinstance(password, str) else password
    text = user.encode() + b":" + quote(secret, safe="").encode()
    return {"Authorization": "Basic " + base64.b64encode(text).decode()}


async def ask(live: Live, header: str | dict[str, str]) -> Reply:
    headers = {"Authorization": header} if isinstance(header, str) else header
    return await live.ask("GET", GUARDED, headers=headers)


@pytest.fixture
async def identity(live: Live, owner: Enterprise) -> str:
    """A handle with secrets of several forms."""
    handle = f"{owner.prefix}/admin:1%"
    values: list[dict[str, Any]] = [
        {"index": 300, "type": "HS_SECKEY", "data": SECRET},
        {"index": 301, "type": "hs_seckey",
         "data": {"format": "base64", "value": base64.b64encode(b"\x00\xff").decode()}},
        {"index": 302, "type": "HS_SECKEY", "data": {"format": "vlist", "value": []}},
        {"index": 303, "type": "HS_SECKEY", "data": ""},
        {"index": 304, "type": "URL", "data": "https://example.com"},
    ]  # fmt: skip
    path = quote(handle, safe="/:")
    body = {"values": values}
    reply = await live.ask("PUT", f"/v1/identifiers/{path}", key=owner.key, json=body)
    assert reply.status == 201, reply.body
    return handle


async def test_keys(live: Live, owner: Enterprise) -> None:
    for header in (f"Bearer {owner.key}", f"bearer   {owner.key} ", f"BEARER {owner.key}"):
        assert (await ask(live, header)).status == 404


@pytest.mark.parametrize(
    ("header", "rule"),
    [
        ("", "scheme"),
        ("Bearer", "key-form"),
        ("Bearer ", "key-form"),
        ("Digest x", "scheme"),
        ("Basic", "basic-form"),
        ("Basic !!", "basic-form"),
        ("Basic " + base64.b64encode(b"no colon").decode(), "basic-form"),
        ("Basic " + base64.b64encode(b"\xff:x").decode(), "basic-form"),
        ("Basic " + base64.b64encode(b"300%3Aa/b:\xff").decode(), "basic-form"),
        ("Basic " + base64.b64encode(b"user:x").decode(), "identity-form"),
        ("Basic " + base64.b64encode(b"-1%3Aa/b:x").decode(), "identity-form"),
        ("Basic " + base64.b64encode(b"9" * 5000 + b"%3Aa/b:x").decode(), "identity-form"),
        ("Basic " + base64.b64encode("٣%3Aa/b:x".encode()).decode(), "identity-form"),
        ("Basic " + base64.b64encode(b"300%3Aa/b%00:x").decode(), "identity-form"),
        ("Basic " + base64.b64encode(b"300%3Aa/b:x").decode(), "identity-unknown"),
    ],
)
async def test_credentials_that_are_none(live: Live, header: str, rule: str) -> None:
    reply = await ask(live, header)
    refused(reply, 401, "not-authenticated", rule)
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")


async def test_identities(live: Live, identity: str) -> None:
    user = quote(identity, safe="")
    assert (await ask(live, basic(f"300%3A{user}", SECRET))).status == 404
    for index, password in (
        (300, "wrong"), (300, ""), (300, SECRET + "x"), (301, SECRET), (302, "[]"), (302, ""),
        (303, ""), (303, "x"), (304, "https://example.com"), (0, SECRET), (999, SECRET),
    ):  # fmt: skip
        reply = await ask(live, basic(f"{index}%3A{user}", password))
        refused(reply, 401, "not-authenticated", "identity-unknown")


async def test_an_identitys_case_follows_the_database(live: Live, identity: str) -> None:
    user = quote(identity.upper(), safe="")
    assert (await ask(live, basic(f"300%3A{user}", SECRET))).status == 404


async def test_a_withdrawn_record_opens_nothing(
    live: Live, owner: Enterprise, identity: str
) -> None:
    path = f"/v1/identifiers/{quote(identity, safe='/:')}"
    assert (await live.ask("DELETE", path, key=owner.key)).status == 200
    reply = await ask(live, basic(f"300%3A{quote(identity, safe='')}", SECRET))
    refused(reply, 401, "not-authenticated", "identity-unknown")


@pytest.fixture
async def proxied(settings: Settings) -> AsyncIterator[Live]:
    """A node that takes 127.0.0.1 for its proxy, which says how it was asked."""
    settings = msgspec.structs.replace(
        settings, trusted_proxies=("127.0.0.1/32",), failures_per_minute=3, applications_per_hour=2
    )
    await foundation.prepare(settings)
    async with (
        open_node(settings) as node,
        listening(node) as url,
        working(node),
        aiohttp.ClientSession() as session,
    ):
        yield Live(node, url, session, "")


async def test_credentials_in_clear_are_refused_unread(proxied: Live) -> None:
    headers = {"Authorization": "Bearer nonsense", "X-Forwarded-Proto": "http"}
    for _ in range(5):  # these are no failures to count either
        reply = await proxied.ask("GET", GUARDED, headers=headers)
        refused(reply, 401, "not-authenticated", "tls-needed")
    headers["X-Forwarded-Proto"] = "https"
    reply = await proxied.ask("GET", GUARDED, headers=headers)
    refused(reply, 401, "not-authenticated", "key-form")


async def test_failures_count_by_the_clients_address(proxied: Live) -> None:
    async def fail(*hops: str) -> int:
        headers = {"Authorization": "Bearer nonsense", "X-Forwarded-For": ", ".join(hops)}
        return (await proxied.ask("GET", GUARDED, headers=headers)).status

    statuses = [await fail(f"1.2.3.{n}", "198.51.100.9") for n in range(8)]
    assert statuses[0] == 401
    assert 429 in statuses
    assert await fail("198.51.100.10") == 401
    assert await fail("198.51.100.9", "2001:db8::1") == 401


async def test_applications_count_by_the_clients_address(proxied: Live) -> None:
    async def apply(client: str) -> Reply:
        return await proxied.ask(
            "POST",
            "/v1/enterprises",
            json=SUBJECT | {"industry": "nonsense"},
            headers={"X-Forwarded-For": client},
        )

    replies = [await apply("198.51.100.9") for _ in range(6)]
    assert replies[0].status == 422
    late = next(reply for reply in replies if reply.status == 429)
    refused(late, 429, "too-many-requests")
    assert 1 <= int(late.headers["Retry-After"]) <= 3601
    assert (await apply("198.51.100.10")).status == 422


async def test_strangers_behind_one_proxy_share_no_idempotency_key(proxied: Live) -> None:
    """The same guessable key and even the same body from elsewhere gets no one else's answer."""

    async def apply(client: str) -> Reply:
        headers = {"X-Forwarded-For": client, "Idempotency-Key": "1"}
        return await proxied.ask("POST", "/v1/enterprises", json=SUBJECT, headers=headers)

    first = await apply("198.51.100.9")
    assert first.status == 201
    assert (await apply("198.51.100.9")).body == first.body
    refused(await apply("198.51.100.10"), 409, "enterprise-exists")
