"""Statements: what the node says of itself, once and for good, as leaves of the statements log.

A statement is a JSON object with sorted keys, the kind and the time first among what every one has.
Which kinds there are, and what they hold, stands in `docs/log.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from metrics.log.fault import LogFault
from metrics.log.tile import MAX_ENTRY

LEAF_KEY = "leaf-key"
LOG_KEYS = "log-keys"
LOG_OPENED = "log-opened"
LOG_CLOSED = "log-closed"
LOG_SUCCEEDED = "log-succeeded"
BACKFILL = "backfill"
DAILY = "daily-totals"
COUNTING_RULES = "counting-rules"
REPORT_ISSUED = "report-issued"


@dataclass(frozen=True, slots=True)
class Statement:
    """`content` holds what JSON can hold. Whole numbers only: readers must not differ."""

    kind: str
    at: datetime
    content: Mapping[str, Any]

    @property
    def text(self) -> str:
        """As it stands in the log. Raises LogFault where it is too long."""
        made = {**self.content, "kind": self.kind, "at": _moment(self.at)}
        text = msgspec.json.encode(made, order="sorted")
        if len(text) > MAX_ENTRY:
            raise LogFault(
                f"a statement has at most {MAX_ENTRY} bytes", field="statement", rule="too-long"
            )
        return text.decode()

    @classmethod
    def parse(cls, entry: bytes) -> Statement:
        """Raises LogFault."""
        try:
            read = msgspec.json.decode(entry, type=dict[str, Any])
            kind, at = str(read.pop("kind")), datetime.fromisoformat(str(read.pop("at")))
        except (msgspec.DecodeError, UnicodeDecodeError, KeyError, ValueError) as error:
            raise LogFault(
                f"not a statement: {error}", field="statement", rule="statement"
            ) from None
        return cls(kind, at, read)


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
