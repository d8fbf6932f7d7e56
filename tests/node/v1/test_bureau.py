"""The bureau's surface: evidence, reports, packages, and what it may not."""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import AsyncIterator
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from award import form
from award.evidence.certified import CertifiedYear
from award.policy.policy import load
from award.report.verification import State, Verification
from metrics.log import keys as log_keys
from node import foundation
from node.app import open_node
from node.serve import listening, working
from node.settings import Settings
from registry.access.actor import Role, console
from registry.access.key import KeyWish
from tests.award.report.sample import FACTS
from tests.node.live import Live, Reply

REPORTS = "/v1/bureau/reports"
YEAR = date.today().year


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """With a certified log, whose keys sign reports."""
    log_keys.create(tmp_path / "log-keys")
    return msgspec.structs.replace(
        settings, log_keys_folder=str(tmp_path / "log-keys"), log_origin="id.city.example/log"
    )


@pytest.fixture
async def bureau(live: Live) -> str:
    wish = KeyWish(role=Role.BUREAU, label="bureau of the tests")
    return (await live.node.wiring.keyring.create(console(), wish)).secret


async def issue(live: Live, **wish: Any) -> Reply:
    body = {"year": YEAR, "facts": FACTS} | wish
    return await live.ask("POST", REPORTS, key=live.operator, json=body)


async def pulled(live: Live, key: str, path: str, **headers: str) -> tuple[int, bytes, str]:
    sent = {"Authorization": f"Bearer {key}", **headers}
    async with live.session.get(live.url + path, headers=sent) as response:
        return response.status, await response.read(), response.headers.get("ETag", "")


async def test_a_draft_from_wish_to_verification(live: Live, bureau: str) -> None:
    made = await issue(live)
    assert made.status == 201, made.body
    assert made.body["number"] == f"88.118-{YEAR}-D001"
    assert made.body["agreement"] == "none"
    path = made.headers["Location"]
    assert (await live.ask("GET", path, key=bureau)).body == made.body
    listed = await live.ask("GET", REPORTS, key=bureau)
    assert listed.body["items"] == [made.body]
    status, content, tag = await pulled(live, bureau, f"{path}/package")
    assert status == 200
    with zipfile.ZipFile(BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    checks = {one.name: one for one in Verification(files, (), load).checks()}
    assert not [one for one in checks.values() if one.state is State.FAILED]
    assert checks["signature"].state is State.PASSED
    assert checks["arithmetic"].state is State.PASSED
    assert checks["standing"].state is State.NOT_CHECKED  # a draft
    status, pdf, _ = await pulled(live, bureau, f"{path}/document")
    assert (status, pdf) == (200, files["report.pdf"])
    for part in ("package", "document"):
        status, nothing, _ = await pulled(live, bureau, f"{path}/{part}", **{"If-None-Match": tag})
        assert (status, nothing) == (304, b"")


async def test_every_pull_is_in_the_audit_trail(live: Live, bureau: str) -> None:
    path = (await issue(live)).headers["Location"]
    await pulled(live, bureau, f"{path}/package")
    trail = (await live.ask("GET", "/v1/audit", key=live.operator)).body
    actions = [one["action"] for one in trail]
    assert actions[0] == "report.pulled"
    assert "report.issued" in actions
    assert trail[0]["subject"] == f"report/88.118-{YEAR}-D001/1"


async def test_the_statements_log_has_it(live: Live) -> None:
    made = (await issue(live)).body
    async with asyncio.timeout(60):
        while True:
            body = await pulled(live, live.operator, "/log/statements/tile/entries/000.p/3")
            if body[0] == 200:
                break
            await asyncio.sleep(0.05)
    assert made["digest"].encode() in body[1]
    assert b'"report-issued"' in body[1]


async def test_a_correction_is_a_revision_that_names_the_other(live: Live, bureau: str) -> None:
    first = (await issue(live)).body
    again = await issue(live, corrects=first["number"], reason="更正资助金额")
    assert again.status == 201, again.body
    assert (again.body["number"], again.body["revision"]) == (first["number"], 2)
    assert again.body["replaces"] == first["digest"]
    both = await live.ask("GET", REPORTS, key=bureau)
    assert [one["revision"] for one in both.body["items"]] == [1, 2]
    for wish in (
        {"corrects": "88.118-1-1", "reason": "x"},
        {"corrects": first["number"], "reason": "x", "year": YEAR - 1},
        {"corrects": first["number"]},
    ):
        assert (await issue(live, **wish)).status in (404, 422)


async def test_sent_again_it_is_the_same_report(live: Live) -> None:
    body = {"year": YEAR, "facts": FACTS}
    headers = {"Idempotency-Key": "report-1"}

    async def send(**changes: Any) -> Reply:
        return await live.ask(
            "POST", REPORTS, key=live.operator, json=body | changes, headers=headers
        )

    first, second = await asyncio.gather(send(), send())
    assert (first.status, second.status) == (201, 201)
    assert first.body == second.body == (await send()).body
    assert len((await live.ask("GET", REPORTS, key=live.operator)).body["items"]) == 1
    reused = await send(year=YEAR - 1)
    assert (reused.status, reused.body["rule"]) == (409, "idempotency-key-reused")
    assert (await issue(live)).body["number"].endswith("D002")


async def test_numbers_rise_per_year(live: Live) -> None:
    numbers = [(await issue(live, year=year)).body["number"] for year in (YEAR, YEAR, YEAR - 1)]
    assert numbers == [f"88.118-{YEAR}-D001", f"88.118-{YEAR}-D002", f"88.118-{YEAR - 1}-D001"]


async def test_what_cannot_be_issued(live: Live) -> None:
    wrong = await issue(live, facts="[node]\n")
    assert (wrong.status, wrong.body["type"]) == (422, "/docs/problems#invalid-facts")
    assert "第 1 行" in wrong.body["detail"]
    assert (await issue(live, policy="nowhere")).status == 422
    certified = await issue(live, kind="certified")
    assert certified.status == 409
    assert certified.body["rule"] == "no-counts"


async def test_evidence_is_what_the_ledger_says(live: Live, bureau: str) -> None:
    found = await live.ask("GET", f"/v1/bureau/evidence?through={YEAR}", key=bureau)
    assert found.status == 200
    (year,) = form.decode(form.encode(found.body["items"]), list[CertifiedYear], "evidence")
    assert (year.year, year.through, year.demo) == (YEAR, None, False)
    assert set(year.observed) == {"check-3", "check-6", "check-7", "check-8", "check-9"}
    assert "主管部门有效密钥 1 个" in year.observed["check-8"]


async def test_what_the_bureau_has_it_need_not_pull_again(live: Live, bureau: str) -> None:
    for path in (f"/v1/bureau/evidence?through={YEAR}", "/v1/bureau/definitions",
                 "/v1/bureau/policies"):  # fmt: skip
        status, content, tag = await pulled(live, bureau, path)
        assert (status, bool(content), bool(tag)) == (200, True, True)
        known = {"If-None-Match": tag}
        async with asyncio.timeout(60):  # evidence may be of a log that just grew
            while (again := await pulled(live, bureau, path, **known))[0] != 304:
                known = {"If-None-Match": again[2]}
        assert again[1] == b""
    trail = (await live.ask("GET", "/v1/audit", key=live.operator)).body
    pulls = [one["subject"] for one in trail if one["action"] == "evidence.pulled"]
    assert f"evidence/{YEAR}" in pulls


async def test_definitions_and_policies(live: Live, bureau: str) -> None:
    definitions = await live.ask("GET", "/v1/bureau/definitions", key=bureau)
    assert any("30.000 秒" in one["text"] for one in definitions.body)
    (policy,) = (await live.ask("GET", "/v1/bureau/policies", key=bureau)).body
    assert policy["digest"] == load("zhongshan_2025").digest
    assert "第四条（五）" in policy["parameters"]["volume_cap"]
    assert len(policy["readings"]) == 11


async def test_who_may(live: Live, bureau: str) -> None:
    owner = await live.enterprise()
    body = {"year": YEAR, "facts": FACTS}
    for path in (REPORTS, f"{REPORTS}/x/1", f"{REPORTS}/x/1/package", "/v1/bureau/definitions",
                 f"/v1/bureau/evidence?through={YEAR}", "/v1/bureau/policies"):  # fmt: skip
        assert (await live.ask("GET", path)).status == 401
        assert (await live.ask("GET", path, key=owner.key)).status == 403
    for key in (bureau, owner.key):
        assert (await live.ask("POST", REPORTS, key=key, json=body)).status == 403
    assert (await live.ask("GET", f"{REPORTS}/x/1", key=bureau)).status == 404


@pytest.fixture
async def keyless(settings: Settings) -> AsyncIterator[Live]:
    plain = msgspec.structs.replace(settings, log_keys_folder=None, log_origin=None)
    await foundation.prepare(plain)
    async with (
        open_node(plain) as node,
        working(node),
        listening(node) as url,
        aiohttp.ClientSession() as session,
    ):
        operator = await node.wiring.keyring.create(
            console(), KeyWish(role=Role.OPERATOR, label="operator")
        )
        yield Live(node, url, session, operator.secret)


async def test_without_keys_nothing_is_signed(keyless: Live) -> None:
    made = await issue(keyless)
    assert (made.status, made.body["rule"]) == (503, "no-keys")


async def test_no_policy_is_asked_of_a_day_before_it(live: Live) -> None:
    refused = await issue(live, year=2025, on="2000-01-01", kind="draft")
    assert (refused.status, refused.body["field"]) == (422, "on")
    assert refused.body["rule"] == "policy-date"
