"""Whether what the node states of itself is borne out by the logs."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from metrics.log.fault import LogFault
from metrics.log.leaf import LeafKey
from metrics.log.log import year_end
from metrics.log.note import VerifierKey
from metrics.log.statement import DAILY, LEAF_KEY, LOG_CLOSED, Statement
from metrics.log.verification.backfilled import BackfillCheck
from metrics.log.verification.days import GRACE, DayCheck
from metrics.log.verification.finding import Finding
from metrics.log.verification.said import Said, of, read
from metrics.log.verification.scan import TOLERANCE
from metrics.log.verification.signing import signing
from metrics.log.verification.verify import Verified, latest


@dataclass(frozen=True, slots=True)
class Given:
    """What the verifier was given beside the logs: K, keys, and whether the dump was read as one in
    which suffixes differ by case (None without a dump)."""

    key: LeafKey | None = None
    trusted: Sequence[VerifierKey] = ()
    case_sensitive: bool | None = None


class StatementCheck:
    """Looks through one statements log. `logs` are those of registrations beside it; `ended` says
    that it has a successor there."""

    def __init__(
        self, log: Verified, logs: Sequence[Verified], given: Given, *, ended: bool
    ) -> None:
        self._log = log
        self._name = log.folder.name
        self._logs = {one.folder.name: one for one in logs}
        self._given = given
        self._ended = ended
        self._until = None if ended else _until([log, *logs])

    def run(self) -> list[Finding]:
        said, findings = read(self._name, self._log.statements)
        leaves = _by_day(list(self._logs.values())) if self._logs else None
        days = DayCheck(self._name, leaves, self._until)
        backfill = BackfillCheck(self._name, list(self._logs.values()))
        head = None if self._ended else self._log.head
        checks: tuple[Callable[[list[Said]], Iterator[Finding]], ...] = (
            self._leaf_key,
            self._times,
            self._closed,
            self._unclosed,
            backfill.run,
            days.run,
            lambda some: signing(self._name, some, self._given.trusted, head),
        )
        for check in checks:
            try:
                findings += check(said)
            except LogFault as fault:
                at = int(fault.field) if fault.field and fault.field.isdigit() else None
                findings.append(Finding(self._name, "statement", fault.detail, at))
            except (LookupError, TypeError, ValueError, OverflowError) as error:
                # whatever stands in the JSON
                findings.append(Finding(self._name, "statement", f"not as it must be: {error}"))
        return findings

    def _leaf_key(self, said: list[Said]) -> Iterator[Finding]:
        """K is committed to first of all, and once."""
        committed = of(said, LEAF_KEY)
        if not committed or committed[0].index != 0:
            yield Finding(
                self._name, "leaf-key", "the log does not begin with a commitment to K", 0
            )
            return
        for more in committed[1:]:
            yield Finding(self._name, "leaf-key", "K is committed to a second time", more.index)
        if self._given.key and committed[0].text("commitment") != self._given.key.commitment.hex():
            yield Finding(
                self._name, "leaf-key", "the K given is not the one that was committed to", 0
            )
        told = committed[0].statement.content.get("case_sensitive")
        if self._given.case_sensitive is not None and told is not self._given.case_sensitive:
            detail = (
                f"it is stated that suffixes {'differ' if told else 'do not differ'} by case, "
                "and the dump was read otherwise"
            )
            yield Finding(self._name, "leaf-key", detail, 0)

    def _times(self, said: list[Said]) -> Iterator[Finding]:
        """A statement is not younger than the cosignature after it, nor older than the one before:
        but days may be closed late."""
        sizes = [size for size, _ in self._log.seen]
        for one in said:
            at, place = one.at.timestamp() * 1_000_000, bisect_right(sizes, one.index)
            if place < len(sizes) and at > self._log.seen[place][1] + TOLERANCE:
                detail = "it says that it is younger than its cosignature"
                yield Finding(self._name, "statement-time", detail, one.index)
            before = self._log.seen[place - 1][1] if place else 0
            if one.statement.kind != DAILY and at < before - TOLERANCE:
                detail = "it says that it is older than what was cosigned before it"
                yield Finding(self._name, "statement-time", detail, one.index)

    def _closed(self, said: list[Said]) -> Iterator[Finding]:
        """A closed log stays as it was when it was closed."""
        for one in of(said, LOG_CLOSED):
            log = self._logs.get(one.text("log"))
            if log is None or log.figures is None:
                continue
            found, stated = log.figures, (one.number("size"), one.text("root"))
            if (found.size, found.root) != stated:
                yield Finding(
                    self._name, "log-closed",
                    f"{found.name} was closed with {stated[0]} leaves, and has {found.size}",
                    one.index,
                )  # fmt: skip

    def _unclosed(self, said: list[Said]) -> Iterator[Finding]:
        """The log of a year that is over is closed."""
        closed = {one.text("log") for one in of(said, LOG_CLOSED)}
        for log in latest(list(self._logs.values())):
            over = self._until is not None and year_end(log.year) + GRACE < self._until
            if over and log.folder.name not in closed:
                detail = f"the year is over, and {log.folder.name} was never closed"
                yield Finding(self._name, "log-closed", detail)


def one_key(logs: Sequence[Verified]) -> Iterator[Finding]:
    """All statements logs of a node, successors included, begin with the same commitment to K."""
    known: dict[str, tuple[str, str]] = {}
    for log in logs:
        if log.year or log.head is None or not log.statements:
            continue
        try:
            commitment = str(Statement.parse(log.statements[0]).content.get("commitment"))
        except LogFault:
            continue  # which is a finding already
        origin = log.head.checkpoint.origin.rpartition("/")[0]
        name, first = known.setdefault(origin, (log.folder.name, commitment))
        if commitment != first:
            detail = f"it commits to another K than {name} does"
            yield Finding(log.folder.name, "leaf-key", detail, 0)


def answered_for(entries: Sequence[bytes]) -> Iterator[str]:
    """Remarks on days whose records did not bear their sums out, and who took that upon himself."""
    for entry in entries:
        if b'"accepted":' not in entry:
            continue
        try:
            content = Statement.parse(entry).content
        except LogFault:
            continue  # which is a finding already
        accepted = content.get("accepted")
        if isinstance(accepted, Mapping):
            yield (
                f"{content.get('day')} 日结时台账与记录不符，运营方接受了差异。"
                f"Its sums are not borne out, and were accepted: {accepted.get('reason')}"
            )


def _by_day(logs: Sequence[Verified]) -> dict[date, int]:
    """Leaves of all years."""
    days: dict[date, int] = {}
    for log in latest(logs):
        for day, count in log.figures.days.items() if log.figures else ():
            at = date.fromisoformat(day)
            days[at] = days.get(at, 0) + count
    return days


def _until(logs: Sequence[Verified]) -> datetime | None:
    """The last moment of which the logs give evidence: a cosignature, or else a leaf's day."""
    figures = [log.figures for log in logs if log.figures]
    cosigned = max((one.time for some in figures for one in some.cosigned), default=None)
    if cosigned is not None:
        return datetime.fromtimestamp(cosigned, UTC)
    last = max((day for some in figures for day in some.days), default=None)
    if last is None:
        return None
    return datetime.fromisoformat(f"{last}T00:00:00+08:00")
