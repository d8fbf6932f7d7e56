"""What a statements log says, statement by statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from metrics.log.fault import LogFault
from metrics.log.statement import Statement
from metrics.log.verification.finding import Finding


@dataclass(frozen=True, slots=True)
class Said:
    """A statement and its place in its log."""

    index: int
    statement: Statement

    @property
    def at(self) -> datetime:
        return self.statement.at

    def number(self, name: str) -> int:
        """A whole number of its content. Raises LogFault."""
        return self.whole(self.statement.content.get(name), name)

    def whole(self, value: Any, name: str) -> int:
        """Raises LogFault unless the value is a whole number."""
        if not isinstance(value, int) or isinstance(value, bool):
            raise LogFault(f"{name} is no whole number", field=str(self.index), rule="statement")
        return value

    def text(self, name: str) -> str:
        """Raises LogFault."""
        value = self.statement.content.get(name)
        if not isinstance(value, str):
            raise LogFault(f"{name} is no text", field=str(self.index), rule="statement")
        return value


def read(log: str, entries: Sequence[bytes]) -> tuple[list[Said], list[Finding]]:
    """All statements, and which entries are none. One that could be written in another way is none:
    of a name that stands there twice one reader would take the first and another the last."""
    said: list[Said] = []
    findings: list[Finding] = []
    for index, entry in enumerate(entries):
        try:
            statement = Statement.parse(entry)
            if statement.text.encode() != entry:
                raise LogFault("a statement has one spelling, and this is another")
        except LogFault as fault:
            findings.append(Finding(log, "statement", fault.detail, index))
        else:
            said.append(Said(index, statement))
    return said, findings


def of(said: Sequence[Said], kind: str) -> list[Said]:
    """Those of a kind."""
    return [one for one in said if one.statement.kind == kind]
