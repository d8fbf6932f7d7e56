"""Holding a day's ledger against its journal, on demand."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from metrics.closing import store
from metrics.closing.journal import journal_of
from metrics.counting import store as counting
from metrics.counting.owners import OwnerTable
from metrics.counting.reason import Reason
from metrics.counting.recount import Recount, part_of
from metrics.counting.stream import Part
from registry.database import Connection, Database
from registry.errors import NotFound

Key = TypeVar("Key", bound=Hashable)


class DayUncounted(NotFound):
    kind = "day-uncounted"
    title = "Nothing of this day has been counted"


@dataclass(frozen=True, slots=True)
class Audit:
    """What a recount gave, and what the ledger has. `journal` tells whether a closed day's journal
    is still the one that was stated; None for the open day. `missing` are records that were stated
    and are here no more, as when the time of keeping is over."""

    day: date
    closed: bool
    ledger: dict[Reason, int]
    recount: dict[Reason, int]
    cells_differ: int  # hours of a prefix under a reason
    sources_differ: int
    journal: bool | None
    missing: int

    @property
    def sound(self) -> bool:
        return not self.cells_differ and not self.sources_differ and self.journal is not False


async def audit(database: Database, day: date) -> Audit:
    """Recount a day, on one view of the database. Raises DayUncounted."""

    async def work(tx: Connection) -> Audit:
        await store.take_one_view(tx)
        state = await counting.state(tx)
        if day > state.open_day:
            raise DayUncounted(f"nothing of {day} has been counted", field="day", rule="day")
        closed = await store.closed(tx, day)
        if closed is None and day != state.open_day:
            raise DayUncounted(f"the ledger begins after {day}", field="day", rule="day")
        until, part = None, await part_of(tx, day)
        if closed is None:
            until = state.counted_until
            part = Part(
                await counting.closed_positions(tx, state.yesterday), await counting.positions(tx)
            )
        found = await Recount(tx, OwnerTable(), day, part).sums(until)
        ledger = await counting.sums_of(tx, day)
        journal, missing = None, 0
        if closed is not None:
            held = await journal_of(tx, day)
            journal, missing = held.digest == closed.journal_hash, closed.records - held.records
        return Audit(
            day=day,
            closed=closed is not None,
            ledger=dict(ledger.totals),
            recount=dict(found.totals),
            cells_differ=_differ(ledger.cells, found.cells),
            sources_differ=_differ(ledger.requests, found.requests)
            + _differ(ledger.answered, found.answered)
            + _differ(ledger.counted, found.counted),
            journal=journal,
            missing=missing,
        )

    return await database.transaction(work)


def _differ(one: Mapping[Key, int], other: Mapping[Key, int]) -> int:
    """How many numbers are not the same; what is missing is zero."""
    return sum(one.get(key, 0) != other.get(key, 0) for key in {*one, *other})
