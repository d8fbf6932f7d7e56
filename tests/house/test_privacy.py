"""No secret and no personal datum ever reaches a log line, a metric or the audit trail."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from pathlib import Path
from typing import Any
from unittest.mock import patch

import aiohttp
import pytest
from structlog.testing import capture_logs
from yarl import URL

from node import foundation
from node.app import open_node
from node.serve import listening, working
from node.settings import Settings
from registry.access.actor import Role, console
from registry.access.key import KeyWish
from registry.enterprise.subject import PERSONAL
from registry.prefix import store as prefixes
from tests.node.live import OTHER, SUBJECT, Live, Reply

PASSWORD = "streng-geheim-4711"
PRIVATE = "成本价十二元八角"
PUBLIC = "https://example.com/nur-im-datensatz"
SUFFIX = "SERIENNUMMER-0042"
WRONG = "bsk_ABCDEFGHJKLM_" + "falscher-schluessel".ljust(43, "x")


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(
        database_url=database_url,
        secondary_prefix="88.118",
        sealing_key_file=str(tmp_path / "sealing.key"),
        port=0,
        drain_seconds=0.5,
    )


class Walk:
    """Everything a client does, well and badly, and the secrets that came up on the way."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.secrets: list[str] = [live.operator.split("_", 2)[2]]

    async def ask(self, method: str, path: str, **options: Any) -> Reply:
        url = URL(self.live.url + path, encoded=True)
        return await self.live.ask(method, "", url=url, **options)

    async def run(self) -> None:
        key, number = await self.apply()
        prefix = await self.prefix(key, number)
        handle = f"{prefix}/{SUFFIX}"
        await self.register(key, handle)
        await self.look(key, handle)
        await self.err(key, handle)
        await self.crash(handle)
        await self.malformed(key)

    async def apply(self) -> tuple[str, int]:
        once = {"Idempotency-Key": "walk-1"}
        for headers in (once, once, {}):
            reply = await self.ask("POST", "/v1/enterprises", json=SUBJECT, headers=headers)
            if reply.status == 201:
                key = reply.body["key"]["secret"]
                number = reply.body["enterprise"]["enterprise_id"]
        self.secrets.append(key.split("_", 2)[2])
        for member in PERSONAL:
            bad = OTHER | {member: SUBJECT[member] + "\u200b"}
            assert (await self.ask("POST", "/v1/enterprises", json=bad)).status == 422
        operator = self.live.operator
        await self.ask(
            "POST", f"/v1/enterprises/{number}/verify", key=operator, json={"evidence": "档案 17"}
        )
        moved = SUBJECT | {"address": "广东省中山市小榄镇"}
        await self.ask("PUT", f"/v1/enterprises/{number}", key=key, json=moved)
        await self.ask("GET", f"/v1/enterprises/{number}", key=key)
        return key, number

    async def prefix(self, key: str, number: int) -> str:
        prefix: str = (await self.ask("POST", "/v1/prefixes", key=key, json={})).body["prefix"]
        await self.ask("POST", f"/v1/prefixes/{prefix}/approve", key=self.live.operator)
        await self.live.node.wiring.prefixes.settle_review(console(), prefix, True, "")
        made = await self.ask("POST", "/v1/keys", key=key, json={"label": "line 1"})
        self.secrets.append(made.body["secret"].split("_", 2)[2])
        await self.ask("DELETE", f"/v1/keys/{made.body['key']['key_id']}", key=key)
        await self.ask("GET", "/v1/keys", key=made.body["secret"])
        await self.ask(
            "POST",
            f"/v1/prefixes/{prefix}/codes",
            key=key,
            json={"pattern": "{serial:3d}", "count": 2},
        )
        return prefix

    async def register(self, key: str, handle: str) -> None:
        values: list[dict[str, Any]] = [
            {"index": 1, "type": "URL", "data": PUBLIC},
            {"index": 2, "type": "X.COST", "data": PRIVATE, "permissions": "1100"},
            {"index": 300, "type": "HS_SECKEY", "data": PASSWORD},
        ]
        path = f"/v1/identifiers/{handle}"
        put = await self.ask("PUT", path, key=key, json={"values": values})
        assert put.status == 201, put.body
        other = {"values": values[:1]}
        assert (await self.ask("PUT", path, key=key, json=other)).status == 409
        change = {"values": [values[0] | {"data": PUBLIC + "/2"}]}
        assert (await self.ask("PATCH", path, key=key, json=change)).status == 200
        items = [{"handle": f"{handle}-{n}", "values": values} for n in range(3)]
        await self.ask("POST", "/v1/identifiers", key=key, json=[*items, {"handle": PASSWORD}])

    async def look(self, key: str, handle: str) -> None:
        for path in (f"/v1/identifiers/{handle}", f"/v1/history/{handle}", f"/v1/resolve/{handle}"):
            assert (await self.ask("GET", path, key=key)).status == 200
        await self.ask("GET", f"/v1/resolve/{handle}?type={PASSWORD}")

    async def err(self, key: str, handle: str) -> None:
        user = f"300%3A{handle.replace('/', '%2F')}"
        for password in (PASSWORD, PASSWORD + "-falsch"):
            text = base64.b64encode(f"{user}:{password}".encode()).decode()
            self.secrets.append(text)
            headers = {"Authorization": f"Basic {text}"}
            await self.ask("GET", f"/v1/identifiers/{handle}", headers=headers)
            await self.ask("DELETE", "/v1/keys/ABCDEFGHJKLM", headers=headers)
        for path in ("/v1/keys", f"/v1/resolve/{handle}", f"/{PASSWORD}", f"/v1/{PASSWORD}"):
            await self.ask("GET", path, key=WRONG)
            await self.ask("PURGE", path, key=key)
        bodies = (b"{" + SUBJECT["legal_person"].encode(), json.dumps({"x": PASSWORD}).encode())
        for body in bodies:
            await self.ask("POST", "/v1/enterprises", data=body)
            await self.ask("PUT", f"/v1/identifiers/{handle}", key=key, data=body)
        await self.ask("GET", f"/v1/identifiers/{handle}%00", key=key)

    async def crash(self, handle: str) -> None:
        """A failure whose message holds what was stored, as PostgreSQL's messages do."""

        async def fail(*_: object, **__: object) -> None:
            raise RuntimeError(f"Failing row contains ({SUBJECT['contact_email']}, {PASSWORD})")

        with patch.object(prefixes, "get", fail):
            reply = await self.ask("GET", "/v1/prefixes/88.118.1", key=self.live.operator)
        assert reply.status == 500
        assert PASSWORD not in str(reply.body)

    async def malformed(self, key: str) -> None:
        """What aiohttp refuses by itself, before any of our code sees it."""
        url = URL(self.live.url)
        assert url.port
        for line in (f"Authorization: Bearer {key}\x01", f"Authorization : Bearer {key}",
                     f"Authorization: Bearer {key}{'x' * 9000}", f"{PASSWORD}"):  # fmt: skip
            reader, writer = await asyncio.open_connection(url.host, url.port)
            writer.write(f"GET /v1/keys HTTP/1.1\r\nHost: x\r\n{line}\r\n\r\n".encode())
            async with asyncio.timeout(60):
                assert (await reader.read()).startswith(b"HTTP/1.")
            writer.close()


@pytest.mark.usefixtures("every_log_line")
async def test_nothing_is_told(
    settings: Settings, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    await foundation.prepare(settings)
    caplog.set_level(logging.DEBUG)
    with capture_logs() as logs:
        async with (
            open_node(settings) as node,
            listening(node) as url,
            working(node),
            aiohttp.ClientSession() as session,
        ):
            wish = KeyWish(role=Role.OPERATOR, label="operator of the tests")
            operator = await node.wiring.keyring.create(console(), wish)
            live = Live(node, url, session, operator.secret)
            walk = Walk(live)
            await walk.run()
            trail = await live.ask("GET", "/v1/audit?limit=1000", key=operator.secret)
            metrics = await live.ask("GET", "/metrics")
            ready = await live.ask("GET", "/readyz")
    written = capfd.readouterr()
    assert len(logs) > 40
    assert len(trail.body) > 10

    secret = [*walk.secrets, PASSWORD, PRIVATE, WRONG.split("_", 2)[2]]
    secret.append(Path(settings.sealing_key_file).read_text().strip())  # noqa: ASYNC240
    personal = [SUBJECT[member] for member in PERSONAL]
    own = [SUBJECT["name"], SUBJECT["credit_code"], PUBLIC]
    places = {
        "the log": str(logs),
        "the libraries' log": caplog.text,
        "the terminal": written.out + written.err,
        "the audit trail": json.dumps(trail.body, ensure_ascii=False),
        "the metrics": metrics.body,
        "the readiness": str(ready.body),
    }
    for place, text in places.items():
        for datum in (*secret, *personal, *own):
            assert datum not in text, f"{place} tells {datum!r}"
    for datum in (SUFFIX, "88.118.", "127.0.0.1", operator.key.key_id):
        assert datum not in places["the metrics"]
    for datum in (SUFFIX, "127.0.0.1"):
        assert datum not in places["the log"]


async def test_the_database_holds_no_secret_in_clear(settings: Settings) -> None:
    await foundation.prepare(settings)
    async with (
        open_node(settings) as node,
        listening(node) as url,
        working(node),
        aiohttp.ClientSession() as session,
    ):
        wish = KeyWish(role=Role.OPERATOR, label="operator of the tests")
        operator = await node.wiring.keyring.create(console(), wish)
        walk = Walk(Live(node, url, session, operator.secret))
        await walk.run()
        async with node.wiring.database.connection() as connection:
            tables = await connection.fetch(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            )
            for (table,) in tables:
                rows = str(await connection.fetch(f'SELECT * FROM "{table}"'))
                for secret in (*walk.secrets, PASSWORD, PRIVATE):
                    assert secret not in rows, table
                    assert secret.encode().hex() not in rows, table
