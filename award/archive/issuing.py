"""Issuing reports: evidence is gathered, the report made, signed, and kept with its statement."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

import asyncpg
import msgspec
from msgspec import Meta

from award.archive import store
from award.archive.store import IssuedReport
from award.evidence.certified import CertifiedYear
from award.evidence.prometheus import SHANGHAI, Prometheus
from award.evidence.witness import CrossCheck, cross_check
from award.facts.file import LIMIT, parse
from award.money import FEN
from award.policy.policy import Policy, load
from award.report import package
from award.report.pdf.document import render
from award.report.report import Issue, Kind, Report, compose, sha256
from metrics.log import store as log_store
from metrics.log.keys import LogKeys
from metrics.log.note import VerifierKey
from metrics.log.statement import Statement
from registry.access import store as access
from registry.access.actor import Actor
from registry.database import Connection, Database
from registry.errors import Conflict, InvalidInput, NotFound, Unavailable

REPORT_ISSUED = "report-issued"


class ReportNotFound(NotFound):
    kind = "report-not-found"
    title = "No such report"


class ReportKeysMissing(Unavailable):
    kind = "report-keys-missing"
    title = "This node has no keys to sign reports with"


class RevisionTaken(Conflict):
    kind = "report-revision-taken"
    title = "The report was corrected by somebody else meanwhile"


class ReportWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What report is wanted. `corrects` is the number of the one that it takes the place of."""

    year: Annotated[int, Meta(ge=2000, le=2199)]
    facts: Annotated[str, Meta(max_length=LIMIT, description="The facts file, TOML")]
    policy: Annotated[str, Meta(max_length=64)] = "zhongshan_2025"
    kind: Kind = Kind.DRAFT
    on: Annotated[date | None, Meta(description="Day of the question. Default: today")] = None
    corrects: Annotated[str, Meta(max_length=64)] | None = None
    reason: Annotated[str, Meta(max_length=500, description="Of the correction")] = ""

    def __post_init__(self) -> None:
        if (self.corrects is None) != (not self.reason):
            raise ValueError("corrects and reason go together")


@dataclass(frozen=True, slots=True)
class Signing:
    """The node's keys, and those of whoever cosigns its logs."""

    keys: LogKeys
    origin: str
    witnesses: Sequence[VerifierKey]

    def verifiers(self, report: Report) -> list[VerifierKey]:
        """Everything that the report's signatures are checked with."""
        logs = [log for year in report.evidence for log in (year.log, year.statements) if log]
        names = [package.reports_name(self.origin), *(log.origin for log in logs)]
        return [*(key for name in names for key in self.keys.verifiers(name)), *self.witnesses]


Evidence = Callable[[int], Awaitable[CertifiedYear]]


class Issuing:
    """Safe to share between tasks. One report is made at a time: it takes a core for a second."""

    def __init__(
        self,
        database: Database,
        prefix: str,
        evidence: Evidence,
        signing: Signing | None,
        prometheus: Prometheus | None,
        tolerance: Decimal,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._prefix = prefix
        self._evidence = evidence
        self._signing = signing
        self._prometheus = prometheus
        self._tolerance = tolerance
        self._now = now
        self._one = asyncio.Lock()

    async def years(self, through: int) -> dict[int, CertifiedYear]:
        """The evidence of a year, and of all before it that have any."""
        async with self._database.connection() as connection:
            known = await store.years_with_counts(connection, through)
        return {year: await self._evidence(year) for year in sorted({*known, through})}

    async def check(self, counted: CertifiedYear) -> CrossCheck:
        """What Prometheus says. Raises PrometheusUnavailable where one is set and is silent."""
        witness = None
        if self._prometheus is not None and counted.through is not None:
            witness = await self._prometheus.witness(counted.year, counted.through)
        return cross_check(counted, witness, self._tolerance)

    async def issue(self, actor: Actor, wish: ReportWish) -> IssuedReport:
        """For operators. Raises UnknownPolicy, InvalidFacts, NotCertifiable, ReportNotFound."""
        actor.require_operator()
        if self._signing is None:
            raise ReportKeysMissing("set log_keys_folder and log_origin", rule="no-keys")
        policy = load(wish.policy)
        parse(wish.facts.encode(), policy.facts, "facts")
        async with self._one:
            before = await self._corrected(wish)
            years = await self.years(wish.year)
            check = await self.check(years[wish.year])
            issue = await self._numbered(wish, before)
            report = compose(policy, wish.facts, wish.year, years, check, self._day(wish), issue)
            content = await asyncio.to_thread(_packed, report, self._signing)
            return await self._keep(actor, policy, report, content)

    async def page(self, *, after: int, limit: int) -> list[IssuedReport]:
        async with self._database.connection() as connection:
            return await store.page(connection, after=after, limit=limit)

    async def get(self, number: str, revision: int) -> IssuedReport:
        """Raises ReportNotFound."""
        async with self._database.connection() as connection:
            found = await store.find(connection, number, revision)
        if found is None:
            raise ReportNotFound(f"there is no report {number} r{revision}", field="number")
        return found

    async def package(self, actor: Actor, issued: IssuedReport) -> bytes:
        """The zip. Who had it stands in the audit trail."""

        async def work(tx: Connection) -> bytes:
            subject = f"report/{issued.number}/{issued.revision}"
            await access.audit(tx, actor, "report.pulled", subject)
            return await store.package(tx, issued.report_id)

        return await self._database.transaction(work)

    def _day(self, wish: ReportWish) -> date:
        return wish.on or self._now().astimezone(SHANGHAI).date()

    async def _corrected(self, wish: ReportWish) -> IssuedReport | None:
        if wish.corrects is None:
            return None
        async with self._database.connection() as connection:
            found = await store.latest(connection, wish.corrects)
        if found is None:
            raise ReportNotFound(f"there is no report {wish.corrects}", field="corrects")
        if (found.year, found.kind) != (wish.year, wish.kind):
            raise InvalidInput(
                f"{found.number} is a {found.kind} report of {found.year}",
                field="corrects",
                rule="other-report",
            )
        return found

    async def _numbered(self, wish: ReportWish, before: IssuedReport | None) -> Issue:
        """A correction keeps its number; numbers of reports that failed to be made stay unused."""
        at = self._now().replace(microsecond=0)
        if before is not None:
            return Issue(
                number=before.number,
                revision=before.revision + 1,
                replaces=before.digest,
                reason=wish.reason,
                kind=wish.kind,
                at=at,
            )
        serial = await self._database.transaction(
            lambda tx: store.next_serial(tx, wish.year, wish.kind)
        )
        letter = "D" if wish.kind is Kind.DRAFT else ""
        number = f"{self._prefix}-{wish.year}-{letter}{serial:03d}"
        return Issue(number=number, kind=wish.kind, at=at)

    async def _keep(
        self, actor: Actor, policy: Policy, report: Report, content: bytes
    ) -> IssuedReport:
        total = report.assessment.judgement.total
        issued = IssuedReport(
            report_id=0,
            number=report.issue.number,
            revision=report.issue.revision,
            year=report.year,
            policy=policy.name,
            kind=report.issue.kind,
            demo=report.demo,
            issued_at=report.issue.at,
            issued_by=actor.name,
            digest=sha256(report.content),
            replaces=report.issue.replaces,
            reason=report.issue.reason,
            total=None if total.value is None else total.value.quantize(FEN),
            potential=total.potential.quantize(FEN),
            agreement=report.cross_check.agreement,
        )

        async def work(tx: Connection) -> IssuedReport:
            kept = await store.add(tx, issued, content)
            subject = f"report/{issued.number}/{issued.revision}"
            await access.audit(tx, actor, "report.issued", subject, {"digest": issued.digest})
            await log_store.owe_statement(tx, _statement(issued).text)
            return kept

        try:
            return await self._database.transaction(work)
        except asyncpg.UniqueViolationError:
            raise RevisionTaken(
                f"{issued.number} has a revision {issued.revision} already", field="corrects"
            ) from None


def _packed(report: Report, signing: Signing) -> bytes:
    pdf = render(report)
    signers = signing.keys.signers(package.reports_name(signing.origin))
    return package.pack(report, pdf, signers, signing.verifiers(report))


def _statement(issued: IssuedReport) -> Statement:
    """What the statements log says of it: which report, and which it takes the place of."""
    content: Mapping[str, object] = {
        "number": issued.number,
        "revision": issued.revision,
        "report": issued.kind,
        "year": issued.year,
        "sha256": issued.digest,
        "replaces": issued.replaces or "",
    }
    return Statement(REPORT_ISSUED, issued.issued_at, content)
