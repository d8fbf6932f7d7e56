"""A live node as a Handle client sees it, and what is seeded for one."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from yarl import URL

from node.wiring import Wiring
from registry.access.actor import Actor, Role, console
from registry.access.key import ALL_SCOPES
from registry.identifier import Identifier
from registry.prefix.prefixes import PrefixWish
from registry.record.registration import Method, Registration
from registry.record.typed_data import Admin
from registry.record.value import DataIn, ValueIn, normalise
from tests.node.live import SUBJECT, Live

EVERY_RIGHT = "111111111111"
ADMIN_HANDLE = "88.118.8/ADMIN"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def told(self) -> tuple[int, int]:
        """HTTP status and response code."""
        return self.status, self.json["responseCode"]


@dataclass(frozen=True)
class Peer:
    """Sends requests as they stand, and looks at the node's counters."""

    live: Live

    @property
    def wiring(self) -> Wiring:
        return self.live.node.wiring

    async def send(self, method: str, path: str, **more: Any) -> Answer:
        url = URL(self.live.url + path, encoded=True)
        async with self.live.session.request(
            method, url, allow_redirects=False, **more
        ) as response:
            return Answer(response.status, response.headers.copy(), await response.read())

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.send("GET", path, **more)

    async def put(self, path: str, values: object, **more: Any) -> Answer:
        return await self.send("PUT", path, json=values, **({"headers": ADMIN} | more))

    async def delete(self, path: str) -> Answer:
        return await self.send("DELETE", path, headers=ADMIN)

    def counted(self, name: str, **labels: str) -> float:
        registry = self.wiring.instruments.registry
        return registry.get_sample_value(name, labels) or 0.0


def value(index: int, type_: str, data: DataIn | str, **more: Any) -> ValueIn:
    return ValueIn(index=index, type=type_, data=data, **more)


def admin(handle: str, index: int, permissions: str = EVERY_RIGHT) -> DataIn:
    return DataIn({"handle": handle, "index": index, "permissions": permissions}, "admin")


def group(*members: tuple[int, str]) -> DataIn:
    return DataIn([{"index": index, "handle": handle} for index, handle in members], "vlist")


def basic(user: str, password: str) -> dict[str, str]:
    """The header for a handle identity, the user percent-encoded as the field's clients do."""
    text = f"{quote(user, safe='')}:{password}"
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


ADMIN = basic(f"301:{ADMIN_HANDLE}", "secret")


def owner_of(enterprise_id: int) -> Actor:
    return Actor(
        f"key:ENTERPRISE{enterprise_id}",
        role=Role.ENTERPRISE,
        enterprise_id=enterprise_id,
        scopes=frozenset(ALL_SCOPES),
        request_id=f"request-of-{enterprise_id}",
    )


async def add_enterprise(live: Live, subject: dict[str, str] = SUBJECT) -> int:
    enterprise_id, _ = await live.applied(subject)
    await live.node.wiring.enterprises.verify(console(), enterprise_id, "营业执照原件核对")
    return enterprise_id


async def add_prefix(wiring: Wiring, enterprise_id: int, code: str, *admins: Admin) -> str:
    """An active prefix with these administrators."""
    wish = PrefixWish(enterprise_id=enterprise_id, code=code)
    prefix = (await wiring.prefixes.request(owner_of(enterprise_id), wish)).prefix
    await wiring.prefixes.approve(console(), prefix)
    await wiring.prefixes.settle_review(console(), prefix, True, "")
    await wiring.prefixes.set_administrators(owner_of(enterprise_id), prefix, admins)
    return prefix


async def register(wiring: Wiring, enterprise_id: int, handle: str, *values: ValueIn) -> None:
    registration = Registration(Identifier.parse(handle), normalise(values, now=wiring.now()))
    verdicts = await wiring.registrar.create(owner_of(enterprise_id), [registration], Method.SINGLE)
    assert verdicts[0].error is None


async def furnish(live: Live) -> int:
    """An enterprise with 88.118.8 and 88.118.9, whose administrators are the group
    300:88.118.8/ADMIN: the one identity 301 of the same record, with the secret key `secret`."""
    wiring = live.node.wiring
    enterprise_id = await add_enterprise(live)
    for code in ("8", "9"):
        await add_prefix(wiring, enterprise_id, code, Admin(ADMIN_HANDLE, 300, EVERY_RIGHT))
    await register(
        wiring,
        enterprise_id,
        ADMIN_HANDLE,
        value(100, "HS_ADMIN", admin(ADMIN_HANDLE, 300)),
        value(300, "HS_VLIST", group((301, ADMIN_HANDLE))),
        value(301, "HS_SECKEY", "secret"),
    )
    return enterprise_id
