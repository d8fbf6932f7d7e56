"""Statistics of closed days: made once, sent until received, desensitised."""

from __future__ import annotations

import json
from datetime import date

import pytest

from award.upload import store
from award.upload.uploading import Uploading
from metrics.counting.day import DAY as A_DAY
from metrics.counting.day import SECOND
from registry.errors import Unavailable
from tests.metrics.closing.conftest import NEXT, Office, at, bureau, database, office
from tests.metrics.counting.conftest import DAY, Ask

__all__ = ["bureau", "database", "office"]

MIDNIGHT = A_DAY // SECOND


class Desk:
    """Takes what it is sent, unless it is away."""

    def __init__(self) -> None:
        self.away = False
        self.got: list[tuple[date, str]] = []

    async def deliver(self, day: date, statistics: str) -> str:
        if self.away:
            raise Unavailable("the bureau is away")
        self.got.append((day, statistics))
        return f"receipt-{day}"


@pytest.fixture
async def closed(office: Office) -> Office:
    """Two closed days."""
    worker = await office.bureau.worker()
    await office.register("A", "B")
    await worker.note(
        Ask(10, identifier="88.118.1/A", address="198.51.100.77"), until=MIDNIGHT + 100
    )
    assert await office.close() is not None
    await office.register("C", when=at(MIDNIGHT + 50))
    await worker.note(
        Ask(MIDNIGHT + 200, identifier="88.118.1/A", address="2001:db8:1:2::3"),
        until=2 * MIDNIGHT + 100,
    )
    assert await office.close(NEXT) is not None
    return office


async def test_every_closed_day_is_sent_once(closed: Office) -> None:
    desk = Desk()
    uploading = Uploading(closed.bureau.database, "88.118", desk.deliver)
    assert await uploading.round() == 2
    assert await uploading.round() == 0
    assert [day for day, _ in desk.got] == [DAY, NEXT]
    first = json.loads(desk.got[0][1])
    assert (first["created"], first["total"], first["counted"]) == (2, 2, 1)
    assert first["networks"] == [{"network": "198.51.100.0/24", "counted": 1}]
    for _, text in desk.got:
        for secret in ("198.51.100.77", "2001:db8:1:2", "88.118.1", "/A"):
            assert secret not in text


async def test_what_is_not_received_stays_owed(closed: Office) -> None:
    desk = Desk()
    desk.away = True
    uploading = Uploading(closed.bureau.database, "88.118", desk.deliver)
    assert await uploading.round() == 0
    async with closed.bureau.database.connection() as connection:
        later, first = await store.uploads(connection, 10)
        assert (first.attempts, first.last_error) == (1, "the bureau is away")
        assert (later.attempts, later.received_at) == (0, None)
        await connection.execute("UPDATE bureau_upload SET next_attempt_at = now()")
    desk.away = False
    assert await uploading.round() == 2
    async with closed.bureau.database.connection() as connection:
        found = await store.uploads(connection, 10)
    assert [one.receipt for one in found] == [f"receipt-{NEXT}", f"receipt-{DAY}"]
    assert {one.last_error for one in found} == {None}
