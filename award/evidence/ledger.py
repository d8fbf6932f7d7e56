"""A certified year out of the node's own ledger: the year's numbers, and the logs they stand in."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from award.archive import store
from award.evidence.certified import (
    CertifiedYear,
    Checkpoint,
    Day,
    EnterpriseShare,
    Exclusion,
    Flag,
    Registrations,
    Resolutions,
    Source,
)
from metrics.log import store as log_store
from metrics.log.checkpoint import Checkpoint as LogCheckpoint
from metrics.log.cosignature import times
from metrics.log.log import Kind, Log
from metrics.log.note import SignedNote, VerifierKey
from metrics.year.book import YearBook
from metrics.year.numbers import YearNumbers
from registry.database import Connection, Database


class Ledger:
    """Reads only. `demo` marks everything of a demonstration's node."""

    def __init__(
        self, database: Database, book: YearBook, witnesses: Sequence[VerifierKey], *, demo: bool
    ) -> None:
        self._database = database
        self._book = book
        self._witnesses = tuple(witnesses)
        self._demo = demo

    async def year(self, year: int) -> CertifiedYear:
        """The closed days of a year. The logs are read after the numbers, so they hold at least
        what those count."""
        numbers = await self._book.numbers(year, look_through=False)
        async with self._database.connection() as connection:
            logs = await log_store.logs(connection)
            registered = _newest(logs, Kind.REGISTRATIONS, year)
            statements = _newest(logs, Kind.STATEMENTS, 0)
            return certified(
                numbers,
                demo=self._demo,
                log=await self._checkpoint(connection, registered),
                statements=await self._checkpoint(connection, statements),
                observed=await _observed(connection),
            )

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
    counted, resolved = numbers.registrations, numbers.resolutions
    return CertifiedYear(
        year=numbers.year,
        through=numbers.through,
        demo=demo,
        definitions=numbers.rules.definitions,
        registrations=Registrations(
            gross=counted.gross,
            deleted=counted.deleted,
            imported=counted.imported,
            revived=counted.revived,
            related=counted.related,
            resolved=counted.resolved,
            by_method={name: number for name, number in counted.by_method.items() if number},
        ),
        resolutions=Resolutions(
            received=resolved.received,
            answered=resolved.answered,
            exclusions=tuple(
                Exclusion(one.reason, one.title, one.requests) for one in resolved.chain
            ),
            counted=resolved.counted,
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


async def _observed(connection: Connection) -> dict[str, str]:
    """What the node sees itself of the recognition's checklist."""
    served = await store.enterprises_served(connection)
    filed = await store.prefixes_filed(connection)
    return {
        "check-3": f"系统记录：已核验且前缀启用的企业 {served} 家",
        "check-6": f"系统记录：已在国家顶级节点备案的企业前缀 {filed} 个",
    }
