"""Certified reports of a live node whose log a witness cosigns: issued, refused, verified."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from metrics.log.cosignature import verifier_key
from node.cli.program import execute
from node.sandbox.app import RunningSandbox
from node.settings import Settings
from tests.award.report.sample import FACTS
from tests.node.log import conftest as log_tests
from tests.node.log.conftest import Logged, log_folder, logged, sandbox
from tests.node.log.test_command_line import written
from tests.node.past import REGISTERED, YESTERDAY, Office, bureau, database, office, past

__all__ = ["bureau", "database", "log_folder", "logged", "office", "past", "sandbox"]

REPORTS = "/v1/bureau/reports"
YEAR = YESTERDAY.year
PATIENCE = 60.0  # seconds, for some rounds of the log
ABSENT = str(verifier_key("absent.example", Ed25519PrivateKey.from_private_bytes(b"a" * 32)))
settings_of_a_log = log_tests.settings


@pytest.fixture
def settings(
    settings_of_a_log: Settings, sandbox: RunningSandbox, request: pytest.FixtureRequest
) -> Settings:
    """With a bureau that takes daily statistics."""
    changes = {"bureau_url": sandbox.bureau_url} | getattr(request, "param", {})
    return msgspec.structs.replace(settings_of_a_log, **changes)


@dataclass(frozen=True)
class Certain:
    """A live node whose day of yesterday is closed and published."""

    logged: Logged
    folder: Path

    async def issue(self, **wish: Any) -> Any:
        body = {"year": YEAR, "facts": FACTS, "kind": "certified"} | wish
        live = self.logged.live
        return await live.ask("POST", REPORTS, key=live.operator, json=body)

    async def issued(self, **wish: Any) -> dict[str, Any]:
        """Once what it rests on is published."""
        async with asyncio.timeout(PATIENCE):
            while (reply := await self.issue(**wish)).status == 409:
                assert reply.body["rule"] in {
                    "no-checkpoint", "uncosigned", "statements", "no-counts", "contradiction",
                }, reply.body  # fmt: skip
                await asyncio.sleep(0.1)
        assert reply.status == 201, reply.body
        return dict(reply.body)

    async def package(self, issued: dict[str, Any]) -> Path:
        live = self.logged.live
        path = f"{REPORTS}/{issued['number']}/{issued['revision']}/package"
        headers = {"Authorization": f"Bearer {live.operator}"}
        async with live.session.get(live.url + path, headers=headers) as response:
            file = self.folder / f"{issued['number']}-{issued['revision']}.zip"
            file.write_bytes(await response.read())
        return file

    async def verify(self, *arguments: object, capsys: pytest.CaptureFixture[str]) -> Any:
        """The exit status, and what each check came to."""
        capsys.readouterr()
        spelled = ["verify", *map(str, arguments), "--json"]
        status = await asyncio.to_thread(execute, spelled, {})
        return status, {one["name"]: one for one in json.loads(capsys.readouterr().out)}


@pytest.fixture
async def certain(past: Office, logged: Logged, tmp_path: Path) -> Certain:
    return Certain(logged, tmp_path)


async def test_a_certified_report_stands_alone(
    certain: Certain, capsys: pytest.CaptureFixture[str]
) -> None:
    issued = await certain.issued(challenge="4711")
    assert issued["number"] == f"88.118-{YEAR}-001"
    assert issued["agreement"] == "none"
    file = await certain.package(issued)
    witness = ("--witness-key", certain.logged.witness)
    status, checks = await certain.verify(file, *witness, capsys=capsys)
    states = {name: one["state"] for name, one in checks.items()}
    assert status == 0
    assert {name for name, state in states.items() if state != "passed"} == {"log", "cross-check"}
    assert f"{REGISTERED} 片叶子，均在日志中" in checks["sample"]["detail"]
    assert "4711" in checks["sample"]["detail"]
    assert "其中 1 份日结声明" in checks["statements"]["detail"]

    stranger = ("--witness-key", ABSENT)
    status, checks = await certain.verify(file, *stranger, capsys=capsys)
    assert (status, checks["checkpoints"]["state"]) == (1, "failed")
    assert "absent.example" in checks["checkpoints"]["detail"]


async def test_and_beside_the_whole_log(
    certain: Certain, capsys: pytest.CaptureFixture[str]
) -> None:
    file = await certain.package(await certain.issued())
    config, out = written(certain.logged.settings, certain.folder), certain.folder / "out"
    export = ["log", "export", str(out), "--config", str(config)]
    assert await asyncio.to_thread(execute, export, {}) == 0
    status, checks = await certain.verify(file, "--log", out, capsys=capsys)
    assert (status, checks["log"]["state"]) == (0, "passed"), checks["log"]
    assert f"registrations-{YEAR} {REGISTERED} 片叶子" in checks["log"]["detail"]

    (bundle,) = (out / f"registrations-{YEAR}" / "tile" / "entries").rglob("*.p/*")
    content = bundle.read_bytes()
    bundle.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    status, checks = await certain.verify(file, "--log", out, capsys=capsys)
    assert (status, checks["log"]["state"]) == (1, "failed")
    assert "leaf-hash" in checks["log"]["detail"]
    status, checks = await certain.verify(file, "--log", out / "statements", capsys=capsys)
    assert f"没有 {log_tests.ORIGIN}/registrations-{YEAR}" in checks["log"]["detail"]


async def test_statistics_of_the_closed_day_reach_the_bureau(certain: Certain) -> None:
    live = certain.logged.live

    async def uploads() -> Any:
        return (await live.ask("GET", "/v1/bureau/uploads", key=live.operator)).body

    sent: list[Any] = []
    async with asyncio.timeout(PATIENCE):
        while not sent or sent[0]["received_at"] is None:
            await asyncio.sleep(0.1)
            sent = await uploads()
    assert [one["day"] for one in sent] == [YESTERDAY.isoformat()]
    assert sent[0]["receipt"].startswith(f"88.118/{YESTERDAY}/")
    found = await live.ask("GET", f"/v1/bureau/evidence?through={YEAR}", key=live.operator)
    assert "已获回执 1 日" in found.body["items"][-1]["observed"]["check-8"]


async def test_a_correction_rests_on_the_statement_of_the_one_before(
    certain: Certain, capsys: pytest.CaptureFixture[str]
) -> None:
    first = await certain.issued()
    again = await certain.issued(corrects=first["number"], reason="更正资助金额")
    assert (again["revision"], again["replaces"]) == (2, first["digest"])
    status, _ = await certain.verify(await certain.package(again), capsys=capsys)
    assert status == 0


@pytest.mark.parametrize(
    ("settings", "rule", "said"),
    [
        ({"national_node_witness_key": None, "log_cosignatures": 0}, "no-witness", "国家顶级节点"),
        ({"log_witnesses": (f"http://127.0.0.1:1 {ABSENT}",)}, "uncosigned", "absent.example"),
    ],
    indirect=["settings"],
)
async def test_without_its_witnesses_nothing_is_certified(
    certain: Certain, rule: str, said: str
) -> None:
    async with asyncio.timeout(PATIENCE):
        while (refused := await certain.issue()).body["rule"] != rule:
            assert refused.status == 409, refused.body
            await asyncio.sleep(0.1)
    assert said in refused.body["detail"]
    assert (await certain.issue(kind="draft")).status == 201
