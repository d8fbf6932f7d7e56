"""A database that begins yesterday, so that a live node has a day to close when it starts."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from metrics.counting.day import SECOND, SHANGHAI, moment, start_of
from metrics.journal.entry import Outcome
from registry.record.registration import Method
from tests.metrics.closing.conftest import Office, bureau, database, office
from tests.metrics.counting.conftest import START, Ask
from tests.node.live import SUBJECT

__all__ = ["YESTERDAY", "bureau", "database", "office", "past"]

YESTERDAY = (datetime.now(SHANGHAI) - timedelta(days=1)).date()
REGISTERED, COUNTED = 4, 2


@pytest.fixture
async def past(office: Office) -> Office:
    """Four registrations and a few requests of yesterday; the day is still open."""
    start = start_of(YESTERDAY)
    shift = (start - START) // SECOND
    await office.bureau.execute("UPDATE day_ledger SET closed_until = $1", moment(start))
    await office.bureau.execute(
        "UPDATE count_state SET open_day = $1, counted_until = $2", YESTERDAY, start
    )
    await office.bureau.execute("UPDATE enterprise SET subject = $1", json.dumps(SUBJECT))
    early = moment(start + 3600 * SECOND)
    await office.register("A", "B", "C", when=early, method=Method.STREAM)
    await office.register("D", when=early)
    worker = await office.bureau.worker(shift)
    await worker.note(
        Ask(shift + 4000, identifier="88.118.1/A"),
        Ask(shift + 4010, identifier="88.118.1/A"),
        Ask(shift + 4020, identifier="88.118.1/NO", outcome=Outcome.NOT_FOUND),
        Ask(shift + 4030, identifier="88.118.1/B", address="203.0.113.9"),
        until=shift + 5000,
    )
    await worker.end()
    return office
