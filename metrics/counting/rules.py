"""The rules of counting as data: what is stated in the log, and what a report's words are held
against. Whoever changes one of them gives the whole a new version."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from metrics.counting.day import SECOND
from metrics.counting.reason import ANSWERED, KINDS, OUTCOMES, Reason
from metrics.counting.repeat import WINDOW
from metrics.journal import robot

DEFINITIONS = "biaoshi-counting-1"  # the version of the rules that the sums follow
TIME_ZONE = "Asia/Shanghai"


def parameters() -> dict[str, Any]:
    """Everything in the rules that is a number, a name or an order; whole numbers only."""
    return {
        "definitions": DEFINITIONS,
        "time_zone": TIME_ZONE,
        "chain": [reason.label for reason in Reason],
        "answered": [reason.label for reason in ANSWERED],
        "outcomes": {
            reason.label: [outcome.name for outcome in outcomes]
            for reason, outcomes in OUTCOMES.items()
        },
        "kinds": {reason.label: kind.name for reason, kind in KINDS.items()},
        "repeat_milliseconds": WINDOW * 1000 // SECOND,
        "robots": robot.VERSION,
        "robots_sha256": robot.SHA256,
    }


def digest() -> str:
    """SHA-256 of the parameters."""
    return hashlib.sha256(msgspec.json.encode(parameters(), order="sorted")).hexdigest()
