"""`biaoshi award report` and `assess` against a live node."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import msgspec
import pytest

from metrics.log import keys as log_keys
from node.settings import Settings
from tests.award.report.sample import FACTS
from tests.node.cli.conftest import Cli

YEAR = str(date.today().year)


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """As `biaoshi run` has it: a log of its own, of a demonstration."""
    log_keys.create(tmp_path / "log-keys")
    return msgspec.structs.replace(
        settings, log_keys_folder=str(tmp_path / "log-keys"), log_origin="demo.invalid/88.118"
    )


async def test_from_the_facts_to_a_checked_report(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "facts.toml").write_text(FACTS, "utf-8")
    question = ("--year", YEAR, "--facts", "facts.toml")
    assessed = await cli("award", "assess", *question)
    assert assessed.status == 0, assessed.err
    assert "演示数据" in assessed.out
    made = await cli("award", "report", *question, "--out", "report.zip", "--json")
    assert made.status == 0, made.err
    assert json.loads(made.out)["demo"] is True
    checked = await cli("award", "verify", "report.zip", "--json")
    assert checked.status == 0, checked.out
    states = {one["name"]: one["state"] for one in json.loads(checked.out)}
    assert states["signature"] == states["arithmetic"] == states["evidence"] == "passed"
    folder = await cli("award", "report", *question, "--out", "reports")
    assert folder.status == 0, folder.err
    assert "草稿（演示数据）" in folder.out
    (unpacked,) = [one for one in (tmp_path / "reports").iterdir() if one.is_dir()]
    assert (unpacked / "report.pdf").read_bytes().startswith(b"%PDF")
    assert (await cli("award", "verify", unpacked)).status == 0
    listed = await cli("award", "reports")
    assert f"88.118-{YEAR}-D002" in listed.out


async def test_a_demonstration_is_never_certified(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "facts.toml").write_text(FACTS, "utf-8")
    made = await cli("award", "report", "--year", YEAR, "--facts", "facts.toml", "--certified")
    assert made.status == 1
    assert made.err.count("\n") == 1
    wrong = await cli("award", "report", "--year", YEAR, "--facts", "nowhere.toml")
    assert "cannot read" in wrong.err
