"""Logging in, and what a token is worth."""

from __future__ import annotations

import hashlib
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from node.app import open_node
from node.http.client import Clients
from node.serve import listening, working
from node.settings import Settings
from registry.access.actor import console
from registry.access.application import BEIJING
from tests.node.live import Enterprise, Live
from tests.node.snms.client import Client, identity

WRONG = (-2, "用户名或密码错误")
NOT_LOGGED_IN = (-1, "未登录或token已失效，请重新获取token")


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def daily(secret: str, days: int = 0) -> str:
    today = datetime.now(UTC).astimezone(BEIJING) + timedelta(days=days)
    return sha256(sha256(secret) + today.strftime("%Y-%m-%d"))


@pytest.fixture
async def client(live: Live, owner: Enterprise) -> Client:
    """A program that has not logged in yet."""
    secret = await identity(live.node, "mes", owner.enterprise_id)
    return Client(live.session, live.url, "mes", secret, prefix=owner.prefix)


async def log_in(client: Client, path: str = "/identity/token", **body: Any) -> Any:
    given = {"username": client.username, "password": client.password} | body
    return await client.send("POST", path, json=given)


async def test_a_password_gives_a_token_that_opens(client: Client) -> None:
    reply = await log_in(client)
    assert (reply.http, reply.told) == (200, (1, "success"))
    assert list(reply.data) == ["token"]
    assert reply.headers["Cache-Control"] == "no-store"
    opened = await client.log_in()
    assert opened.token != reply.data["token"]
    assert (await opened.detail(f"{client.prefix}/none")).told == (-2, "标识不存在")


async def test_the_days_password_gives_one_too(client: Client) -> None:
    for password in (daily(client.password), daily(client.password).upper()):
        reply = await log_in(client, "/identity/token/v1", password=password)
        assert reply.told == (1, "success")
        assert len(reply.data["token"]) >= 32
    for days in (-2, 2):
        reply = await log_in(client, "/identity/token/v1", password=daily(client.password, days))
        assert reply.told == WRONG


async def test_each_path_takes_its_own_kind_of_password(client: Client) -> None:
    assert (await log_in(client, "/identity/token/v1")).told == WRONG
    assert (await log_in(client, password=daily(client.password))).told == WRONG
    assert (await log_in(client, password=sha256(client.password))).told == WRONG


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"username": "nobody"}, WRONG),
        ({"password": "wrong"}, WRONG),
        ({"username": "MES"}, WRONG),
        ({"password": "密码"}, WRONG),
        ({"username": "n" * 50}, WRONG),
        ({"password": "p" * 64}, WRONG),
        ({"username": "n" * 51}, (-2, "请求参数过长: username，最多50个字符")),
        ({"password": "p" * 65}, (-2, "请求参数过长: password，最多64个字符")),
        ({"username": None}, (-2, "缺少必要的请求参数: username")),
        ({"password": ""}, (-2, "缺少必要的请求参数: password")),
        ({"password": 7}, (-2, "请求参数类型不正确: password")),
        ({"username": "a\0b"}, (-2, "请求参数包含非法字符: username")),
        ({"username": "\ud800"}, (-2, "请求内容不是合法的JSON")),
    ],
)
@pytest.mark.parametrize("path", ["/identity/token", "/identity/token/v1"])
async def test_what_is_wrong_is_told(
    client: Client, path: str, wrong: dict[str, Any], told: tuple[int, str]
) -> None:
    reply = await log_in(client, path, **wrong)
    assert (reply.http, reply.told, reply.data) == (200, told, None)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[]", b"7", b"null"])
async def test_what_is_no_login_is_refused(client: Client, body: bytes) -> None:
    reply = await client.send("POST", "/identity/token", data=body)
    assert (reply.http, reply.status) == (200, -2)


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Bearer nonsense", "Basic bWVzOm1lcw==", "nonsense"],
)
async def test_without_a_good_token_nothing_opens(client: Client, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    for method, path in (("GET", "/identityv2/data/detail"), ("POST", "/identityv2/data")):
        reply = await client.send(method, path, headers=headers)
        assert (reply.http, reply.told, reply.data) == (200, NOT_LOGGED_IN, None)


async def test_an_api_key_is_no_token(client: Client, owner: Enterprise) -> None:
    headers = {"Authorization": f"Bearer {owner.key}"}
    reply = await client.send("GET", "/snms/api/prefix/page", headers=headers)
    assert reply.told == NOT_LOGGED_IN


async def test_a_token_is_no_api_key(live: Live, client: Client) -> None:
    token = (await client.log_in()).token
    assert (await live.ask("GET", "/v1/keys", key=token)).status == 401


async def test_a_revoked_identity_is_out_at_once(live: Live, client: Client) -> None:
    opened = await client.log_in()
    listed = await live.node.wiring.applications.list(console(), None)
    assert listed == []
    (application,) = await live.node.wiring.applications.list(console(), 1)
    await live.node.wiring.applications.revoke(console(), application.application_id)
    assert (await opened.send("GET", "/snms/api/prefix/page")).told == NOT_LOGGED_IN
    assert (await log_in(client)).told == WRONG
    assert (await log_in(client, "/identity/token/v1", password=daily(client.password))).told == (
        WRONG
    )


async def test_who_guesses_has_to_wait(live: Live, client: Client) -> None:
    opened = await client.log_in()
    limit = live.node.wiring.settings.failures_per_minute
    for number in range(limit):
        path = "/identity/token/v1" if number % 2 else "/identity/token"
        assert (await log_in(client, path, password="wrong")).told == WRONG
    reply = await log_in(client)
    assert (reply.http, reply.told) == (200, (-2, "请求过于频繁，请稍后再试"))
    assert 0 < int(reply.headers["Retry-After"]) <= 60
    assert (await opened.send("GET", "/snms/api/prefix/page")).status == -2


async def test_a_token_is_good_on_every_process(settings: Settings, live: Live) -> None:
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(open_node(settings))
        await stack.enter_async_context(working(other))
        address = await stack.enter_async_context(listening(other))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        enterprise = await live.enterprise()
        secret = await identity(live.node, "mes", enterprise.enterprise_id)
        here = await Client(live.session, live.url, "mes", secret).log_in()
        there = Client(session, address, "mes", secret, token=here.token)
        reply = await there.send("GET", "/snms/api/prefix/page")
        assert [row["entPrefix"] for row in reply.data["content"]] == [enterprise.prefix]


async def test_passwords_need_a_safe_way(live: Live, client: Client) -> None:
    """Loopback is one; a trusted proxy that was asked without TLS is not."""
    unsafe = Clients(["127.0.0.0/8"], credentials_over_http=False)
    wiring = live.node.wiring
    before = wiring.clients
    object.__setattr__(wiring, "clients", unsafe)
    try:
        headers = {"X-Forwarded-Proto": "http"}
        body = {"username": client.username, "password": client.password}
        reply = await client.send("POST", "/identity/token", json=body, headers=headers)
        assert reply.told == (-1, "请通过HTTPS访问")
        headers |= {"Authorization": "Bearer x"}
        reply = await client.send("GET", "/snms/api/prefix/page", headers=headers)
        assert reply.told == (-1, "请通过HTTPS访问")
    finally:
        object.__setattr__(wiring, "clients", before)
