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
from metrics.crew import Crew
from node.settings import Settings
from registry.database import Database
from registry.keeper.fence import Fence


def count_keeping(
    settings: Settings,
    database: Database,
    now: Callable[[], datetime],
    fence: Fence,
    crew: Crew,
) -> CountKeeping:
    """Counts, closes days and keeps journals, wherever the keeper is."""
    return CountKeeping(
        database,
        Counter(OwnerTable(), crew=crew, fence=fence),
        Closer(database, secrets.token_bytes, fence),
        Retention(database.behind(fence), now, settings.journal_days),
        now,
    )
