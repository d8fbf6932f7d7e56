"""A sequencer whose keeper's term is over makes no log grow."""

from __future__ import annotations

import pytest

from metrics.log.sequencer import Sequencer
from registry.database import Connection
from registry.keeper.fence import TermOver
from tests.metrics.log.conftest import ORIGIN, Kept


async def _over(tx: Connection) -> None:
    raise TermOver("another process has become the keeper")


async def test_a_fenced_off_sequencer_changes_nothing(kept: Kept) -> None:
    await kept.keeping().round()
    assert await kept.register("A", "B") == 2
    late = Sequencer(kept.database, kept.keys, ORIGIN, lambda: kept.now, fence=_over)

    async def state() -> tuple[object, object]:
        async with kept.database.connection() as connection:
            return (
                await connection.fetchval("SELECT sum(size) FROM log"),
                await connection.fetchval("SELECT count(*) FROM leaf_owed"),
            )

    before = await state()
    for step in (late.begin(), late.step(), late.close_years(kept.now)):
        with pytest.raises(TermOver):
            await step
    assert await state() == before
