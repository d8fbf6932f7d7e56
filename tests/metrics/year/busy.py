"""A year with something in it, for whoever reads years."""

from __future__ import annotations

import pytest

from metrics.counting.day import DAY as A_DAY
from metrics.counting.day import SECOND
from metrics.journal.entry import Kind, Outcome
from registry.record.registration import Method
from tests.metrics.closing.conftest import NEXT, Office, at, bureau, database, office
from tests.metrics.counting.conftest import Ask

__all__ = ["MIDNIGHT", "bureau", "busy", "database", "office"]

MIDNIGHT = A_DAY // SECOND


@pytest.fixture
async def busy(office: Office) -> Office:
    """Two closed days of one enterprise, and an open one."""
    worker = await office.bureau.worker()
    await office.register("A", "B", "C", method=Method.STREAM)
    await office.register("D", method=Method.IMPORT)
    await office.change("C", 2)
    await worker.note(
        Ask(10, identifier="88.118.1/A", address="198.51.100.1"),
        Ask(20, identifier="88.118.1/A", address="198.51.100.1"),
        Ask(40, identifier="88.118.1/NO", outcome=Outcome.NOT_FOUND),
        Ask(50, identifier="88.118.1/B", kind=Kind.ROBOT),
        Ask(MIDNIGHT + 10, identifier="88.118.1/A", address="2001:db8:1:2::3"),
        until=MIDNIGHT + 100,
    )
    assert await office.close() is not None
    await office.register("E", when=at(MIDNIGHT + 50))
    await worker.note(Ask(2 * MIDNIGHT + 5, identifier="88.118.1/B"), until=2 * MIDNIGHT + 100)
    assert await office.close(NEXT) is not None
    await office.register("F", when=at(2 * MIDNIGHT + 50))
    await office.bureau.rounds()
    return office
