"""The query of what anyone may read: planned once, whatever the length of its lists."""

from __future__ import annotations

from registry.database import Database
from registry.public import store

PLANS = """SELECT custom_plans, generic_plans FROM pg_prepared_statements
            WHERE statement LIKE 'SELECT p.hosting%'"""


async def test_short_lists_are_not_planned_anew(database: Database) -> None:
    async with database.connection() as connection:
        for number in range(40):
            asked = [f"S{number}"] * (1 + number % 3)
            found = await store.find(connection, ["88.608.1"] * len(asked), asked)
            assert [glimpse.revision for glimpse in found] == [0] * len(asked)
        plans = await connection.fetchrow(PLANS)
    assert plans is not None
    # The server tries five times whether planning for the very arguments pays.
    assert (plans["custom_plans"], plans["generic_plans"]) == (5, 35)
