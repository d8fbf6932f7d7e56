"""An operator's word for a day that cannot be closed otherwise."""

from __future__ import annotations

from datetime import date

import msgspec

from metrics.closing.acceptance import store
from metrics.closing.acceptance.difference import Acceptance
from metrics.closing.acceptance.store import Alarm
from metrics.counting import store as counting
from registry.access import store as access
from registry.access.actor import Actor
from registry.database import Connection, Database
from registry.errors import InvalidInput, NotFound

REASON = range(10, 501)  # characters


class NoAlarm(NotFound):
    kind = "no-close-alarm"
    title = "The day is not kept open by a difference"


async def accept(database: Database, actor: Actor, day: date, reason: str) -> Alarm:
    """Accept the differences that keep a day open; what they are. Only those: should the day differ
    in another way when it is closed, it stays open. Raises NoAlarm, InvalidInput."""
    reason = reason.strip()
    if len(reason) not in REASON or not reason.isprintable():
        raise InvalidInput(
            f"a reason has {REASON.start} to {REASON.stop - 1} characters on one line",
            field="reason",
            rule="length",
        )

    async def work(tx: Connection) -> Alarm:
        state = await counting.lock_state(tx)
        found = [one for one in await store.open_alarms(tx) if one.day == day]
        if day != state.open_day or not found or not found[0].differences:
            raise NoAlarm(f"nothing keeps {day} open that could be accepted", field="day")
        await store.accept(tx, day, Acceptance(actor.name, reason, found[0].differences))
        detail = {"reason": reason, "differences": msgspec.to_builtins(found[0].differences)}
        await access.audit(tx, actor, "day.difference-accepted", f"day/{day}", detail)
        return found[0]

    return await database.transaction(work)
