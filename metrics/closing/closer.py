"""Closing a day: its sums become final, and a statement of them goes into the log.

1. Whoever registers or changes holds a shared lock. The closer takes it alone for a moment and says
   that the day is over: nothing carries a time of that day after this, so its movements stand.
2. In one transaction, on one view of the database: the day's movements are summed up from batches
   and revisions and held against the records that they touched, and the requests against the
   journal. Then the lines, the close and the statement are written, and the next day is open. A
   node's first day and a year's last are held against all records: that census comes before, in a
   transaction of its own, since nothing of the day can change any more.

A day whose sums are not borne out stays open, and an alarm says why, until they are, or until an
operator accepts the very difference that there is. Kill the closer between, and
it begins again: the first step can be done twice, the second happens whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import partial

import asyncpg
import structlog

from metrics.closing import store
from metrics.closing.acceptance import store as acceptance
from metrics.closing.acceptance.difference import Acceptance, Difference, Subject
from metrics.closing.census.census import Findings, all_findings, day_findings, totals_at_end
from metrics.closing.daily import DailyTotals, Movements, PrefixDay, hash_of
from metrics.closing.journal import digest_of
from metrics.counting import rules
from metrics.counting import store as counting
from metrics.counting.day import end_of, moment, start_of
from metrics.counting.store import State
from metrics.counting.stream import Part
from metrics.log.statement import COUNTING_RULES, DAILY, Statement
from metrics.log.store import owe_statement
from registry.database import Connection, Database
from registry.keeper.fence import Fence, unfenced

SALT_BYTES = 16
LAST_OF_YEAR = (12, 31)  # all records are looked at then

log = structlog.get_logger()


class NotBorneOut(Exception):
    """The sums of a day and what they are sums of differ, and nobody has accepted just that."""

    def __init__(self, differences: Sequence[Difference]) -> None:
        super().__init__("; ".join(one.text for one in differences))
        self.differences = differences


class _Overtaken(Exception):
    """Another keeper has closed the day meanwhile."""


class Closer:
    """For the keeper's one task. `random_bytes` gives salts."""

    def __init__(
        self,
        database: Database,
        random_bytes: Callable[[int], bytes],
        fence: Fence = unfenced,
    ) -> None:
        self._database = database
        self._random_bytes = random_bytes
        self._fence = fence

    async def close(self) -> DailyTotals | None:
        """Close the open day if it is over and counted; what it came to. None where it is not, or
        where something keeps it open, which the alarms then tell. Raises TermOver."""
        async with self._database.connection() as connection:
            state = await counting.state(connection)
        day = state.open_day
        if state.counted_until < end_of(day) or not await self._end(day):
            return None
        try:
            findings = await self._census(day)
            totals = await self._database.transaction(partial(self._conclude, findings=findings))
        except NotBorneOut as error:
            await self._alarm(day, error.differences)
            return None
        except _Overtaken:
            return None
        log.info("day-closed", day=day.isoformat(), created=totals.created)
        return totals

    async def _end(self, day: date) -> bool:
        """Let nothing more fall into the day; False where others hold the lock for too long."""

        async def work(tx: Connection) -> None:
            await self._fence(tx)
            await store.end_day(tx, moment(end_of(day)))

        try:
            await self._database.transaction(work)
        except asyncpg.LockNotAvailableError:
            log.warning("day-not-closed", day=day.isoformat(), reason="a transaction is long")
            return False
        return True

    async def _census(self, day: date) -> Findings | None:
        """What all records say of the end of a day that is over; None where the day alone is looked
        at."""
        start, end = _bounds(day)

        async def work(tx: Connection) -> Findings | None:
            await store.take_one_view(tx)
            if (day.month, day.day) != LAST_OF_YEAR and not await store.none_closed(tx):
                return None
            moved = await store.movements(tx, start, end)
            return await all_findings(tx, end, await totals_at_end(tx, day, start, moved))

        return await self._database.transaction(work)

    async def _alarm(self, day: date, differences: Sequence[Difference]) -> None:
        async def work(tx: Connection) -> bool:
            await self._fence(tx)
            return await acceptance.alarm(tx, day, differences)

        if await self._database.transaction(work):
            detail = "; ".join(one.text for one in differences)
            log.error("day-not-borne-out", day=day.isoformat(), detail=detail)

    async def _conclude(self, tx: Connection, findings: Findings | None) -> DailyTotals:
        await store.take_one_view(tx)
        await self._fence(tx)
        state = await counting.lock_state(tx)
        positions = await counting.positions(tx)
        part = Part(await counting.closed_positions(tx, state.yesterday), positions)
        totals, lines, salt = await self._sum_up(tx, state, part, findings)
        await store.close(tx, totals, lines, positions, salt)
        at = moment(end_of(totals.day))
        if fresh := await store.note_rules(tx, rules.DEFINITIONS, rules.digest()):
            await owe_statement(tx, Statement(COUNTING_RULES, fresh, rules.parameters()).text)
        await owe_statement(tx, Statement(DAILY, at, totals.content).text)
        return totals

    async def _sum_up(
        self, tx: Connection, state: State, part: Part, findings: Findings | None
    ) -> tuple[DailyTotals, list[PrefixDay], bytes]:
        """What the day came to. Raises NotBorneOut."""
        day, start, end = state.open_day, *_bounds(state.open_day)
        if state.counted_until != end_of(day):
            raise _Overtaken
        lines, differences = await self._lines(tx, day, findings)
        requests = await store.requests(tx, day)
        journal = await digest_of(tx, part)
        stated = sum(requests.values())
        if journal.records != stated:
            differences.append(Difference(Subject.REQUESTS, "", stated, journal.records))
        accepted = await _accepted(tx, day, differences)
        new, active = await store.prefix_counts(tx, start, end)
        salt = self._random_bytes(SALT_BYTES)
        totals = DailyTotals(
            day=day,
            created=sum(line.movements.created for line in lines),
            imported=sum(line.movements.imported for line in lines),
            revived=sum(line.movements.revived for line in lines),
            deleted=sum(line.movements.deleted for line in lines),
            gone=sum(line.movements.gone for line in lines),
            total=sum(line.total for line in lines),
            requests=requests,
            records=journal.records,
            journal_hash=journal.digest,
            prefixes_hash=hash_of(salt, lines),
            prefixes_new=new,
            prefixes_total=active,
            corrected=sum(line.corrected for line in lines),
            accepted=accepted,
        )
        return totals, lines, salt

    async def _lines(
        self, tx: Connection, day: date, findings: Findings | None
    ) -> tuple[list[PrefixDay], list[Difference]]:
        """Every prefix's line, and where the records say something else. The line has what the
        records say: it is written only if that was accepted."""
        start, end = _bounds(day)
        moved = await store.movements(tx, start, end)
        requests = await store.requests_by_prefix(tx, day)
        if findings is None:
            before = await store.totals_before(tx, day, start)
            findings = await day_findings(tx, start, end, before, moved)
        lines: list[PrefixDay] = []
        differences: list[Difference] = []
        for prefix_id, found in findings.items():
            differences += found.differences
            lines.append(
                PrefixDay(
                    prefix_id,
                    found.live.prefix,
                    moved.get(prefix_id, Movements()),
                    found.live.there,
                    requests.get(prefix_id, {}),
                    corrected=found.live.there - found.live.stated,
                    ever_corrected=found.rows.there - found.rows.stated,
                )
            )
        return lines, differences


def _bounds(day: date) -> tuple[datetime, datetime]:
    return moment(start_of(day)), moment(end_of(day))


async def _accepted(
    tx: Connection, day: date, differences: Sequence[Difference]
) -> Acceptance | None:
    """The word of who accepted just these differences. Raises NotBorneOut where nobody did."""
    if not differences:
        await acceptance.drop_unneeded(tx, day)
        return None
    accepted = await acceptance.accepted(tx, day)
    if accepted is None or accepted.differences != tuple(differences):
        raise NotBorneOut(differences)
    return accepted
