"""A report: everything an assessment was made from and what came of it, as one signed document.

It is complete: whoever has it can make the assessment again and compare.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import msgspec

from award import form
from award.assessment.assessment import Assessment, assess
from award.assessment.forecast import Forecast, of_year
from award.evidence.certified import CertifiedYear, Provisional, contradictions
from award.evidence.witness import Agreement, CrossCheck
from award.facts.file import parse
from award.facts.project import Company, Node
from award.policy.parameter import Parameters
from award.policy.policy import Policy
from registry.errors import Conflict

FORMAT = 2
SIGNED = "biaoshi.report/v1"  # the first line of what is signed


class NotCertifiable(Conflict):
    """The counts contradict themselves, the independent witness contradicts them, or those who
    should have cosigned the logs have not."""

    kind = "not-certifiable"
    title = "The year cannot be certified"


class Kind(StrEnum):
    DRAFT = "draft"
    CERTIFIED = "certified"


class Issue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Under which number a report goes out. A correction is a new revision of the same number that
    names what it takes the place of."""

    number: str
    revision: int = 1
    replaces: str | None = None  # SHA-256 of the earlier revision's report.json
    reason: str = ""  # of the correction
    kind: Kind = Kind.DRAFT
    at: datetime


class Basis(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a report says of its logs, and of the files beside it."""

    witnesses: tuple[str, ...] = ()  # who must have cosigned, the national node first
    challenge: str = ""  # the bureau's part in drawing the sample
    files: dict[str, str] = {}  # SHA-256 of everything in the package but json, pdf and signature


class Report(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    issue: Issue
    basis: Basis
    demo: bool
    node: Node
    company: Company
    year: int
    on: date
    facts: str  # the facts file as it was given
    evidence: tuple[CertifiedYear, ...]
    cross_check: CrossCheck
    assessment: Assessment
    forecast: tuple[Forecast, ...]
    thresholds: dict[str, int]  # of the year's sums, to be exceeded
    provisional: Provisional | None = None  # the open day, in drafts alone
    format: int = FORMAT

    @property
    def counted(self) -> CertifiedYear | None:
        return next((one for one in self.evidence if one.year == self.year), None)

    @property
    def content(self) -> bytes:
        """report.json: canonical, so that its digest is the report's."""
        return form.encode(self)

    @property
    def draft(self) -> bool:
        return self.issue.kind is Kind.DRAFT


def compose(
    policy: Policy,
    facts: str,
    year: int,
    years: Mapping[int, CertifiedYear],
    check: CrossCheck,
    on: date,
    issue: Issue,
    basis: Basis,
    provisional: Provisional | None = None,
) -> Report:
    """Raises NotCertifiable for a certified report whose numbers don't hold, InvalidFacts."""
    told: Any = parse(facts.encode(), policy.facts, "facts.toml")
    counted = years.get(year)
    if issue.kind is Kind.CERTIFIED:
        certifiable(years, year, check, basis.witnesses)
    return Report(
        issue=issue,
        basis=basis,
        demo=any(one.demo for one in years.values()),
        node=told.node,
        company=told.company,
        year=year,
        on=on,
        facts=facts,
        evidence=tuple(years[one] for one in sorted(years)),
        cross_check=check,
        assessment=assess(policy, told, year, years, on),
        forecast=forecast_of(policy, counted, on),
        thresholds=dict(policy.thresholds(Parameters(policy.parameters, on), year)),
        provisional=provisional if issue.kind is Kind.DRAFT else None,
    )


def forecast_of(policy: Policy, counted: CertifiedYear | None, on: date) -> tuple[Forecast, ...]:
    """Of a year that has not ended."""
    if counted is None or counted.complete:
        return ()
    thresholds = policy.thresholds(Parameters(policy.parameters, on), counted.year)
    return tuple(of_year(counted, dict(thresholds)))


def certifiable(
    years: Mapping[int, CertifiedYear],
    year: int,
    check: CrossCheck,
    witnesses: Sequence[str],
) -> None:
    """Raises NotCertifiable for the first thing that stands against it."""
    if year not in years or years[year].through is None:
        raise NotCertifiable(f"{year} 年没有已结账的计数", field="year", rule="no-counts")
    if any(one.demo for one in years.values()):
        raise NotCertifiable("演示数据不能认证，只能出具草稿", field="kind", rule="demo")
    for one in years.values():
        for fault in contradictions(one):
            raise NotCertifiable(
                f"{one.year} 年计数自相矛盾：{fault}", field="evidence", rule="contradiction"
            )
    if check.agreement is Agreement.BEYOND:
        raise NotCertifiable(
            f"认证计数与 Prometheus 相差超过 {check.tolerance:.0%}，不予认证",
            field="evidence",
            rule="tolerance",
        )
    for rule, fault in unwitnessed(tuple(years.values()), witnesses):
        raise NotCertifiable(fault, field="evidence", rule=rule)


def unwitnessed(
    years: Sequence[CertifiedYear], witnesses: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Rule and words for whatever lacks a cosigned checkpoint of the logs that its counts stand
    in."""
    if not witnesses:
        yield "no-witness", "没有要求任何见证方：国家顶级节点须为日志检查点作见证签名"
    for one in years:
        if one.log is None and one.registrations.gross:
            yield "no-checkpoint", f"{one.year} 年的登记日志尚无已发布的检查点"
        if one.statements is None:
            yield "no-checkpoint", "声明日志尚无已发布的检查点"
        for log in (one.log, one.statements):
            missing = [name for name in witnesses if log and name not in log.cosigned_by]
            if log and missing:
                yield (
                    "uncosigned",
                    (f"{log.origin} 共 {log.size:,} 片叶子，缺少见证签名：{'、'.join(missing)}"),
                )


def signed_text(report: Report, pdf: bytes) -> str:
    """What the signature stands under: number, revision and the digests of both documents."""
    return (
        f"{SIGNED}\n{report.issue.number}\n{report.issue.revision}\n"
        f"json {sha256(report.content)}\npdf {sha256(pdf)}\n"
    )


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
