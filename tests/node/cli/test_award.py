"""`biaoshi award` without a node: template, policies, assessments of evidence in files."""

from __future__ import annotations

import json
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from award import form
from metrics.log.note import ED25519, VerifierKey
from node.cli.program import execute
from tests.award.build import certified
from tests.award.report.sample import FACTS, packed, report

STRANGER = str(VerifierKey("other.example/log/reports", ED25519, b"x" * 32))


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Options for the usual question: both thresholds exceeded in 2024."""
    (tmp_path / "facts.toml").write_text(FACTS, "utf-8")
    year = certified(2024, 100_000_001, 10_980_001)
    (tmp_path / "2024.json").write_bytes(form.encode(year))
    return ["--year", "2024", "--facts", str(tmp_path / "facts.toml"),
            "--evidence", str(tmp_path / "2024.json"), "--on", "2025-12-01"]  # fmt: skip


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = execute(["award", *arguments], {})
    out, err = capsys.readouterr()
    return status, out, err


def test_an_assessment_to_read(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = asked(capsys, "assess", *files, "--what-if", "investment=100万元")
    assert status == 0
    for said in ("4,500,000 元", "3,000,000 元", "无独立交叉核对", "volume-cap", "最高可奖励金额",
                 "合计 4,500,000 元，不变"):  # fmt: skip
        assert said in out


def test_an_assessment_for_programs(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = asked(capsys, "assess", *files, "--json")
    found: dict[str, Any] = json.loads(out)
    assert status == 0
    assert found["assessment"]["judgement"]["total"]["value"] == "4500000"
    assert found["assessment"]["strictest"]["value"] == "3000000"
    assert found["cross_check"]["agreement"] == "none"


def test_a_running_year_is_forecast(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    running = certified(2025, 80_000_000, 9_000_000, through=date(2025, 10, 31))
    (tmp_path / "2025.json").write_bytes(form.encode(running))
    more = ["--evidence", str(tmp_path / "2025.json"), *files[2:]]
    status, out, _ = asked(capsys, "assess", "--year", "2025", *more)
    assert status == 0
    assert "年终预测" in out
    assert "95% 预测区间" in out


def test_counts_that_contradict_themselves(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "2024.json"
    file.write_bytes(file.read_bytes().replace(b'"gross":100000001', b'"gross":100000002'))
    status, _, err = asked(capsys, "assess", *files)
    assert status == 1
    assert "计数自相矛盾" in err


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--on", "2025年", "2025-06-30"),
        ("--policy", "nowhere", "zhongshan_2025"),
        ("--tolerance", "viel", "税率"),
        ("--evidence", "/nowhere.json", "cannot read"),
        ("--facts", "/nowhere.toml", "无法读取"),
        ("--what-if", "x=1", "可用的名称"),
    ],
)
def test_mistakes_are_one_line(
    files: list[str], capsys: pytest.CaptureFixture[str], option: str, value: str, said: str
) -> None:
    known = dict(zip(files[::2], files[1::2], strict=True)) | {option: value}
    status, out, err = asked(capsys, "assess", *[part for pair in known.items() for part in pair])
    assert status == 1
    assert not out
    assert said in err
    assert err.count("\n") == 1


def test_the_template_and_the_policies(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = asked(capsys, "template")
    assert status == 0
    assert "[[investment]]" in out
    status, out, _ = asked(capsys, "policies")
    assert status == 0
    assert "volume-premise" in out


def test_a_report_is_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sample = packed(report())
    file = tmp_path / "report.zip"
    file.write_bytes(sample.zip)
    status, out, err = asked(capsys, "verify", str(file))
    assert (status, err) == (0, "")
    assert "通过所作的全部核对。未核对：登记日志全文。" in out
    assert execute(["verify", str(file)], {}) == 0  # as it verifies logs and receipts
    assert "通过所作的全部核对" in capsys.readouterr().out
    status, out, _ = asked(capsys, "verify", str(file), "--key", STRANGER, "--json")
    states = {one["name"]: one["state"] for one in json.loads(out)}
    assert status == 1
    assert states["signature"] == "failed"
    assert states["arithmetic"] == "passed"


def test_a_report_that_does_not_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sample = packed(report())
    file = tmp_path / "report.zip"
    file.write_bytes(sample.zip)
    with zipfile.ZipFile(file) as archive:
        archive.extractall(tmp_path / "folder")
    facts = tmp_path / "folder" / "facts.toml"
    facts.write_text(facts.read_text("utf-8").replace("250万元", "251万元"), "utf-8")
    status, out, err = asked(capsys, "verify", str(tmp_path / "folder"))
    assert status == 1
    assert "不符" in out
    assert "申报事实一致" in err
