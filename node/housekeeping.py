"""What has to be thrown away now and then: one of the keeper's works."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import asyncpg
import structlog

from registry.access import store
from registry.database import DATABASE_AWAY, Database
from registry.job import store as jobs
from registry.keeper.fence import TermOver
from registry.query import store as queries

KEEP_ANSWERS = timedelta(days=7)  # how long an Idempotency-Key is remembered
KEEP_JOBS = timedelta(days=30)  # how long the verdicts of a job and its file are kept
PERIOD = 3600.0  # seconds

log = structlog.get_logger()


async def run(database: Database, now: Callable[[], datetime]) -> None:
    """Clean up every hour until cancelled. A database that is away is tried again an hour later."""
    while True:
        try:
            answers = partial(store.forget_idempotency, older_than=now() - KEEP_ANSWERS)
            await database.transaction(answers)
            forget = partial(jobs.forget, finished_before=now() - KEEP_JOBS)
            while await database.transaction(forget):
                pass
            await database.transaction(queries.summarise)
        except TermOver:
            log.warning("housekeeping-ends")  # this work is about to be cancelled
        except (asyncpg.PostgresError, *DATABASE_AWAY) as error:
            log.warning("housekeeping-failed", error=type(error).__name__)
        await asyncio.sleep(PERIOD)
