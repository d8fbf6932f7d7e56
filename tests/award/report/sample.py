"""A report for tests, of a year that meets everything, signed and cosigned."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from award.evidence.certified import (
    CertifiedYear,
    Checkpoint,
    EnterpriseShare,
    Flag,
    Source,
)
from award.evidence.witness import CrossCheck, Witness, WitnessedDay, cross_check
from award.policy.policy import load
from award.report.package import pack, reports_name
from award.report.pdf.document import render
from award.report.report import Issue, Kind, Report, compose
from metrics.log.checkpoint import Checkpoint as LogCheckpoint
from metrics.log.cosignature import cosign, verifier_key
from metrics.log.note import SignedNote, Signer, VerifierKey
from tests.award.build import certified

ORIGIN = "id.city.example/log"
WITNESS = "ntn.example"
LOG_KEY = Ed25519PrivateKey.from_private_bytes(b"l" * 32)
WITNESS_KEY = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
KEYS: tuple[VerifierKey, ...] = (
    Signer.ed25519(reports_name(ORIGIN), LOG_KEY).verifier,
    Signer.ed25519(f"{ORIGIN}/registrations-2024", LOG_KEY).verifier,
    verifier_key(WITNESS, WITNESS_KEY),
)
ON = date(2025, 12, 1)
FACTS = """
[node]
name = "中山市灯饰行业标识解析二级节点"
prefix = "88.118"
in_service = 2024-01-01
[company]
name = "中山示范数字科技有限公司"
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


def checkpoint(size: int) -> Checkpoint:
    text = LogCheckpoint(f"{ORIGIN}/registrations-2024", size, b"r" * 32).text
    note = SignedNote(
        text,
        (
            Signer.ed25519(f"{ORIGIN}/registrations-2024", LOG_KEY).sign(text),
            cosign(WITNESS, WITNESS_KEY, text, 1_735_700_000),
        ),
    )
    return Checkpoint(
        origin=f"{ORIGIN}/registrations-2024",
        size=size,
        root=base64.b64encode(b"r" * 32).decode(),
        note=str(note),
        cosigned_by=(WITNESS,),
    )


def year(**changes: Any) -> CertifiedYear:
    made = certified(2024, 100_000_001, 10_980_001, answered=11_000_000, deleted=12_345)
    shares = (
        EnterpriseShare(
            name="中山市示范灯饰有限公司",
            prefixes=("88.118.1",),
            industry="C3872",
            registrations=99_999_001,
            counted=10_980_000,
        ),
        EnterpriseShare(
            name="中山市喆昇锁业有限公司", prefixes=("88.118.2",), registrations=1000, related=True
        ),
    )
    made = msgspec.structs.replace(
        made,
        enterprises=shares,
        sources=(Source("203.0.113.0/24", 9000),),
        flags=(Flag("enterprise", "一家企业占全年新增注册量的 99.9%"),),
        log=checkpoint(100_000_001),
    )
    return msgspec.structs.replace(made, **changes)


def witnessed(of: CertifiedYear, share: float = 0.999) -> CrossCheck:
    days = tuple(
        WitnessedDay(one.day, int(one.registrations * share), int(one.received * share))
        for one in of.days
    )
    witness = Witness(
        source="prometheus:9090", first=days[0].day, last=days[-1].day, queries=("sum(…)",),
        days=days,
    )  # fmt: skip
    return cross_check(of, witness)


@dataclass(frozen=True)
class Sample:
    report: Report
    pdf: bytes
    zip: bytes


def issue(**changes: Any) -> Issue:
    first = Issue(
        number="88.118-2024-001",
        kind=Kind.CERTIFIED,
        at=datetime(2025, 12, 1, 1, 30, tzinfo=UTC),
    )
    return msgspec.structs.replace(first, **changes)


def report(
    of: CertifiedYear | None = None,
    check: CrossCheck | None = None,
    facts: str = FACTS,
    **changes: Any,
) -> Report:
    counted = of or year()
    policy = load("zhongshan_2025")
    return compose(
        policy, facts, counted.year, {counted.year: counted}, check or witnessed(counted), ON,
        issue(**changes),
    )  # fmt: skip


def packed(made: Report) -> Sample:
    pdf = render(made)
    signer = Signer.ed25519(reports_name(ORIGIN), LOG_KEY)
    return Sample(made, pdf, pack(made, pdf, [signer], KEYS))
