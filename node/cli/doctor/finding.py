"""What the doctor finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """The value is the mark it is shown with."""

    WELL = "✓"
    WARNING = "!"
    FAILED = "✗"  # the node cannot keep its promises like this


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `remedy` says what to do, where there is something to do."""

    subject: str
    level: Level
    said: str
    remedy: str = ""


def well(subject: str, said: str) -> Finding:
    return Finding(subject, Level.WELL, said)


def warning(subject: str, said: str, remedy: str) -> Finding:
    return Finding(subject, Level.WARNING, said, remedy)


def failed(subject: str, said: str, remedy: str) -> Finding:
    return Finding(subject, Level.FAILED, said, remedy)
