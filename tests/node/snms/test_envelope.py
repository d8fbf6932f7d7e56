"""The envelope of every answer, and the words in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest
from aiohttp import web

from node.app import SURFACES
from node.snms import chinese
from node.snms.chinese import KINDS, RULES
from node.snms.surface import SURFACE, routes
from registry import identifier
from registry.errors import BiaoshiError, NationalNodeUnavailable, RemoteUnavailable
from tests.node.live import Live
from tests.node.snms.client import Client, name

BUSY = "系统繁忙，请稍后再试"


def operations() -> Iterator[Any]:
    for route in routes():
        assert isinstance(route, web.RouteDef)
        yield pytest.param(route.method, route.path, id=f"{route.method} {route.path}")


def is_chinese(text: str) -> bool:
    return any("\u4e00" <= letter <= "\u9fff" for letter in text)


def test_every_message_is_chinese() -> None:
    for text in (*KINDS.values(), *RULES.values(), *chinese.HTTP.values()):
        assert is_chinese(text)
        assert not text.endswith("。"), "a message is no sentence of a longer text"
        assert " " not in text, text
        assert text.isprintable()


def test_every_rule_of_identifiers_has_words() -> None:
    """But for those that only a path's spelling, or a prefix's allocation, can break."""
    elsewhere = {"bad-percent-escape", "bad-utf8", "secondary-prefix-syntax"}
    assert {str(rule) for rule in identifier.Rule} - elsewhere <= set(RULES)


def test_the_surface_has_its_place() -> None:
    assert SURFACE in SURFACES
    assert SURFACES[-1].name == "site"
    paths = {f"/{route.path.split('/')[1]}" for route in routes() if hasattr(route, "path")}
    assert paths == set(SURFACE.paths)


@pytest.mark.parametrize(("method", "path"), list(operations()))
async def test_nobody_unknown_gets_anywhere(live: Live, method: str, path: str) -> None:
    reply = await Client(live.session, live.url, "", "").send(method, path, data=b"{}")
    expected = -2 if path.startswith("/identity/token") else -1
    assert (reply.http, reply.status, reply.data) == (200, expected, None)


async def test_what_is_not_there_is_told_in_the_envelope(factory: Client) -> None:
    for path in ("/identity", "/identity/token/v9", "/identityv2/x", "/snms/api/v9/template"):
        reply = await factory.send("GET", path)
        assert (reply.http, reply.told, reply.data) == (404, (-2, "接口不存在"), None)
    for method, path in (("GET", "/identity/token"), ("PATCH", "/identityv2/data"),
                         ("POST", "/identityv2/data/detail")):  # fmt: skip
        reply = await factory.send(method, path)
        assert (reply.http, reply.told) == (405, (-2, "该接口不支持此请求方式"))
        assert reply.headers["Allow"]


async def test_a_crash_tells_nothing(
    live: Live, factory: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(type(live.node.wiring.chain), "resolve", crash)
    reply = await factory.detail(f"{factory.prefix}/1")
    assert (reply.http, reply.told, reply.data) == (500, (-4, BUSY), None)


@pytest.mark.parametrize(
    ("error", "http", "told"),
    [
        (asyncpg.CannotConnectNowError("starting"), 503, (-4, BUSY)),
        (BiaoshiError("?"), 500, (-4, BUSY)),
        (RemoteUnavailable("?"), 200, (-2, "标识所在节点暂时无法访问，请稍后再试")),
        (NationalNodeUnavailable("?"), 200, (-2, "国家顶级节点暂时无法访问，请稍后再试")),
    ],
)
async def test_what_cannot_be_done_now(
    live: Live,
    factory: Client,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    http: int,
    told: tuple[int, str],
) -> None:
    async def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(type(live.node.wiring.chain), "resolve", fail)
    reply = await factory.detail(f"{factory.prefix}/1")
    assert (reply.http, reply.told) == (http, told)
    assert ("Retry-After" in reply.headers) == (http == 503)


async def test_a_list_that_loses_the_database_says_so(
    live: Live, factory: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise asyncpg.CannotConnectNowError("starting")

    handle = f"{factory.prefix}/1"
    assert (await factory.create(handle, name())).status == 1
    monkeypatch.setattr(type(live.node.wiring.registrar), "withdraw", fail)
    reply = await factory.send("DELETE", "/identityv2/data/batchDelete", json=[handle])
    assert (reply.http, reply.told) == (503, (-4, BUSY))


async def test_requests_are_counted_under_their_names(live: Live, factory: Client) -> None:
    await factory.detail(f"{factory.prefix}/1")
    labels = {"surface": "snms", "operation": "snmsDetail", "outcome": "2xx"}
    registry = live.node.wiring.instruments.registry
    assert registry.get_sample_value("biaoshi_requests_total", labels) == 1
