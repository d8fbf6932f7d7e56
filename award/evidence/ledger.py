"""A certified year out of the node's own ledger: the year's numbers, and the logs they stand in."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from award.evidence import store
from award.evidence.certified import (
    CertifiedYear,
    Checkpoint,
    Day,
    EnterpriseShare,
    Exclusion,
    Flag,
    Provisional,
    Registrations,
    Resolutions,
    Source,
)
from award.evidence.observed import observed
from metrics.closing import store as closing
from metrics.closing.daily import answered, counted, received
from metrics.counting import store as counting
from metrics.counting.day import moment, start_of
from metrics.log import store as log_store
from metrics.log.checkpoint import Checkpoint as LogCheckpoint
from metrics.log.cosignature import times
from metrics.log.log import Kind, Log
from metrics.log.note import SignedNote, VerifierKey
from metrics.year.book import YearBook
from metrics.year.numbers import YearNumbers
from registry.database import Connection, Database

LOOKED_THROUGH = 1_000_000  # new identifiers of a year; about two seconds


class Ledger:
    """Reads only. `demo` marks everything of a demonstration's node."""

    def __init__(
        self, database: Database, book: YearBook, witnesses: Sequence[VerifierKey], *, demo: bool
    ) -> None:
        self._database = database
        self._book = book
        self._witnesses = tuple(witnesses)
        self._demo = demo

    async def years(self, years: Sequence[int]) -> dict[int, CertifiedYear]:
        """The closed days of some years, with one state of the logs. That is read after the
        numbers, so the logs hold at least what those count."""
        numbers = [await self._numbers(year) for year in years]
        async with self._database.connection() as connection:
            logs = await log_store.logs(connection)
            newest = _newest(logs, Kind.STATEMENTS, 0)
            statements = await self._checkpoint(connection, newest)
            told = observed(await store.seen(connection), statements)
            return {
                one.year: certified(
                    one,
                    demo=self._demo,
                    log=await self._checkpoint(
                        connection, _newest(logs, Kind.REGISTRATIONS, one.year)
                    ),
                    statements=statements,
                    observed=told,
                )
                for one in numbers
            }

    async def _numbers(self, year: int) -> YearNumbers:
        """Every identifier is looked at where there are not too many of them."""
        numbers = await self._book.numbers(year, look_through=False)
        if not 0 < numbers.registrations.gross <= LOOKED_THROUGH:
            return numbers
        return await self._book.numbers(year, look_through=True)

    async def provisional(self) -> Provisional:
        """The open day so far."""

        async def work(tx: Connection) -> Provisional:
            await closing.take_one_view(tx)
            state = await counting.state(tx)
            moved = await closing.movements(tx, moment(start_of(state.open_day)), None)
            requests = await closing.requests(tx, state.open_day)
            return Provisional(
                day=state.open_day,
                until=moment(state.counted_until),
                registrations=sum(one.created for one in moved.values()),
                received=received(requests),
                answered=answered(requests),
                counted=counted(requests),
            )

        return await self._database.transaction(work)

    async def _checkpoint(self, connection: Connection, log: Log | None) -> Checkpoint | None:
        """What is published of a log; None before there is anything."""
        published = await log_store.published(connection, log.log_id) if log else None
        if published is None:
            return None
        note = SignedNote.parse(published.note)
        found = LogCheckpoint.parse(note.text)
        return Checkpoint(
            origin=found.origin,
            size=found.size,
            root=base64.b64encode(found.root).decode(),
            note=published.note,
            cosigned_by=tuple(key.name for key in times(note, self._witnesses)),
        )


def certified(
    numbers: YearNumbers,
    *,
    demo: bool,
    log: Checkpoint | None,
    statements: Checkpoint | None,
    observed: dict[str, str],
) -> CertifiedYear:
    """The same numbers in the words of the award."""
    registered, resolved = numbers.registrations, numbers.resolutions
    return CertifiedYear(
        year=numbers.year,
        through=numbers.through,
        demo=demo,
        definitions=numbers.rules.definitions,
        registrations=Registrations(
            gross=registered.gross,
            deleted=registered.deleted,
            imported=registered.imported,
            revived=registered.revived,
            related=registered.related,
            resolved=registered.resolved,
            by_method={name: number for name, number in registered.by_method.items() if number},
        ),
        resolutions=Resolutions(
            received=resolved.received,
            answered=resolved.answered,
            exclusions=tuple(
                Exclusion(one.reason, one.title, one.requests) for one in resolved.chain
            ),
            counted=resolved.counted,
            identifiers=resolved.identifiers,
        ),
        days=tuple(
            Day(one.day, one.created, one.deleted, one.received, one.answered, one.counted)
            for one in numbers.days
        ),
        enterprises=tuple(
            EnterpriseShare(
                name=one.name,
                prefixes=tuple(one.prefixes),
                industry=one.industry,
                registrations=one.created,
                counted=one.counted,
                related=one.related,
            )
            for one in numbers.enterprises
        ),
        sources=tuple(Source(one.network, one.counted) for one in numbers.networks),
        flags=tuple(Flag(one.flag, one.text) for one in numbers.flags),
        log=log,
        statements=statements,
        observed=observed,
    )


def _newest(logs: Sequence[Log], kind: Kind, year: int) -> Log | None:
    """The log of a year, or the last of its successors."""
    found = [one for one in logs if (one.kind, one.year) == (kind, year)]
    return max(found, key=lambda one: one.generation, default=None)
