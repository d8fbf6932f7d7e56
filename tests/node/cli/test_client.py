"""The client: what a node's answers become."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from node.cli.client import NodeClient, NodeRefused, NodeUnreachable, handle_path
from registry.errors import InvalidInput


async def _answer(request: web.Request) -> web.StreamResponse:
    match request.match_info["what"]:
        case "problem":
            body = {"title": "Bad", "detail": "it is bad", "field": "x", "rule": "y"}
            return web.json_response(body, status=422)
        case "html":
            return web.Response(text="<h1>", status=502)
        case "redirect":
            raise web.HTTPFound("/else")
        case "page":
            after = int(request.query.get("after", "0"))
            items = list(range(after, after + 3))
            return web.json_response(
                {"items": items, "next": str(after + 3) if after < 6 else None}
            )
        case "slow":
            await asyncio.sleep(5)
        case "gone":
            assert request.transport is not None
            request.transport.abort()
    return web.json_response({"auth": request.headers.get("Authorization")})


@pytest.fixture
async def server() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/{what}", _answer)
    async with TestServer(app) as server:
        yield str(server.make_url(""))


async def test_the_key_travels_as_bearer(server: str) -> None:
    async with NodeClient(server, "bsk_1") as client:
        assert await client.get("/any") == {"auth": "Bearer bsk_1"}
    async with NodeClient(server) as client:
        assert await client.get("/any") == {"auth": None}


async def test_a_problem_keeps_its_parts(server: str) -> None:
    async with NodeClient(server) as client:
        with pytest.raises(NodeRefused) as refused:
            await client.get("/problem")
    error = refused.value
    assert (error.detail, error.status, error.field, error.rule) == ("it is bad", 422, "x", "y")


@pytest.mark.parametrize("path", ["/html", "/redirect"])
async def test_what_is_no_node_is_told_so(server: str, path: str) -> None:
    async with NodeClient(server) as client:
        with pytest.raises(NodeRefused, match="answers like no node"):
            await client.get(path)


async def test_pages_are_followed_to_the_end(server: str) -> None:
    async with NodeClient(server) as client:
        assert [item async for item in client.pages("/page")] == list(range(9))


async def test_patience_is_bounded(server: str) -> None:
    async with NodeClient(server, seconds=0.2) as client:
        with pytest.raises(NodeUnreachable, match="does not answer in time"):
            await client.get("/slow")


async def test_a_lost_answer_is_unreachable(server: str) -> None:
    async with NodeClient(server) as client:
        with pytest.raises(NodeUnreachable, match="cannot reach the node"):
            await client.get("/gone")


@pytest.mark.parametrize("url", ["", "node:8000", "ftp://node", "http://"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        NodeClient(url)


def test_no_character_of_a_handle_is_lost_on_the_way() -> None:
    assert handle_path("/v1/resolve", "a/..%2F?#灯") == "/v1/resolve/a%2F..%252F%3F%23%E7%81%AF"
