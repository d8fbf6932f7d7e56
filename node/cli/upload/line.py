"""A line of a file of registrations, and what can be wrong with a file as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from registry.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Line:
    """One registration. `item` is what POST /v1/identifiers takes; `number` counts from 1."""

    number: int
    item: dict[str, Any]

    @property
    def handle(self) -> str:
        return str(self.item.get("handle", ""))


class InvalidFile(InvalidInput):
    kind = "invalid-file"
    title = "The file cannot be read as registrations"

    def __init__(self, file: Path, rule: str, detail: str, line: int | None = None) -> None:
        place = f"{file.name}, line {line}" if line else file.name
        super().__init__(f"{place}: {detail}", field="file", rule=rule)


class Source(Protocol):
    """A file of registrations."""

    def lines(self) -> Iterator[Line]:
        """All lines, each time from the start. Raises InvalidFile where the form is broken."""
