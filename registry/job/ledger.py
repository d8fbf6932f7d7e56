"""The ledger of one job in the hands of one worker: every chunk is written down where it is
committed, so the job's position and its rows can't tell different stories."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from registry.database import Connection, Database
from registry.job import store
from registry.job.job import Advance, JobKind, JobRefusal, Lease, LeaseLost
from registry.job.verdict import context_of, packed_outcomes, packed_refusals
from registry.record.bulk import Tally
from registry.sealing import SealingKey

MAX_REFUSALS = 1000  # kept to be looked at; the verdicts have them all
TURN_SECONDS = 1.0  # after which another job that waits comes first

Told = Callable[[JobKind, Tally], None]


class Ledger:
    """Knows where the job is. Only its worker writes it."""

    def __init__(
        self, database: Database, sealing: SealingKey, lease: Lease, *, seconds: float, told: Told
    ) -> None:
        self._database = database
        self._sealing = sealing
        self._lease = lease
        self._seconds = seconds
        self._told = told
        self._turn_ends = time.monotonic() + TURN_SECONDS
        self.position = lease.position
        self.line = lease.line
        self.finished = False

    async def commit(self, work: Callable[[Connection], Awaitable[Advance]]) -> None:
        """Do a chunk's work and note what came of it, in one transaction. Raises LeaseLost where
        the job is no longer this worker's; nothing is done then."""

        async def whole(tx: Connection) -> Advance:
            if not await store.hold(tx, self._lease, self.position):
                raise LeaseLost
            advance = await work(tx)
            await self._note(tx, advance)
            return advance

        advance = await self._database.transaction(whole)
        self.position, self.line = advance.position, advance.line
        self.finished = advance.finished
        self._told(self._lease.kind, advance.tally)

    async def exchange(self, work: Callable[[Connection], Awaitable[None]]) -> None:
        """Change what the job works on, which moves nothing. Raises LeaseLost."""

        async def whole(tx: Connection) -> None:
            if not await store.hold(tx, self._lease, self.position):
                raise LeaseLost
            await work(tx)

        await self._database.transaction(whole)

    async def must_yield(self) -> bool:
        """Whether the job has had its turn and others wait."""
        if time.monotonic() < self._turn_ends:
            return False
        self._turn_ends = time.monotonic() + TURN_SECONDS
        async with self._database.connection() as connection:
            return await store.others_wait(connection)

    async def _note(self, tx: Connection, advance: Advance) -> None:
        tally, job_id = advance.tally, self._lease.job_id
        if tally.refusals:
            shown = [
                JobRefusal(number, handle, error.rule, error.field, error.detail)
                for number, handle, error in tally.refusals[:MAX_REFUSALS]
            ]
            await store.add_refusals(tx, job_id, shown, MAX_REFUSALS)
        if advance.lines:
            context = context_of(job_id, advance.position)
            refusals = packed_refusals(tally.refusals)
            await store.add_verdicts(
                tx,
                job_id,
                advance.position,
                packed_outcomes(advance.lines, tally),
                refusals and self._sealing.seal(refusals, context),
            )
        await store.advance(
            tx,
            job_id,
            position=advance.position,
            line=advance.line,
            judged=len(advance.lines),
            created=tally.created,
            unchanged=tally.unchanged,
            revived=tally.revived,
            refused=len(tally.refusals),
            finished=advance.finished,
            seconds=self._seconds,
        )
