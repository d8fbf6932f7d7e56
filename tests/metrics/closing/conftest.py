"""A bureau whose days can be closed, with registrations written down at any time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pytest

from metrics.closing.closer import Closer
from metrics.closing.daily import DailyTotals
from metrics.counting.day import SECOND, end_of, moment
from registry.record.registration import Method
from tests.metrics.counting.conftest import DAY, START, Bureau, bureau, database

__all__ = ["bureau", "database"]

NEXT = DAY + timedelta(days=1)


def at(seconds: float) -> datetime:
    """A time so many seconds into the day."""
    return moment(START + round(seconds * SECOND))


@dataclass
class Office:
    """What happens to records, without the Registrar and its clock."""

    bureau: Bureau
    closer: Closer

    async def register(
        self, *suffixes: str, when: datetime | None = None, method: Method = Method.SINGLE
    ) -> None:
        async with self.bureau.database.connection() as connection:
            batch = await connection.fetchval(
                """INSERT INTO batch (prefix_id, registered_at, method, created, actor, request_id)
                   VALUES (1, $1, $2, $3, 'a', 'r') RETURNING batch_id""",
                when or at(3600),
                method,
                len(suffixes),
            )
            await connection.executemany(
                """INSERT INTO identifier (batch_id, prefix_id, suffix, public_values)
                   VALUES ($1, 1, $2, '[]')""",
                [(batch, suffix) for suffix in suffixes],
            )

    async def change(self, suffix: str, action: int, when: datetime | None = None) -> None:
        """2 withdraws, 3 revives, 1 amends."""
        async with self.bureau.database.connection() as connection:
            revision = await connection.fetchval(
                "SELECT abs(revision) + 1 FROM identifier WHERE suffix = $1", suffix
            )
            await connection.execute(
                """INSERT INTO revision (prefix_id, suffix, revision, changed_at, action, actor,
                                         request_id) VALUES (1, $1, $2, $3, $4, 'a', 'r')""",
                suffix,
                revision,
                when or at(7200),
                action,
            )
            await connection.execute(
                "UPDATE identifier SET revision = $2 WHERE suffix = $1",
                suffix,
                -revision if action == 2 else revision,
            )

    async def count_the_day(self, day: date = DAY) -> None:
        await self.bureau.rounds()
        assert await self.bureau.fetchval("SELECT counted_until FROM count_state") == end_of(day)

    async def close(self, day: date = DAY) -> DailyTotals | None:
        await self.count_the_day(day)
        return await self.closer.close()


@pytest.fixture
def office(bureau: Bureau) -> Office:
    return Office(bureau, Closer(bureau.database, bytes))
