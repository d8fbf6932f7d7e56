"""Issuing reports: evidence is gathered, the report made, signed, and kept with its statement."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

import asyncpg
import msgspec
from msgspec import Meta

from award.archive import store
from award.archive.store import IssuedReport
from award.evidence.certified import CertifiedYear, Provisional
from award.evidence.ledger import Ledger
from award.evidence.prometheus import SHANGHAI, Prometheus
from award.evidence.witness import CrossCheck, cross_check
from award.facts.file import LIMIT, parse
from award.money import FEN
from award.policy.policy import Policy, load
from award.proof.files import LogFiles
from award.proof.gathering import gather
from award.proof.stated import Stated, objections
from award.report import package
from award.report.pdf.document import render
from award.report.report import (
    Basis,
    Issue,
    Kind,
    NotCertifiable,
    Report,
    certifiable,
    compose,
    sha256,
)
from award.report.verification import State, Verification
from metrics.log import store as log_store
from metrics.log.keys import LogKeys
from metrics.log.note import VerifierKey
from metrics.log.statement import REPORT_ISSUED, Statement
from registry.access import store as access
from registry.access.actor import Actor
from registry.access.once import Once, OnceRunner
from registry.database import Connection, Database
from registry.errors import Conflict, InvalidInput, NotFound, Unavailable


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
    challenge: Annotated[
        str,
        Meta(
            max_length=200,
            pattern="^[ -~]*$",
            description="Drawn into the sample of leaves, so that nobody could foresee it",
        ),
    ] = ""

    def __post_init__(self) -> None:
        if (self.corrects is None) != (not self.reason):
            raise ValueError("corrects and reason go together")


@dataclass(frozen=True, slots=True)
class Signing:
    """The node's keys, and those of whoever cosigns its logs."""

    keys: LogKeys
    origin: str
    witnesses: Sequence[VerifierKey]
    national: VerifierKey | None  # of the witnesses: the national node

    @property
    def required(self) -> tuple[str, ...]:
        """Who must have cosigned what a certified report rests on: every witness of the settings.
        Without the national node nobody will do."""
        return () if self.national is None else tuple(key.name for key in self.witnesses)

    def verifiers(self, years: Iterable[CertifiedYear]) -> list[VerifierKey]:
        """Everything that a report's signatures are checked with."""
        logs = [log for year in years for log in (year.log, year.statements) if log]
        names = [package.reports_name(self.origin), *(log.origin for log in logs)]
        return [*(key for name in names for key in self.keys.verifiers(name)), *self.witnesses]


class Issuing:
    """Safe to share between tasks. One report is made at a time: it takes a core for a second."""

    def __init__(
        self,
        database: Database,
        prefix: str,
        ledger: Ledger,
        signing: Signing | None,
        prometheus: Prometheus | None,
        tolerance: Decimal,
        now: Callable[[], datetime],
        once: OnceRunner,
    ) -> None:
        self._database = database
        self._prefix = prefix
        self._ledger = ledger
        self._signing = signing
        self._prometheus = prometheus
        self._tolerance = tolerance
        self._now = now
        self._once = once
        self._one = asyncio.Lock()

    async def years(self, through: int) -> dict[int, CertifiedYear]:
        """The evidence of a year, and of all before it that have any."""
        async with self._database.connection() as connection:
            known = await store.years_with_counts(connection, through)
        return await self._ledger.years(sorted({*known, through}))

    async def check(self, counted: CertifiedYear) -> CrossCheck:
        """What Prometheus says. Raises PrometheusUnavailable where one is set and is silent."""
        witness = None
        if self._prometheus is not None and counted.through is not None:
            witness = await self._prometheus.witness(counted.year, counted.through)
        return cross_check(counted, witness, self._tolerance)

    async def issue(self, actor: Actor, wish: ReportWish, once: Once | None = None) -> IssuedReport:
        """For operators. Raises UnknownPolicy, InvalidFacts, NotCertifiable, ReportNotFound."""
        actor.require_operator()
        if self._signing is None:
            raise ReportKeysMissing("set log_keys_folder and log_origin", rule="no-keys")
        policy = load(wish.policy)
        parse(wish.facts.encode(), policy.facts, "facts")
        async with self._one:
            earlier = await self._once.earlier(once, IssuedReport)
            if earlier is not None:
                return earlier
            before = await self._corrected(wish)
            years = await self.years(wish.year)
            check = await self.check(years[wish.year])
            proofs = await self._proofs(wish, years, before)
            if wish.kind is Kind.CERTIFIED:
                certifiable(years, wish.year, check, self._signing.required)
                _stated(years, proofs, before)
            issue = await self._numbered(wish, before)
            keys = self._signing.verifiers(years.values())
            beside = package.attached(issue, wish.facts, years.values(), keys, proofs)
            basis = Basis(
                witnesses=self._signing.required,
                challenge=wish.challenge,
                files=package.digests(beside),
            )
            report = compose(
                policy, wish.facts, wish.year, years, check, self._day(wish), issue, basis,
                await self._open_day(wish),
            )  # fmt: skip
            content = await asyncio.to_thread(_packed, report, self._signing, beside)
            return await self._keep(actor, policy, report, content, once)

    async def _open_day(self, wish: ReportWish) -> Provisional | None:
        """For drafts of the year that it lies in."""
        if wish.kind is not Kind.DRAFT:
            return None
        found = await self._ledger.provisional()
        return found if found.day.year == wish.year else None

    async def _proofs(
        self, wish: ReportWish, years: Mapping[int, CertifiedYear], before: IssuedReport | None
    ) -> dict[str, bytes]:
        """What the logs show of all this."""
        replaces = before.digest if before else None
        async with self._database.connection() as connection:
            return await gather(connection, years, replaces=replaces, challenge=wish.challenge)

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

    async def note_pull(self, actor: Actor, action: str, subject: str) -> None:
        """Write down who had what."""
        await self._database.transaction(lambda tx: access.audit(tx, actor, action, subject))

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
        self,
        actor: Actor,
        policy: Policy,
        report: Report,
        content: bytes,
        once: Once | None,
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
            return await self._once.run(once, IssuedReport, work)
        except asyncpg.UniqueViolationError:
            raise RevisionTaken(
                f"{issued.number} has a revision {issued.revision} already", field="corrects"
            ) from None


def _stated(
    years: Mapping[int, CertifiedYear], proofs: Mapping[str, bytes], before: IssuedReport | None
) -> None:
    """Raises NotCertifiable where the published statements do not bear the counts out, or not
    yet."""
    log = next(one.statements for one in years.values() if one.statements)
    shown = Stated.read(LogFiles(log, proofs).leaves())
    for one in objections(shown, tuple(years.values()), before.digest if before else None):
        raise NotCertifiable(f"声明日志的检查点：{one.text}", field="evidence", rule="statements")


def _packed(report: Report, signing: Signing, beside: Mapping[str, bytes]) -> bytes:
    """The zip. What is certified passes the very verification that others will put it to, or does
    not go out. Raises NotCertifiable."""
    pdf = render(report)
    signers = signing.keys.signers(package.reports_name(signing.origin))
    content = package.pack(report, pdf, signers, beside)
    if not report.draft:
        for check in Verification(package.read(content), (), load).checks():
            if check.state is State.FAILED:
                raise NotCertifiable(
                    f"{check.title}：{check.detail}", field="evidence", rule=check.name
                )
    return content


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
