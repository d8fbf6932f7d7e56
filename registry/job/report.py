"""The report of a job: its verdict on every line. What a line names is read again where it came
from, what became of it was written down with the chunk it was in."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple, Protocol

from registry.access.actor import Actor
from registry.database import Database
from registry.errors import NotFound
from registry.job import store
from registry.job.job import JobKind, JobNotFound
from registry.job.store import Source
from registry.job.verdict import Verdicts, context_of, unpacked
from registry.record.registration import Outcome
from registry.sealing import SealingKey


class ReportGone(NotFound):
    kind = "report-gone"
    title = "What the job worked on is no longer kept"


class Named(NamedTuple):
    """A line and what it names."""

    line: int
    identifier: str


class LineVerdict(NamedTuple):
    line: int
    identifier: str
    outcome: Outcome
    rule: str | None
    field: str | None
    detail: str | None


class Names(Protocol):
    """Reads what a job's lines name."""

    def names(self, source: Source) -> AsyncIterator[list[Named]]:
        """All lines that are judged, in their order, some at a time."""


class Reports:
    """Safe to share between tasks."""

    def __init__(
        self, database: Database, sealing: SealingKey, names: Mapping[JobKind, Names]
    ) -> None:
        self._database = database
        self._sealing = sealing
        self._names = names

    async def open(self, actor: Actor, job_id: int) -> Source:
        """What a report is made from. Raises JobNotFound or ReportGone."""
        async with self._database.connection() as connection:
            owner = await store.owner(connection, job_id)
            if owner is None:
                raise JobNotFound(f"there is no job {job_id}", field="job_id")
            actor.require_reader(owner)
            source = await store.source(connection, job_id)
        if source is None:
            raise ReportGone(
                f"the job {job_id} ended long ago; its verdicts are no longer kept", field="job_id"
            )
        return source

    async def lines(self, source: Source) -> AsyncIterator[list[LineVerdict]]:
        """The verdicts on the lines judged by now, a chunk of them at a time."""
        names = self._names[source.kind].names(source)
        ready: deque[Named] = deque()
        position = -1
        while (stored := await self._chunk(source.job_id, position)) is not None:
            position, verdicts = stored
            while len(ready) < len(verdicts.outcomes):
                ready.extend(await anext(names))
            yield [_verdict(ready.popleft(), outcome, verdicts) for outcome in verdicts.outcomes]

    async def _chunk(self, job_id: int, after: int) -> tuple[int, Verdicts] | None:
        async with self._database.connection() as connection:
            row = await store.verdicts(connection, job_id, after)
        if row is None:
            return None
        position, outcomes, sealed = row
        refusals = None
        if sealed is not None:
            refusals = self._sealing.unseal(sealed, context_of(job_id, position))
        return position, unpacked(outcomes, refusals)


def _verdict(named: Named, outcome: Outcome, verdicts: Verdicts) -> LineVerdict:
    reason = verdicts.reasons.get(named.line)
    if reason is None:
        return LineVerdict(*named, outcome, None, None, None)
    return LineVerdict(*named, outcome, reason.rule, reason.field, reason.detail)
