"""`biaoshi enterprise`, `prefix` and `key`, over the API of a live node."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from node.demo.demonstration import Demonstration
from tests.node.cli.conftest import Cli
from tests.node.live import SUBJECT, Enterprise, Live


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    (tmp_path / "demo.json").write_text("{")
    return tmp_path


async def test_an_enterprise_from_application_to_suspension(cli: Cli, live: Live) -> None:
    number, _ = await live.applied(SUBJECT)
    listed = await cli("enterprise", "list", "--state", "applied")
    assert listed.status == 0
    assert SUBJECT["name"] in listed.out
    verified = await cli("enterprise", "verify", str(number), "--evidence", "营业执照")
    assert verified.out == f"{SUBJECT['name']}: verified\n"
    assert (await cli("enterprise", "suspend", str(number), "--reason", "欠费")).status == 0
    shown = await cli("enterprise", "show", str(number))
    assert all(text in shown.out for text in ("suspended", "欠费", SUBJECT["credit_code"]))
    assert (await cli("enterprise", "resume", str(number))).out.endswith(": verified\n")
    assert "No enterprises" in (await cli("enterprise", "list", "--state", "rejected")).out


async def test_a_refused_application(cli: Cli, live: Live) -> None:
    number, _ = await live.applied(SUBJECT)
    assert "rejected" in (await cli("enterprise", "reject", str(number), "--reason", "假")).out
    again = await cli("enterprise", "verify", str(number), "--evidence", "x")
    assert (again.status, again.out) == (1, "")
    assert again.err.startswith("biaoshi: the enterprise is `rejected`")


async def test_text_of_enterprises_is_never_markup(cli: Cli, live: Live) -> None:
    await live.applied(SUBJECT | {"name": "[red]红[/red] :smile: 公司"})
    assert "[red]红[/red] :smile: 公司" in (await cli("enterprise", "list")).out


async def test_a_prefix_is_stopped_resumed_and_deleted(
    cli: Cli, live: Live, owner: Enterprise
) -> None:
    listed = await cli("prefix", "list", "--state", "active", "--json")
    assert [one["prefix"] for one in json.loads(listed.out)] == [owner.prefix]
    assert "stopped" in (await cli("prefix", "stop", owner.prefix, "--reason", "x")).out
    assert "active" in (await cli("prefix", "resume", owner.prefix)).out
    assert "to be deleted" in (await cli("prefix", "delete", owner.prefix, "--reason", "x")).out
    assert "待注销" in (await cli("prefix", "show", owner.prefix)).out
    assert "No prefixes" in (await cli("prefix", "list", "--state", "waiting")).out
    assert (await cli("prefix", "show", "88.118.999")).status == 1


async def test_a_prefix_is_approved_or_rejected(cli: Cli, live: Live, owner: Enterprise) -> None:
    for step, state in (("approve", "under review"), ("reject", "rejected")):
        asked = await live.ask("POST", "/v1/prefixes", key=owner.key, json={})
        reason = ["--reason", "x"] if step == "reject" else []
        assert state in (await cli("prefix", step, asked.body["prefix"], *reason)).out


async def test_keys_are_made_shown_once_and_revoked(
    cli: Cli, live: Live, owner: Enterprise
) -> None:
    made = await cli("key", "create", "--role", "bureau", "--label", "监管")
    secret = made.out.splitlines()[-1]
    assert (await live.ask("GET", "/v1/keys", key=secret)).status == 403
    listed = await cli("key", "list")
    assert "监管" in listed.out
    assert secret not in listed.out
    assert (await cli("key", "revoke", secret)).status == 0
    assert (await live.ask("GET", "/v1/keys", key=secret)).status == 401
    assert "revoked" in (await cli("key", "list")).out


async def test_a_key_of_an_enterprise_with_one_scope_and_an_end(
    cli: Cli, live: Live, owner: Enterprise
) -> None:
    made = await cli(
        "key", "create", "--role", "enterprise", "--enterprise", str(owner.enterprise_id),
        "--scope", "register", "--expires", "2099-01-01", "--json",
    )  # fmt: skip
    key = json.loads(made.out)["key"]
    assert key["scopes"] == ["register"]
    assert key["expires_at"].startswith("2099-01-01T00:00:00")
    listed = await cli("key", "list", "--enterprise", str(owner.enterprise_id))
    assert "valid until 2099" in listed.out


async def test_without_a_key_it_says_where_to_give_one(cli: Cli) -> None:
    refused = await cli("enterprise", "list", key=None)
    assert refused.status == 1
    assert "BIAOSHI_KEY" in refused.err


async def test_the_data_folder_gives_address_and_key(cli: Cli, live: Live, tmp_path: Path) -> None:
    Demonstration(base_url=live.url, operator_key=live.operator).save(tmp_path)
    assert (await cli("key", "list", "--data", tmp_path, key=None)).status == 0


async def test_the_demonstrations_key_goes_to_no_other_node(
    cli: Cli, live: Live, tmp_path: Path
) -> None:
    Demonstration(base_url="http://127.0.0.1:9", operator_key=live.operator).save(tmp_path)
    refused = await cli("key", "list", "--data", tmp_path, key=None)
    assert refused.status == 1
    assert "needs an operator's key" in refused.err


async def test_a_damaged_demo_file_is_named(cli: Cli, damaged: Path) -> None:
    refused = await cli("key", "list", "--data", damaged, key=None)
    assert refused.status == 1
    assert "demo.json is damaged" in refused.err


async def test_related_parties(cli: Cli, owner: Enterprise) -> None:
    number = str(owner.enterprise_id)
    related = await cli(
        "enterprise", "relate", number, "--reason", "控股子公司", "--since", "2026-03-02"
    )
    assert related.out.endswith(": 关联方 related party\n")
    again = await cli("enterprise", "relate", number, "--reason", "又一次")
    assert (again.status, again.out) == (1, "")
    assert "marked so already" in again.err
    shown = (await cli("enterprise", "show", number)).out
    assert "2026-03-02" in shown
    assert "控股子公司" in shown
    unrelated = await cli("enterprise", "unrelate", number, "--reason", "股权已转让")
    assert unrelated.out.endswith(": 非关联方 no related party\n")
    told = json.loads((await cli("enterprise", "show", number, "--json")).out)
    assert [mark["related"] for mark in told["related_party_marks"]] == [False, True]
