"""A program that speaks SNMS, written as those of the field are: it knows a base address, a user
name and a password."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import aiohttp

from node.app import Node
from registry.access.actor import Role, console
from registry.access.application import ApplicationWish
from tests.node.live import Enterprise, Live

TEMPLATE: dict[str, Any] = {
    "version": "1.0.0",
    "industryCategory": "C",
    "industrySpecific": "38",
    "industryTrade": "387",
    "industrySubclass": "3872",
    "type": 1,
    "description": "灯具",
    "items": [
        {
            "name": "产品名称",
            "idType": "name",
            "idIndex": 2000,
            "required": True,
            "metadata": {"type": "string", "minLength": 1, "maxLength": 10},
        },
        {
            "name": "产品网址",
            "idType": "URL",
            "idIndex": 2001,
            "required": False,
            "metadata": {"type": "string", "minLength": 0, "maxLength": 255},
        },
        {
            "name": "旧批号",
            "idType": "lot",
            "idIndex": 2002,
            "state": 0,
            "metadata": {"type": "string", "minLength": 0, "maxLength": 255},
        },
    ],
}


@dataclass(frozen=True)
class Reply:
    """What came back. Every answer has the three members, in this order."""

    http: int
    headers: Any
    message: str
    status: int
    data: Any

    @property
    def told(self) -> tuple[int, str]:
        return self.status, self.message


@dataclass(frozen=True)
class Client:
    session: aiohttp.ClientSession
    base: str
    username: str
    password: str
    token: str | None = None
    prefix: str = ""

    async def send(self, method: str, path: str, **options: Any) -> Reply:
        headers = dict(options.pop("headers", {}))
        if self.token is not None:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        url = self.base + path
        async with self.session.request(method, url, headers=headers, **options) as response:
            body = await response.json()
            assert response.content_type == "application/json"
            assert list(body) == ["message", "status", "data"]
            return Reply(
                response.status, response.headers, body["message"], body["status"], body["data"]
            )

    async def log_in(self) -> Client:
        reply = await self.send(
            "POST",
            "/identity/token",
            json={"username": self.username, "password": self.password},
        )
        assert reply.told == (1, "success")
        return replace(self, token=reply.data["token"])

    async def template(self, **changes: Any) -> Reply:
        body = TEMPLATE | {"prefix": self.prefix} | changes
        return await self.send("POST", "/snms/api/v5/template", json=body)

    async def create(self, handle: str, *values: dict[str, Any], **changes: Any) -> Reply:
        return await self.send("POST", "/identityv2/data", json=entry(handle, values, **changes))

    async def update(self, handle: str, *values: dict[str, Any], **changes: Any) -> Reply:
        return await self.send("PUT", "/identityv2/data", json=entry(handle, values, **changes))

    async def delete(self, handle: str) -> Reply:
        return await self.send("DELETE", "/identityv2/data", json={"handle": handle})

    async def detail(self, handle: str) -> Reply:
        return await self.send("GET", "/identityv2/data/detail", params={"handle": handle})

    async def shown(self, handle: str) -> dict[int, str]:
        """The values of a record by their index."""
        reply = await self.detail(handle)
        assert reply.status == 1, reply
        return {value["index"]: value["data"]["value"] for value in reply.data["value"]}


def entry(handle: str, values: Iterable[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    body = {"handle": handle, "templateVersion": "1.0.0", "value": list(values)}
    return body | changes


def value(index: int, type_: str, text: str, **changes: Any) -> dict[str, Any]:
    data = {"format": "string", "value": text}
    return {"index": index, "type": type_, "auth": "", "data": data} | changes


def name(text: str = "台灯") -> dict[str, Any]:
    return value(2000, "name", text)


def url(text: str = "https://example.com/1") -> dict[str, Any]:
    return value(2001, "URL", text)


async def identity(node: Node, username: str, enterprise_id: int | None) -> str:
    """A new application identity's secret; an operator's where no enterprise is named."""
    role = Role.OPERATOR if enterprise_id is None else Role.ENTERPRISE
    wish = ApplicationWish(username=username, role=role, enterprise_id=enterprise_id)
    return (await node.wiring.applications.create(console(), wish)).secret


async def client_of(live: Live, username: str, enterprise: Enterprise | None) -> Client:
    """A client that has logged in."""
    number = enterprise.enterprise_id if enterprise else None
    secret = await identity(live.node, username, number)
    prefix = enterprise.prefix if enterprise else ""
    return await Client(live.session, live.url, username, secret, prefix=prefix).log_in()


def size(content: object) -> int:
    return len(json.dumps(content).encode())
