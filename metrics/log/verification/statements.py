"""Whether what the node states of itself is borne out by the logs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from metrics.log.fault import LogFault
from metrics.log.leaf import LeafKey
from metrics.log.note import VerifierKey
from metrics.log.statement import BACKFILL, DAILY, LEAF_KEY, LOG_CLOSED, LOG_KEYS, Statement
from metrics.log.verification.finding import Figures, Finding


@dataclass(frozen=True, slots=True)
class Said:
    """A statement and its place in its log."""

    index: int
    statement: Statement

    def number(self, name: str) -> int:
        """A whole number of its content. Raises LogFault."""
        value = self.statement.content.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise LogFault(f"{name} is no whole number", field=str(self.index), rule="statement")
        return value

    def text(self, name: str) -> str:
        """Raises LogFault."""
        value = self.statement.content.get(name)
        if not isinstance(value, str):
            raise LogFault(f"{name} is no text", field=str(self.index), rule="statement")
        return value


class StatementCheck:
    """Looks through one statements log. `logs` are the figures of the registrations' logs."""

    def __init__(self, name: str, logs: Sequence[Figures], key: LeafKey | None) -> None:
        self._name = name
        self._logs = {log.name: log for log in logs}
        self._key = key
        self._days: dict[str, int] = {}
        for log in _latest(logs):
            for day, count in log.days.items():
                self._days[day] = self._days.get(day, 0) + count

    def run(self, entries: Sequence[bytes], keys: Sequence[VerifierKey]) -> list[Finding]:
        findings: list[Finding] = []
        said: list[Said] = []
        for index, entry in enumerate(entries):
            try:
                said.append(Said(index, Statement.parse(entry)))
            except LogFault as fault:
                findings.append(Finding(self._name, "statement", fault.detail, index))
        checks: tuple[Callable[[list[Said]], Iterator[Finding]], ...] = (
            self._leaf_key,
            self._closed,
            self._backfilled,
            self._daily,
            lambda some: self._signing(some, keys),
        )
        for check in checks:
            try:
                findings += check(said)
            except LogFault as fault:
                at = int(fault.field) if fault.field and fault.field.isdigit() else None
                findings.append(Finding(self._name, "statement", fault.detail, at))
            except (TypeError, ValueError, OverflowError) as error:  # whatever stands in the JSON
                findings.append(Finding(self._name, "statement", f"not as it must be: {error}"))
        return findings

    def _leaf_key(self, said: list[Said]) -> Iterator[Finding]:
        """K is committed to first of all, and once."""
        committed = _of(said, LEAF_KEY)
        if not committed or committed[0].index != 0:
            yield Finding(
                self._name, "leaf-key", "the log does not begin with a commitment to K", 0
            )
            return
        for more in committed[1:]:
            yield Finding(self._name, "leaf-key", "K is committed to a second time", more.index)
        if self._key and committed[0].text("commitment") != self._key.commitment.hex():
            yield Finding(
                self._name, "leaf-key", "the K given is not the one that was committed to", 0
            )

    def _signing(self, said: list[Said], keys: Sequence[VerifierKey]) -> Iterator[Finding]:
        """Every key that is trusted was stated."""
        stated = set()
        for one in _of(said, LOG_KEYS):
            for text in _texts(one.statement.content.get("keys")):
                stated.add(VerifierKey.parse(text).key)
        for key in dict.fromkeys(key.key for key in keys):
            if stated and key not in stated:
                yield Finding(self._name, "undeclared-key", "a signing key was never stated")

    def _closed(self, said: list[Said]) -> Iterator[Finding]:
        """A closed log stays as it was when it was closed."""
        for one in _of(said, LOG_CLOSED):
            log = self._logs.get(one.text("log"))
            if log and (log.size, log.root) != (one.number("size"), one.text("root")):
                yield Finding(
                    self._name, "log-closed",
                    f"{log.name} was closed with {one.number('size')} leaves, and has {log.size}",
                    one.index,
                )  # fmt: skip

    def _backfilled(self, said: list[Said]) -> Iterator[Finding]:
        stated = sum(one.number("leaves") for one in _of(said, BACKFILL))
        marked = sum(log.backfilled for log in _latest(list(self._logs.values())))
        if stated > marked:
            yield Finding(
                self._name, "backfill",
                f"{stated} leaves are stated to be from before the log, {marked} are marked so",
            )  # fmt: skip

    def _daily(self, said: list[Said]) -> Iterator[Finding]:
        """Days follow each other, and each one's sums are those of the leaves and of the day
        before."""
        before: Said | None = None
        for one in _of(said, DAILY):
            yield from self._sums(one)
            if before is not None:
                yield from self._follows(before, one)
            before = one

    def _sums(self, one: Said) -> Iterator[Finding]:
        day, created = one.text("day"), one.number("created")
        if self._logs and created != self._days.get(day, 0):
            yield Finding(
                self._name, "daily-total",
                f"{day}: {created} are stated to be new, and the log has {self._days.get(day, 0)}",
                one.index,
            )  # fmt: skip
        requests = one.statement.content.get("requests")
        if isinstance(requests, Mapping) and sum(requests.values()) != one.number("received"):
            detail = (
                f"{day}: the requests by reason do not make the {one.number('received')} stated"
            )
            yield Finding(self._name, "daily-total", detail, one.index)

    def _follows(self, before: Said, one: Said) -> Iterator[Finding]:
        day = one.text("day")
        if date.fromisoformat(before.text("day")) + timedelta(days=1) != date.fromisoformat(day):
            yield Finding(self._name, "daily-gap", f"{day} follows {before.text('day')}", one.index)
        wanted = before.number("total") + sum(
            one.number(name) for name in ("created", "imported", "revived")
        )
        wanted -= one.number("deleted")
        if "corrected" in one.statement.content:
            wanted += one.number("corrected")
            yield from self._answered_for(one)
        if wanted != one.number("total"):
            detail = f"{day}: the total should be {wanted}, {one.number('total')} is stated"
            yield Finding(self._name, "daily-total", detail, one.index)

    def _answered_for(self, one: Said) -> Iterator[Finding]:
        """A total is corrected only with a reason and the differences beside it."""
        accepted = one.statement.content.get("accepted")
        told = accepted if isinstance(accepted, Mapping) else {}
        if not (told.get("reason") and told.get("differences")):
            detail = f"{one.text('day')}: the total is corrected, and nobody says why"
            yield Finding(self._name, "daily-correction", detail, one.index)


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


def _of(said: list[Said], kind: str) -> list[Said]:
    return [one for one in said if one.statement.kind == kind]


def _latest(logs: Sequence[Figures]) -> list[Figures]:
    """Of a year's log and its successors the last one, which holds what the earlier ones did."""
    by_year: dict[str, Figures] = {}
    for log in sorted(logs, key=lambda log: (len(log.name), log.name)):
        by_year["-".join(log.name.split("-")[:2])] = log
    return list(by_year.values())


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
