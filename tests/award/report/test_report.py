"""Reports: same input same bytes, what they refuse, what verification finds."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from award import form
from award.evidence.certified import CertifiedYear, EnterpriseShare, Provisional
from award.evidence.witness import CrossCheck, cross_check
from award.policy.policy import load
from award.report.package import MOST_FILES, InvalidPackage, pack, reports_name, unpack, zipped
from award.report.pdf.document import render
from award.report.report import Kind, NotCertifiable, Report
from award.report.verification import Check, State, Verification, failed
from metrics.log.cosignature import verifier_key
from metrics.log.note import Signer
from tests.award.build import certified
from tests.award.report.sample import (
    FACTS,
    KEYS,
    ORIGIN,
    Sample,
    packed,
    registrations,
    report,
    witnessed,
    year,
)

REPLACE = msgspec.structs.replace


@pytest.fixture(scope="module")
def sample() -> Sample:
    return packed(report())


def checked(files: dict[str, bytes], *, trusted: bool = True) -> dict[str, Check]:
    found = Verification(files, KEYS if trusted else (), load).checks()
    return {one.name: one for one in found}


def files_of(sample: Sample) -> dict[str, bytes]:
    with zipfile.ZipFile(BytesIO(sample.zip)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_same_input_gives_the_same_bytes(sample: Sample) -> None:
    again = packed(report())
    assert again.report.content == sample.report.content
    assert again.pdf == sample.pdf
    assert again.zip == sample.zip


def test_json_and_back(sample: Sample) -> None:
    assert form.decode(sample.report.content, Report, "report.json") == sample.report


def test_all_checks_pass(sample: Sample, tmp_path: Path) -> None:
    file = tmp_path / "report.zip"
    file.write_bytes(sample.zip)
    found = checked(unpack(file))
    assert {one.state for name, one in found.items() if name != "log"} == {State.PASSED}, found
    assert found["log"].state is State.NOT_CHECKED
    assert "100,000,001 片叶子" in found["checkpoints"].detail
    assert "366 份日结声明" in found["statements"].detail
    assert "抽取 299 片叶子" in found["sample"].detail
    assert "registrations-2024 的 2 个历史检查点（2 个有见证）" in found["older"].detail
    with zipfile.ZipFile(file) as archive:
        archive.extractall(tmp_path / "folder")
    assert checked(unpack(tmp_path / "folder")) == found


def test_keys_of_its_own_are_said_to_be(sample: Sample) -> None:
    found = checked(files_of(sample), trusted=False)
    assert found["signature"].state is State.PASSED
    assert "另行比对" in found["signature"].detail


def test_a_key_of_the_nodes_log_is_good_for_its_reports(sample: Sample) -> None:
    found = Verification(files_of(sample), KEYS[1:], load).checks()
    assert {one.state for one in found if one.name != "log"} == {State.PASSED}


def test_who_knows_the_node_alone_takes_the_witnesses_of_the_package(sample: Sample) -> None:
    found = {one.name: one for one in Verification(files_of(sample), KEYS[:1], load).checks()}
    assert found["checkpoints"].state is State.PASSED


def test_a_witness_that_one_knows_must_have_cosigned(sample: Sample) -> None:
    other = verifier_key("bureau.example", Ed25519PrivateKey.from_private_bytes(b"b" * 32))
    for keys in ((*KEYS, other), (*KEYS[:2], other)):
        found = {one.name: one for one in Verification(files_of(sample), keys, load).checks()}
        assert found["checkpoints"].state is State.FAILED
        assert "缺少见证签名：bureau.example" in found["checkpoints"].detail


def test_another_key_is_not_believed(sample: Sample) -> None:
    stranger = Signer.ed25519(reports_name(ORIGIN), Ed25519PrivateKey.from_private_bytes(b"x" * 32))
    files = files_of(sample)
    other = pack(sample.report, sample.pdf, [stranger], {})
    with zipfile.ZipFile(BytesIO(other)) as archive:
        files["report.sig"] = archive.read("report.sig")
    assert checked(files)["signature"].state is State.FAILED


Tampering = Callable[[Report], Report]


def evidence(made: Report, **changes: Any) -> Report:
    return REPLACE(made, evidence=(REPLACE(made.evidence[0], **changes),))


def total(made: Report, amount: int) -> Report:
    judgement = made.assessment.judgement
    more = REPLACE(judgement.total, value=Decimal(amount), potential=Decimal(amount))
    return REPLACE(
        made, assessment=REPLACE(made.assessment, judgement=REPLACE(judgement, total=more))
    )


def first_finding(made: Report, **changes: Any) -> Report:
    judgement = made.assessment.judgement
    findings = (REPLACE(judgement.findings[0], **changes), *judgement.findings[1:])
    return REPLACE(
        made, assessment=REPLACE(made.assessment, judgement=REPLACE(judgement, findings=findings))
    )


def counted(made: Report, gross: int) -> CertifiedYear:
    one = made.evidence[0]
    return REPLACE(one, registrations=REPLACE(one.registrations, gross=gross, by_method={}))


TAMPERED: dict[str, tuple[str, Tampering]] = {
    "an amount": ("arithmetic", lambda made: total(made, 5_000_000)),
    "a reason": ("arithmetic", lambda made: first_finding(made, reason="其他")),
    "a reading's effect": ("arithmetic", lambda made: REPLACE(made, assessment=REPLACE(
        made.assessment, effects=made.assessment.effects[1:]))),
    "the facts": ("arithmetic", lambda made: REPLACE(made, facts=made.facts.replace(
        "250万元", "260万元"))),
    "facts that are none": ("arithmetic", lambda made: REPLACE(made, facts="[node]")),
    "a count": ("evidence", lambda made: REPLACE(made, evidence=(
        counted(made, 100_000_002),))),
    "the law": ("law", lambda made: REPLACE(made, assessment=REPLACE(
        made.assessment, policy_digest="0" * 64))),
    "a policy nobody has": ("law", lambda made: REPLACE(made, assessment=REPLACE(
        made.assessment, policy="nowhere"))),
    "the log's size": ("checkpoints", lambda made: evidence(made, log=REPLACE(
        registrations().checkpoint(), size=100_000_000))),
    "a witness that never signed": ("checkpoints", lambda made: evidence(made, log=REPLACE(
        registrations().checkpoint(), cosigned_by=("ntn.example", "bureau.example")))),
    "a difference": ("cross-check", lambda made: REPLACE(made, cross_check=REPLACE(
        made.cross_check, comparisons=made.cross_check.comparisons[:1]))),
    "a demo sold as operation": ("standing", lambda made: evidence(made, demo=True)),
    "a revision of nothing": ("standing", lambda made: REPLACE(made, issue=REPLACE(
        made.issue, revision=2))),
}  # fmt: skip


@pytest.mark.parametrize("what", TAMPERED)
def test_tampering_is_named_even_where_it_is_signed(sample: Sample, what: str) -> None:
    name, tamper = TAMPERED[what]
    found = checked(files_of(packed(tamper(sample.report), pdf=sample.pdf)))
    assert found[name].state is State.FAILED, found
    assert failed(list(found.values()))


@pytest.mark.parametrize("name", ["report.json", "report.pdf", "facts.toml", "report.sig"])
def test_a_changed_byte(sample: Sample, name: str) -> None:
    files = files_of(sample)
    content = bytearray(files[name])
    at = content.index(b"001") if b"001" in content else len(content) // 2
    content[at] ^= 1
    files[name] = bytes(content)
    assert failed(list(checked(files).values()))


def test_packages_that_are_none(tmp_path: Path, sample: Sample) -> None:
    with pytest.raises(InvalidPackage, match="无法读取"):
        unpack(tmp_path / "nowhere.zip")
    file = tmp_path / "x.zip"
    file.write_bytes(b"PK")
    with pytest.raises(InvalidPackage, match="zip"):
        unpack(file)
    file.write_bytes(zipped({"report.json": b"{}"}))
    with pytest.raises(InvalidPackage, match="缺少"):
        unpack(file)
    file.write_bytes(zipped({f"{number}": b"" for number in range(MOST_FILES + 1)}))
    with pytest.raises(InvalidPackage, match="过大"):
        unpack(file)


def beyond() -> tuple[CertifiedYear, CrossCheck]:
    return year(), witnessed(year(), 0.9)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (beyond, "相差超过 2%"),
        (lambda: (year(log=registrations(5).checkpoint()), None), "叶子数"),
        (lambda: (year(demo=True), None), "演示数据"),
        (lambda: (REPLACE(year(), through=None, days=()), cross_check(year(), None)), "结账"),
    ],
)
def test_what_cannot_be_certified(make: Callable[[], tuple[Any, Any]], said: str) -> None:
    counted, check = make()
    with pytest.raises(NotCertifiable, match=said):
        report(counted, check)


def test_a_draft_may_show_what_cannot_be_certified() -> None:
    counted, check = beyond()
    made = report(counted, check, kind=Kind.DRAFT)
    assert made.draft
    found = checked(files_of(packed(made)))
    assert found["cross-check"].state is State.FAILED


pdftotext = pytest.mark.skipif(
    shutil.which("pdftotext") is None, reason="pdftotext is not installed (poppler-utils)"
)


def read(pdf: bytes, folder: Path) -> list[str]:
    """The text of each page, without blanks."""
    (folder / "report.pdf").write_bytes(pdf)
    done = subprocess.run(
        ["pdftotext", "-layout", "-enc", "UTF-8", "report.pdf", "-"],
        cwd=folder, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return ["".join(page.split()) for page in done.stdout.split("\f") if page.strip()]


@pdftotext
def test_the_pages_say_what_the_report_says(sample: Sample, tmp_path: Path) -> None:
    pages = read(sample.pdf, tmp_path)
    whole = "".join(pages)
    assert "4,500,000元" in pages[0]
    assert "相互印证" in pages[0]
    assert "演示数据" not in whole
    for finding in sample.report.assessment.judgement.findings:
        assert "".join(finding.title.split())[:6] in whole
    for said in ("八、申报单位提供的事实", "中山市喆昇锁业有限公司", "203.0.113.0/24", "三种口径",
                 "逐月新增标识注册量", "COUNTER", "未逐个核对",
                 "见证签名：ntn.example"):  # fmt: skip
        assert "".join(said.split()) in whole, said
    assert "〓" not in whole
    assert f"第1页，共{len(pages)}页" in pages[0]
    assert re.search(rf"第{len(pages)}页，共{len(pages)}页", pages[-1])


@pdftotext
@pytest.mark.parametrize(
    ("made", "mark"),
    [
        (lambda: report(kind=Kind.DRAFT), "草稿"),
        (lambda: report(year(demo=True), kind=Kind.DRAFT), "演示数据"),
    ],
)
def test_watermarks(made: Callable[[], Report], mark: str, tmp_path: Path) -> None:
    """Turned by 40 degrees its letters come one by one, so they are counted over all pages."""
    plain = read(render(report()), tmp_path)
    marked = read(render(made()), tmp_path)
    for letter in mark:
        assert sum(page.count(letter) for page in marked) >= (
            sum(page.count(letter) for page in plain) + len(marked)
        )


OPEN = Provisional(
    day=date(2024, 12, 31),
    until=datetime(2024, 12, 31, 4, tzinfo=UTC),
    registrations=1234,
    received=99,
    answered=98,
    counted=97,
)


@pdftotext
def test_a_draft_shows_the_open_day_apart(tmp_path: Path) -> None:
    counted = certified(2024, 0, 0, through=date(2024, 12, 30))
    made = REPLACE(report(counted, cross_check(counted, None), kind=Kind.DRAFT), provisional=OPEN)
    whole = "".join(read(render(made), tmp_path))
    assert "暂计：2024-12-31（当日尚未结账）" in whole
    assert "1,234" in whole
    assert "不参与本报告的任何结论与金额" in whole


def test_nothing_provisional_is_certified(sample: Sample) -> None:
    assert report(proved={}).provisional is None
    files = files_of(packed(REPLACE(sample.report, provisional=OPEN)))
    assert checked(files)["standing"].detail == "认证报告不得含暂计数"


@pdftotext
def test_without_a_witness_the_first_page_says_so(tmp_path: Path) -> None:
    made = report(check=cross_check(year(), None))
    assert "无独立交叉核对" in read(render(made), tmp_path)[0]


@pdftotext
def test_a_revision_names_what_it_takes_the_place_of(tmp_path: Path) -> None:
    made = report(revision=2, replaces="ab" * 32, reason="更正资助金额")
    first = read(render(made), tmp_path)[0]
    assert "第2版" in first
    assert "更正资助金额" in first
    assert "ab" * 32 in first


@pytest.mark.skipif(
    shutil.which("pdftoppm") is None, reason="pdftoppm is not installed (poppler-utils)"
)
def test_no_page_is_empty_and_nothing_leaves_its_margins(sample: Sample, tmp_path: Path) -> None:
    """Every page has ink, and none within 8 mm of its edges but for the band on the cover."""
    (tmp_path / "report.pdf").write_bytes(sample.pdf)
    subprocess.run(["pdftoppm", "-r", "30", "-gray", "report.pdf", "page"], cwd=tmp_path,
                   timeout=60, check=True)  # fmt: skip
    pages = sorted(tmp_path.glob("page*.pgm"))
    assert len(pages) >= 7
    for number, page in enumerate(pages):
        rows = pixels(page)
        ink = sum(value < 200 for row in rows for value in row)
        assert ink > 60, page.name
        edge = 9
        margin = [value for row in rows for value in (*row[:edge], *row[-edge:])]
        below = [value for row in rows[-edge:] for value in row]
        if number:
            assert min([*margin, *below]) > 200, page.name


def pixels(file: Path) -> list[bytes]:
    kind, size, _, content = file.read_bytes().split(b"\n", 3)
    assert kind == b"P5"
    width = int(size.split()[0])
    return [content[at : at + width] for at in range(0, len(content), width)]


def test_a_long_report_has_room(tmp_path: Path) -> None:
    """Rare characters get a mark, endless words are cut, a thousand enterprises are listed in
    part."""
    shares = tuple(
        EnterpriseShare(name=f"第{number}家企业𠮷" + "x" * 300, prefixes=("88.118.1",))
        for number in range(250)
    )
    counted = REPLACE(certified(2024, 0, 0), enterprises=shares)
    facts = FACTS.replace('"验收意见"', '"' + "长" * 20_000 + '"') + "\n".join(
        f"[[history]]\nyear = {2000 + number}\nregistrations = 1\nresolutions = 1"
        for number in range(24)
    )
    made = report(counted, cross_check(counted, None), facts, kind=Kind.DRAFT)
    assert len(render(made)) > 100_000


def test_an_empty_year_is_no_crash() -> None:
    counted = certified(2025, 0, 0, through=date(2025, 1, 1))
    made = report(counted, cross_check(counted, None), kind=Kind.DRAFT)
    assert render(made).startswith(b"%PDF")
