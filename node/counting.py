"""The keeper's counting, put together."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime

from metrics.closing.closer import Closer
from metrics.closing.keeping import CountKeeping
from metrics.closing.retention import Retention
from metrics.counting.counter import Counter
from metrics.counting.owners import OwnerTable
from node.settings import Settings
from registry.database import Database


def count_keeping(
    settings: Settings, database: Database, now: Callable[[], datetime]
) -> CountKeeping:
    """Counts, closes days and keeps journals, wherever the keeper is."""
    return CountKeeping(
        database,
        Counter(OwnerTable()),
        Closer(database, secrets.token_bytes),
        Retention(database, now, settings.journal_days),
        now,
    )
