"""Whether the records bear the ledger out.

A day is held against the rows that it touched: those of its batches, and those that its revisions
name. That costs what the day's work did, however many identifiers there are. What nobody registered
or changed that day is looked at by a census, which reads the whole table: at the close of a node's
first day, of each year's last, and whenever `biaoshi recount --full` asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from metrics.closing import store as closing
from metrics.closing.acceptance import store as acceptance
from metrics.closing.acceptance.difference import Difference, Subject
from metrics.closing.census import store
from metrics.closing.daily import Movements
from metrics.counting import store as counting
from metrics.counting.day import moment, start_of
from registry.database import Connection, Database

NOTHING = Movements()


@dataclass(frozen=True, slots=True)
class Finding:
    """What the records of one prefix say, beside what they should."""

    live: Difference  # at the end of the day
    rows: Difference  # identifiers registered: in the day, or ever

    @property
    def differences(self) -> Iterator[Difference]:
        yield from (one for one in (self.live, self.rows) if one.there != one.stated)


Findings = Mapping[int, Finding]  # by number of prefix


@dataclass(frozen=True, slots=True)
class Census:
    """All identifiers, held against the ledger up to the end of `through`, the last closed day;
    None where no day was closed yet. `rows` are all that ever were, live or not, at this moment."""

    through: date | None
    prefixes: int
    rows: int
    differences: tuple[Difference, ...]


async def day_findings(
    tx: Connection,
    start: datetime,
    end: datetime,
    before: Mapping[int, int],
    moved: Mapping[int, Movements],
) -> Findings:
    """What the rows say that a day touched. `before` are the totals of the day before."""
    touched = await store.touched(tx, start, end)
    found: dict[int, Finding] = {}
    for prefix_id, prefix in (await closing.prefixes(tx)).items():
        total, moves = before.get(prefix_id, 0), moved.get(prefix_id, NOTHING)
        there = touched.get(prefix_id, store.UNTOUCHED)
        found[prefix_id] = Finding(
            Difference(Subject.LIVE, prefix, total + moves.change, total + there.change),
            Difference(Subject.NEW, prefix, moves.created + moves.imported, there.rows),
        )
    return found


async def all_findings(tx: Connection, end: datetime, totals: Mapping[int, int]) -> Findings:
    """What all rows say. `totals` are those that the ledger has, or should have, at `end`."""
    since = await closing.movements(tx, end, None)
    ever = await store.created_ever(tx)
    corrected = await acceptance.ever_corrected(tx)
    held = await store.held(tx)
    found: dict[int, Finding] = {}
    for prefix_id, prefix in (await closing.prefixes(tx)).items():
        live, rows = held.get(prefix_id, (0, 0))
        stated = ever.get(prefix_id, 0) + corrected.get(prefix_id, 0)
        live_then = live - since.get(prefix_id, NOTHING).change
        found[prefix_id] = Finding(
            Difference(Subject.LIVE, prefix, totals.get(prefix_id, 0), live_then),
            Difference(Subject.EVER, prefix, stated, rows),
        )
    return found


async def totals_at_end(
    tx: Connection, day: date, start: datetime, moved: Mapping[int, Movements]
) -> dict[int, int]:
    """What each prefix's total should be at a day's end, by the day before and what moved."""
    before = await closing.totals_before(tx, day, start)
    return {
        prefix_id: before.get(prefix_id, 0) + moved.get(prefix_id, NOTHING).change
        for prefix_id in {*before, *moved}
    }


async def take(database: Database) -> Census:
    """Count all identifiers now, on one view of the database and with no lock: nobody waits."""

    async def work(tx: Connection) -> Census:
        await closing.take_one_view(tx)
        state = await counting.state(tx)
        start = moment(start_of(state.open_day))
        first = await closing.none_closed(tx)
        totals = await closing.totals_before(tx, state.open_day, start)
        findings = await all_findings(tx, start, totals)
        return Census(
            through=None if first else state.yesterday,
            prefixes=len(findings),
            rows=sum(one.rows.there for one in findings.values()),
            differences=tuple(
                difference for one in findings.values() for difference in one.differences
            ),
        )

    return await database.transaction(work)
