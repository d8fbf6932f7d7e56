"""`biaoshi award` without a node: template, policies, assessments of evidence in files."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from award import form
from node.cli.program import execute
from tests.award.build import certified

FACTS = """
[node]
name = "节点"
prefix = "88.118"
in_service = 2024-01-01
[company]
name = "公司"
[law]
issued = 2022-12-02
[recognition]
standing = "平台公司"
recognised = 2024-05-20
document = "认定文件"
former_public_service = false
[acceptance]
accepted = true
by = "国家工信部委托单位"
day = 2024-03-15
document = "验收意见"
[completion]
finished = true
day = 2024-03-15
document = "完成证明"
[stages]
submitted = 2025-06-30
admitted = 2025-07-20
[declarations]
no_serious_violation = true
no_dishonesty = true
no_overdue_project = true
not_listed_as_defaulter = true
no_major_tax_case = true
no_energy_violation = true
no_major_accident = true
single_application = true
evidence = "信用报告"
[fiscal]
complete = true
[[investment]]
name = "系统"
invoice = "1"
gross = "678万元"
vat = "13%"
paid = 2024-02-10
[[subsidy]]
level = "国家"
name = "专项"
amount = "250万元"
approved = 2023-08-01
"""


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
