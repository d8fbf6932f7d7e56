"""What all operations of v1 have in common."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from yarl import URL

from node.v1.operation import Operation
from node.v1.surface import OPERATIONS
from registry.errors import NotAuthenticated
from tests.node.live import Enterprise, Live
from tests.node.refused import plain, refused

METHODS = ["GET", "PUT", "POST", "PATCH", "DELETE"]


def path_of(operation: Operation) -> str:
    """The operation's path with some value for each parameter."""
    values = {"number": "1", "segment": "88.118.1", "handle": "88.118.1/a"}
    return re.sub(r"\{\w+:(\w+)\}", lambda found: values[found[1]], operation.path)


def named(operation: Operation) -> str:
    return operation.name


def test_names_and_paths_stand_once() -> None:
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)
    assert len({(op.method, op.path) for op in OPERATIONS}) == len(OPERATIONS)
    assert all(operation.path.startswith("/v1/") for operation in OPERATIONS)
    for operation in OPERATIONS:
        assert "{handle" not in operation.path or operation.path.endswith("{handle:handle}")


@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
def test_what_a_client_sends_is_taken_strictly(operation: Operation) -> None:
    for kind in (operation.query, operation.body):
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            assert kind.__struct_config__.forbid_unknown_fields, kind


async def test_without_a_key_nothing_is_done(live: Live) -> None:
    for operation in OPERATIONS:
        reply = await live.ask(operation.method, path_of(operation), data=b"not JSON")
        if operation.needs_key:
            refused(reply, 401, NotAuthenticated.kind)
            assert reply.headers["WWW-Authenticate"] == 'Bearer realm="biaoshi"'
        else:
            assert reply.status in (404, 422)


async def test_other_methods_are_named(live: Live) -> None:
    allowed: dict[str, set[str]] = {}
    for operation in OPERATIONS:
        allowed.setdefault(path_of(operation), set()).add(operation.method)
    for path, methods in allowed.items():
        for method in set(METHODS) - methods:
            reply = await live.ask(method, path, key=live.operator)
            plain(reply, 405)
            named_ones = {text.strip() for text in reply.headers["Allow"].split(",")}
            assert named_ones - {"HEAD"} == methods


NO_PATHS = [
    "/v1",
    "/v1/",
    "/v1/nothing",
    "/v1/enterprises/x",
    "/v1/enterprises/1234567890",
    "/v1/enterprises/-1",
    "/v1/enterprises/",
    "/v1/codes/%D9%A3",
    "/v1/resolve/",
    "/v1/prefixes/a/b",
    "/v2/resolve/88.118.1/a",
    "//v1/resolve/88.118.1/a",
]


async def test_paths_that_are_none(live: Live) -> None:
    for path in NO_PATHS:
        plain(await live.ask("GET", path, key=live.operator), 404)


async def test_an_encoded_path_names_the_same(live: Live, owner: Enterprise) -> None:
    await live.ask("PUT", f"/v1/identifiers/{owner.prefix}/a", key=owner.key, json={})
    target = URL(f"{live.url}/v1/res%6Flve/{owner.prefix}/%61", encoded=True)
    reply = await live.ask("GET", "", url=target)
    assert (reply.status, reply.body["handle"]) == (200, f"{owner.prefix}/a")


NO_BODIES = [
    b"",
    b"[]",
    b"null",
    b'"x"',
    b"{",
    b'{"label": "a"} x',
    b'{"label": 1}',
    b'{"label": null}',
    b"\xef\xbb\xbf{}",
    b'{"label": "\xff"}',
    "{'label': 'a'}".encode("utf-16"),
    b"[" * 100_000,
]


async def test_bodies_that_are_none(live: Live) -> None:
    for body in NO_BODIES:
        reply = await live.ask("POST", "/v1/keys", key=live.operator, data=body)
        refused(reply, 422, "invalid-json")


async def test_the_place_of_a_mistake_is_named(live: Live, owner: Enterprise) -> None:
    body: dict[str, Any] = {"values": [{"index": 1, "type": "URL", "data": "x"}, {"index": "2"}]}
    reply = await live.ask("PUT", f"/v1/identifiers/{owner.prefix}/a", key=owner.key, json=body)
    refused(reply, 422, "invalid-json", "json-type")
    assert reply.body["field"] == "values[1].index"
    items = [{"handle": f"{owner.prefix}/a"}, {"handle": f"{owner.prefix}/b", "values": [3]}]
    reply = await live.ask("POST", "/v1/identifiers", key=owner.key, json=items)
    assert reply.body["results"][1]["problem"]["field"] == "[1].values[0]"
