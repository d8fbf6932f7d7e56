"""Checkpoints (C2SP tlog-checkpoint): origin, size and root of a log at one moment."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from metrics.log.fault import LogFault
from metrics.log.merkle import HASH_BYTES
from metrics.log.note import unbase64

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Without extension lines: ours never have any, and others' are left alone."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Raises LogFault."""
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() or not all(lines):
            raise LogFault(
                "a checkpoint has an origin, a size and a root",
                field="checkpoint",
                rule="checkpoint",
            )
        root = unbase64(lines[2], "root")
        if len(root) != HASH_BYTES:
            raise LogFault("a root has 32 bytes", field="root", rule="checkpoint")
        return cls(lines[0], decimal(lines[1], "size"), root)


def decimal(text: str, field: str) -> int:
    """Raises LogFault unless it is a whole number without leading zeroes."""
    if not _DECIMAL.fullmatch(text):
        raise LogFault(f"{text[:40]!r} is no number", field=field, rule="decimal")
    return int(text)
