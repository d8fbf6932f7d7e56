"""Who the demonstration is about: an invented lamp maker, and keys that open its doors."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import msgspec

from node.cli.client import NodeClient, NodeRefused, handle_path
from node.demo.demonstration import Demonstration

SUBJECT = {
    "name": "中山市示范灯饰有限公司",
    "credit_code": "91442000MA0000000T",
    "legal_person": "张三",
    "contact_name": "李四",
    "contact_phone": "0760-00000000",
    "contact_email": "demo@example.com",
    "address": "广东省中山市古镇镇示范路1号",
    "industry": "C3872",
    "website": "https://lamps.example.com",
}
EVIDENCE = "营业执照与法定代表人身份证件核验记录 DEMO-0001"
LABEL = "demonstration"
ADMIN_INDEX = 300
ALL_RIGHTS = "1" * 12
UNAUTHENTICATED = 401
CONFLICT = 409


class Cast:
    """Finds or makes each party, and keeps what it learns in demo.json at once: a run that was
    killed half-way is taken up where it stopped."""

    def __init__(self, demo: Demonstration, save: Callable[[Demonstration], None]) -> None:
        self.demo = demo
        self._save = save

    def client(self, key: str | None = None) -> NodeClient:
        return NodeClient(self.demo.base_url, key)

    @property
    def operator(self) -> NodeClient:
        return self.client(self.demo.operator_key)

    @property
    def enterprise(self) -> NodeClient:
        return self.client(self.demo.enterprise_key)

    def learn(self, **known: Any) -> None:
        self.demo = msgspec.structs.replace(self.demo, **known)
        self._save(self.demo)

    async def holds(self, key: str) -> bool:
        """Whether the node takes this key."""
        if not key:
            return False
        try:
            async with self.client(key) as client:
                await client.get("/v1/keys")
        except NodeRefused as error:
            return error.status != UNAUTHENTICATED
        return True

    async def apply(self) -> tuple[dict[str, Any], bool]:
        """The enterprise, and whether it has just applied."""
        try:
            async with self.client() as client:
                made = await client.post("/v1/enterprises", SUBJECT)
        except NodeRefused as error:
            if error.status != CONFLICT:
                raise
            return await self._known_enterprise(), False
        self.learn(
            enterprise_id=made["enterprise"]["enterprise_id"],
            enterprise_key=made["key"]["secret"],
        )
        return made["enterprise"], True

    async def _known_enterprise(self) -> dict[str, Any]:
        async with self.operator as client:
            found = await _by_credit_code(client)
            number = found["enterprise_id"]
            if number != self.demo.enterprise_id or not await self.holds(self.demo.enterprise_key):
                wish = {"role": "enterprise", "enterprise_id": number, "label": LABEL}
                made = await client.post("/v1/keys", wish)
                self.learn(enterprise_id=number, enterprise_key=made["secret"])
        return found

    async def admit_bureau(self) -> None:
        if not await self.holds(self.demo.bureau_key):
            async with self.operator as client:
                made = await client.post("/v1/keys", {"role": "bureau", "label": LABEL})
            self.learn(bureau_key=made["secret"])

    async def appoint_handle_admin(self, prefix: str) -> None:
        """Register the identity that clients of the Handle surfaces administer the prefix with."""
        handle = f"{prefix}/ADMIN"
        admin = {"handle": handle, "index": ADMIN_INDEX, "permissions": ALL_RIGHTS}
        secret = self.demo.handle_admin_secret or secrets.token_urlsafe(18)
        values = [
            {"index": 100, "type": "HS_ADMIN", "data": {"format": "admin", "value": admin}},
            {"index": ADMIN_INDEX, "type": "HS_SECKEY", "data": secret},
        ]
        path = handle_path("/v1/identifiers", handle)
        async with self.enterprise as client:
            try:
                await client.put(path, {"values": values})
            except NodeRefused as error:
                if error.status != CONFLICT:
                    raise
                await client.call("PATCH", path, {"values": values})
            shown = await client.get(f"/v1/prefixes/{prefix}")
            if admin not in shown["administrators"]:
                administrators = [*shown["administrators"], admin]
                path = f"/v1/prefixes/{prefix}/administrators"
                await client.put(path, {"administrators": administrators})
        self.learn(handle_admin=f"{ADMIN_INDEX}:{handle}", handle_admin_secret=secret)


async def _by_credit_code(client: NodeClient) -> dict[str, Any]:
    """The enterprise that has applied with our credit code."""
    async for enterprise in client.pages("/v1/enterprises"):
        same = enterprise["subject"]["credit_code"] == SUBJECT["credit_code"]
        if same and enterprise["state"] != "rejected":
            return dict(enterprise)
    raise AssertionError("the node said that an enterprise with this credit code has applied")
