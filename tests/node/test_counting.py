"""From an answer to a sum, in a live node."""

from __future__ import annotations

import asyncio

from metrics.counting.reason import Reason
from tests.node.live import Enterprise, Live
from tests.node.test_recorder import BROWSER, _registered

SUMS = "SELECT reason, sum(requests)::int AS requests FROM resolution_hour GROUP BY reason"


async def test_what_is_resolved_is_counted(live: Live, owner: Enterprise) -> None:
    await _registered(live, owner, "A", "B")
    for _ in range(3):
        await live.ask("GET", f"/v1/resolve/{owner.prefix}/A", headers=BROWSER)
    await live.ask("GET", f"/api/handles/{owner.prefix}/B", headers=BROWSER)
    await live.ask("GET", f"/v1/resolve/{owner.prefix}/A", key=owner.key)
    await live.ask("GET", f"/v1/resolve/{owner.prefix}/NEVER", headers=BROWSER)
    wanted = {Reason.COUNTED: 2, Reason.REPEAT: 2, Reason.OWNER: 1, Reason.NOT_FOUND: 1}
    async with asyncio.timeout(60):
        while await _sums(live) != wanted:  # noqa: ASYNC110 - the keeper tells nobody
            await asyncio.sleep(0.1)


async def _sums(live: Live) -> dict[Reason, int]:
    async with live.node.wiring.database.connection() as connection:
        rows = await connection.fetch(SUMS)
    return {Reason(row["reason"]): row["requests"] for row in rows}
