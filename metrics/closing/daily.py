"""What a closed day comes to: for each prefix, and for the node."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from metrics.closing.acceptance.difference import Acceptance
from metrics.counting.reason import ANSWERED, Reason
from metrics.counting.rules import DEFINITIONS

Requests = Mapping[Reason, int]


@dataclass(frozen=True, slots=True)
class Movements:
    """What came and went under a prefix in a day."""

    created: int = 0  # never seen before
    imported: int = 0
    revived: int = 0
    deleted: int = 0
    gone: int = 0  # deleted less revived, of those new in the same year

    @property
    def change(self) -> int:
        return self.created + self.imported + self.revived - self.deleted


@dataclass(frozen=True, slots=True)
class PrefixDay:
    """A prefix's line of a closed day: national table 8 without its sources."""

    prefix_id: int
    prefix: str
    movements: Movements
    total: int
    requests: Requests
    corrected: int = 0  # accepted: live identifiers that are there, less those there should be
    ever_corrected: int = 0  # the same of all that ever were

    @property
    def line(self) -> str:
        """The line as it is hashed; where a difference was accepted, it ends with two numbers
        more."""
        moved = self.movements
        numbers = (
            *(moved.created, moved.imported, moved.revived, moved.deleted, self.total),
            *(received(self.requests), answered(self.requests), counted(self.requests)),
        )
        corrections = (self.corrected, self.ever_corrected)
        more = corrections if any(corrections) else ()
        return "\t".join([self.prefix, *map(str, (*numbers, *more))])


@dataclass(frozen=True, slots=True)
class DailyTotals:
    """The statement about a closed day. Prefixes appear in it as a salted hash over their lines:
    the log is public, and what a factory makes is not."""

    day: date
    created: int
    imported: int
    revived: int
    deleted: int
    total: int
    requests: Requests  # also for what does not live here
    records: int  # of the journal
    journal_hash: bytes
    prefixes_hash: bytes
    prefixes_new: int
    prefixes_total: int
    gone: int = 0  # deleted less revived, of those new in the same year
    corrected: int = 0  # in the total, as was accepted
    accepted: Acceptance | None = None  # where the sums are not borne out

    @property
    def content(self) -> dict[str, Any]:
        """As the statements log has it. What was accepted is added to it, never left out."""
        accepted = {} if self.accepted is None else self._acceptance(self.accepted)
        return {
            **accepted,
            "day": self.day.isoformat(),
            "definitions": DEFINITIONS,
            "created": self.created,
            "imported": self.imported,
            "revived": self.revived,
            "deleted": self.deleted,
            "gone": self.gone,
            "total": self.total,
            "received": received(self.requests),
            "answered": answered(self.requests),
            "counted": counted(self.requests),
            "requests": {
                reason.label: count for reason, count in sorted(self.requests.items()) if count
            },
            "records": self.records,
            "journal": self.journal_hash.hex(),
            "prefixes": self.prefixes_hash.hex(),
            "prefixes_new": self.prefixes_new,
            "prefixes_total": self.prefixes_total,
        }

    def _acceptance(self, accepted: Acceptance) -> dict[str, Any]:
        return {"corrected": self.corrected, "accepted": accepted.content}


def received(requests: Requests) -> int:
    """National 单日解析请求量."""
    return sum(requests.values())


def answered(requests: Requests) -> int:
    """National 单日解析成功响应量: external requests that were found and answered."""
    return sum(requests.get(reason, 0) for reason in ANSWERED)


def counted(requests: Requests) -> int:
    """What the award counts."""
    return requests.get(Reason.COUNTED, 0)


def hash_of(salt: bytes, lines: Sequence[PrefixDay]) -> bytes:
    """SHA-256 over the salt and the lines in order of their prefixes, each ended by a newline."""
    found = hashlib.sha256(salt)
    for one in sorted(lines, key=lambda line: line.prefix):
        found.update(one.line.encode() + b"\n")
    return found.digest()
