"""A live node as tests see it, with enterprises to register as."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from node.app import Node
from registry.access.actor import console
from registry.enterprise.subject import Subject
from registry.prefix.prefixes import PrefixWish

SUBJECT: dict[str, str] = {
    "name": "中山市示范灯饰有限公司",
    "credit_code": "91110108589104047H",
    "legal_person": "梁伟明",
    "contact_name": "陈小姐",
    "contact_phone": "0760-22345678",
    "contact_email": "contact@example.com",
    "address": "广东省中山市古镇镇同益工业园",
    "industry": "C3872",
}
OTHER = SUBJECT | {"name": "中山市另一家锁业有限公司", "credit_code": "91350100M000100Y43"}

PATIENCE = 60.0  # seconds; a wait ends as soon as what it waits for is there


async def until(reached: Callable[[], bool]) -> None:
    """Return when that is so."""
    async with asyncio.timeout(PATIENCE):
        while not reached():  # noqa: ASYNC110 - nobody would tell
            await asyncio.sleep(0.02)


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Any
    body: Any  # decoded JSON, or text


@dataclass(frozen=True)
class Enterprise:
    enterprise_id: int
    key: str
    prefix: str


@dataclass(frozen=True)
class Live:
    """A live node with an operator's key, asked over HTTP."""

    node: Node
    url: str
    session: aiohttp.ClientSession
    operator: str

    async def ask(self, method: str, path: str, *, key: str | None = None, **options: Any) -> Reply:
        headers = dict(options.pop("headers", {}))
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        url = options.pop("url", None) or self.url + path
        async with self.session.request(method, url, headers=headers, **options) as response:
            text = await response.text()
            json = "json" in response.content_type
            body = await response.json(content_type=None) if json and text else text
            return Reply(response.status, response.headers, body)

    async def applied(self, subject: dict[str, str]) -> tuple[int, str]:
        """An enterprise that nobody has verified yet, and its key."""
        application = await self.node.wiring.enterprises.apply(console(), Subject(**subject))
        return application.enterprise.enterprise_id, application.key.secret

    async def enterprise(self, subject: dict[str, str] | None = None) -> Enterprise:
        """A verified enterprise with an active prefix."""
        wiring = self.node.wiring
        number, key = await self.applied(subject or SUBJECT)
        await wiring.enterprises.verify(console(), number, "营业执照原件核对")
        prefix = await wiring.prefixes.request(console(), PrefixWish(enterprise_id=number))
        await wiring.prefixes.approve(console(), prefix.prefix)
        await wiring.prefixes.settle_review(console(), prefix.prefix, True, "")
        return Enterprise(number, key, prefix.prefix)
