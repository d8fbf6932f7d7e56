"""A program of the field at its work. It was written against another secondary node: nothing of it
but the base address knows of this one."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta, timezone
from typing import Any

import aiohttp
import pytest

from tests.node.live import Live

USERNAME, SECRET = "mes", "the secret it always had"


class Snms:
    """The program's own access layer: it looks at `status` and shows people `message`."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self.session = session
        self.base = base
        self.headers = {"Content-Type": "application/json"}

    async def call(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        async with self.session.request(
            method, self.base + path, json=body, params=query, headers=self.headers
        ) as response:
            assert response.status == 200
            answer = await response.json()
        if answer["status"] != 1:
            raise RuntimeError(answer["message"])
        return answer["data"]

    async def open(self, username: str, secret: str) -> None:
        today = datetime.now(timezone(timedelta(hours=8))).strftime("%Y-%m-%d")
        inner = hashlib.sha256(secret.encode()).hexdigest()
        password = hashlib.sha256((inner + today).encode()).hexdigest()
        data = await self.call(
            "POST", "/identity/token/v1", {"username": username, "password": password}
        )
        self.headers["Authorization"] = "Bearer " + data["token"]


def product(handle: str, text: str) -> dict[str, Any]:
    return {
        "handle": handle,
        "templateVersion": "1.0.0",
        "value": [
            {
                "data": {"format": "string", "value": text},
                "auth": "",
                "index": 2000,
                "type": "name",
            },
        ],
    }


async def test_a_working_day(live: Live) -> None:
    owner = await live.enterprise()
    wish = {"username": USERNAME, "secret": SECRET}
    made = await live.ask("POST", "/v1/applications", key=owner.key, json=wish)
    assert (made.status, made.body["secret"]) == (201, SECRET)

    node = Snms(live.session, live.url)
    await node.open(USERNAME, SECRET)
    (own,) = (await node.call("GET", "/snms/api/prefix/page"))["content"]
    prefix = own["entPrefix"]
    template = {
        "prefix": prefix,
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
                "idIndex": "2000",
                "metadata": {"type": "string", "minLength": 1, "maxLength": 100},
                "required": True,
            }
        ],
    }
    assert await node.call("POST", "/snms/api/v5/template", template) is True
    read = await node.call("GET", "/snms/api/v5/template", prefix=prefix, version="1.0.0")
    assert read["items"][0]["idIndex"] == 2000

    assert await node.call("POST", "/identityv2/data", product(f"{prefix}/SN1", "台灯")) is True
    with pytest.raises(RuntimeError, match=r"^标识已存在$"):  # the answer was lost: once more
        await node.call("POST", "/identityv2/data", product(f"{prefix}/SN1", "台灯"))
    batch = [product(f"{prefix}/SN{number}", "台灯") for number in range(1, 101)]
    results = await node.call("POST", "/identityv2/data/batchCreate", batch)
    assert [one["msg"] for one in results] == ["标识已存在", *["success"] * 99]

    body = product(f"{prefix}/SN1", "护眼台灯")
    assert await node.call("PUT", "/identityv2/data", body) is True
    found = await node.call("GET", "/identityv2/data/detail", handle=f"{prefix}/SN1")
    assert [(v["index"], v["data"]["value"]) for v in found["value"]] == [
        (1001, "1.0.0"),
        (2000, "护眼台灯"),
    ]
    assert await node.call("DELETE", "/identityv2/data", {"handle": f"{prefix}/SN1"}) is True
    rest = [one["handle"] for one in batch]
    results = await node.call("DELETE", "/identityv2/data/batchDelete", rest)
    assert [one["code"] for one in results] == [-2, *[1] * 99]
    with pytest.raises(RuntimeError, match=r"^标识已被删除$"):
        await node.call("GET", "/identityv2/data/detail", handle=f"{prefix}/SN1")
