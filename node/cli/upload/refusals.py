"""The lines that were refused, in a file beside the one they came from."""

from __future__ import annotations

import csv
from pathlib import Path
from types import TracebackType
from typing import Self

from node.cli.upload.line import Line

COLUMNS = ("line", "identifier", "rule", "reason")


class Refusals:
    """Writes `<file>.refused.csv` in the order of the lines; without refusals no file is left."""

    def __init__(self, beside: Path) -> None:
        """Opens the file at once, so that nothing is sent whose refusal could not be kept."""
        self.file = beside.with_name(f"{beside.name}.refused.csv")
        self.count = 0
        # With a mark of the encoding, which spreadsheets need to read Chinese.
        self._stream = self.file.open("w", encoding="utf-8-sig", newline="")
        self._writer = csv.writer(self._stream)
        self._writer.writerow(COLUMNS)

    def add(self, line: Line, rule: str | None, reason: str) -> None:
        self.count += 1
        self._writer.writerow((line.number, line.handle, rule or "", reason))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()
        if not self.count:
            self.file.unlink(missing_ok=True)
