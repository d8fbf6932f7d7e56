"""A report for tests, of a year that meets everything, signed and cosigned."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import msgspec
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from award.evidence.certified import CertifiedYear, Day, EnterpriseShare, Flag, Source
from award.evidence.witness import CrossCheck, Witness, WitnessedDay, cross_check
from award.policy.policy import load
from award.proof.gathering import text_of
from award.proof.sample import drawn
from award.report.package import attached, digests, pack, reports_name
from award.report.pdf.document import render
from award.report.report import Basis, Issue, Kind, Report, compose
from metrics.log.cosignature import verifier_key
from metrics.log.leaf import ROW
from metrics.log.note import Signer, VerifierKey
from metrics.log.statement import Statement
from tests.award.build import certified, spread
from tests.award.report.logbook import Logbook, uniform, written

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


WITNESSES = ((WITNESS, WITNESS_KEY),)


def registrations(size: int = 100_000_001) -> Logbook:
    """The year's log: its leaves are all alike, which a package alone cannot see."""
    row = np.zeros(1, ROW)
    row["version"], row["time"] = 1, 1_717_200_000_000_000  # in June 2024
    entry = row.tobytes()[2:]
    return uniform(f"{ORIGIN}/registrations-2024", entry, size, LOG_KEY, WITNESSES)


@cache
def usual() -> Logbook:
    """What was stated of the usual year."""
    return statements(year())


def statements(of: CertifiedYear, *more: Statement) -> Logbook:
    """What was stated of a year, day by day."""
    key = Signer.ed25519(f"{ORIGIN}/statements", LOG_KEY).verifier
    begin = datetime(2024, 1, 1, tzinfo=UTC)
    said = [
        Statement("leaf-key", begin, {"commitment": "00", "origin": ORIGIN}),
        Statement("log-keys", begin, {"keys": [str(key)]}),
        Statement("counting-rules", begin, {"definitions": "test"}),
        *(stated(one, requests) for one, requests in zip(of.days, reasons(of), strict=True)),
        *more,
    ]
    entries = [one.text.encode() for one in said]
    return written(f"{ORIGIN}/statements", entries, LOG_KEY, WITNESSES)


def reasons(of: CertifiedYear) -> list[dict[str, int]]:
    """Requests by reason of each day, which add up to the year's."""
    columns = [spread(one.number, len(of.days)) for one in of.resolutions.exclusions]
    names = [one.reason for one in of.resolutions.exclusions]
    return [dict(zip(names, numbers, strict=True)) for numbers in zip(*columns, strict=True)]


def stated(day: Day, requests: dict[str, int]) -> Statement:
    content = {
        "day": day.day.isoformat(),
        "definitions": "test",
        "created": day.registrations,
        "imported": 0,
        "revived": 0,
        "deleted": day.deleted,
        "gone": day.deleted,
        "received": day.received,
        "answered": day.answered,
        "counted": day.counted,
        "requests": {**requests, "counted": day.counted},
    }
    return Statement("daily-totals", datetime(2025, 1, 1, tzinfo=UTC), content)


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
    )
    made = msgspec.structs.replace(
        made, log=registrations().checkpoint(), statements=statements(made).checkpoint()
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


def proofs(of: CertifiedYear) -> dict[str, bytes]:
    """Of the year's two logs, as `year` makes them."""
    book, said = registrations(), statements(of)
    return {
        **book.proofs(drawn(text_of(book.checkpoint()), "", book.size)),
        **book.older(1, 55_000_000),
        **said.proofs(range(said.size)),
        **said.older(100),
    }


def beside(made: Report, proved: dict[str, bytes]) -> dict[str, bytes]:
    return attached(made.issue, made.facts, made.evidence, KEYS, proved)


def report(
    of: CertifiedYear | None = None,
    check: CrossCheck | None = None,
    facts: str = FACTS,
    proved: dict[str, bytes] | None = None,
    **changes: Any,
) -> Report:
    counted = of or year()
    policy = load("zhongshan_2025")
    made = compose(
        policy, facts, counted.year, {counted.year: counted}, check or witnessed(counted), ON,
        issue(**changes), Basis(witnesses=(WITNESS,)),
    )  # fmt: skip
    return listed(made, beside(made, PROVED if proved is None else proved))


def listed(made: Report, files: dict[str, bytes]) -> Report:
    """With the digests of the files beside it."""
    basis = msgspec.structs.replace(made.basis, files=digests(files))
    return msgspec.structs.replace(made, basis=basis)


def packed(made: Report, files: dict[str, bytes] | None = None, pdf: bytes | None = None) -> Sample:
    """`pdf` spares the time of making one."""
    pdf = pdf or render(made)
    signer = Signer.ed25519(reports_name(ORIGIN), LOG_KEY)
    return Sample(made, pdf, pack(made, pdf, [signer], files or beside(made, PROVED)))


PROVED = proofs(year())
