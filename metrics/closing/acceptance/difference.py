"""Differences between a day's sums and what they are sums of, and what was accepted of them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

import msgspec


class Subject(Enum):
    """What differs."""

    REQUESTS = "requests"  # the sums of the day, and the records of its journal
    LIVE = "live identifiers"  # of a prefix, at the end of the day
    NEW = "new identifiers"  # of a prefix, by the day's batches and by their records
    EVER = "identifiers ever"  # of a prefix, by its batches and by its records


class Difference(msgspec.Struct, frozen=True):
    """Something that should be `stated`, and is `there`. `prefix` is empty for the node."""

    subject: Subject
    prefix: str
    stated: int
    there: int

    @property
    def text(self) -> str:
        if self.subject is Subject.REQUESTS:
            return f"the journal has {self.there} requests, the sums {self.stated}"
        return (
            f"{self.prefix}: {self.subject.value} should be {self.stated}, there are {self.there}"
        )


class Acceptance(msgspec.Struct, frozen=True):
    """What a person accepted of a day. The reason is published."""

    by: str
    reason: str
    differences: tuple[Difference, ...]

    @property
    def content(self) -> dict[str, Any]:
        """As the statement has it. The log is public and what a factory makes is not: prefixes are
        summed up, more and fewer apart, so that nothing cancels out."""
        return {
            "by": self.by,
            "reason": self.reason,
            "differences": [
                _summed(subject, some)
                for subject in Subject
                if (some := [one for one in self.differences if one.subject is subject])
            ],
        }


def _summed(subject: Subject, some: Sequence[Difference]) -> dict[str, Any]:
    changes = [one.there - one.stated for one in some]
    return {
        "subject": subject.value,
        "places": len(some),
        "stated": sum(one.stated for one in some),
        "there": sum(one.there for one in some),
        "more": sum(change for change in changes if change > 0),
        "fewer": -sum(change for change in changes if change < 0),
    }
