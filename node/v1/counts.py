"""What is counted: the numbers of a year, and the national tables of a closed day."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from metrics.closing.tables import DayOpen, DayTables, SourceLine, tables_of
from metrics.counting import store
from metrics.year.book import YearBook
from metrics.year.numbers import YearNumbers
from node.v1.operation import Call, Operation, Reply
from registry.access.actor import Role
from registry.errors import InvalidInput

TAG = "Counts"
YEARS = range(2000, 2200)
MOST_SOURCES = 10_000
MOST_LOOKED_THROUGH = 5_000_000

Limit = Annotated[int, Meta(ge=1, le=MOST_SOURCES)]


class YearOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    look_through: Annotated[
        bool,
        Meta(
            description="Look through all identifiers of the year, which tells how many were "
            "resolved and which are rows of numbers; takes seconds for each million"
        ),
    ] = False


class SourceOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    prefix: Annotated[
        Annotated[str, Meta(max_length=64)] | None, Meta(description="Only of this prefix")
    ] = None
    limit: Limit = 1000


async def year_told(call: Call) -> Reply:
    call.actor.require_auditor()
    year = call.number
    if year not in YEARS:
        raise InvalidInput("no such year", field="year", rule="year")
    book = YearBook(call.wiring.database, call.wiring.recorder.journal.digest)
    numbers = await book.numbers(year, look_through=False)
    if call.query.look_through:
        if numbers.registrations.gross > MOST_LOOKED_THROUGH:
            raise InvalidInput(
                f"this year has more than {MOST_LOOKED_THROUGH:,} identifiers; "
                f"`biaoshi metrics {year} --look-through --config FILE` does it at the node itself",
                field="look_through",
                rule="too-many",
            )
        numbers = await book.numbers(year, look_through=True)
    return Reply(numbers)


async def day_told(call: Call) -> Reply:
    call.actor.require_auditor()
    prefix = call.wiring.settings.secondary_prefix
    async with call.wiring.database.connection() as connection:
        return Reply(await tables_of(connection, prefix, _day(call)))


async def sources_told(call: Call) -> Reply:
    """The bureau gets networks: an address may be a person's."""
    call.actor.require_auditor()
    wanted = call.query
    async with call.wiring.database.connection() as connection:
        found = await store.sources(
            connection,
            _day(call),
            wanted.prefix,
            cut=call.actor.role is Role.BUREAU,
            limit=wanted.limit,
        )
    return Reply([SourceLine(*line) for line in found])


def _day(call: Call) -> date:
    try:
        return date.fromisoformat(call.path["day"])
    except ValueError:
        raise InvalidInput("a day is written 2026-12-31", field="day", rule="day") from None


OPERATIONS = (
    Operation(
        name="getYear",
        tag=TAG,
        summary="Tell a year's numbers (operators, bureau)",
        description="Of closed days, with the rules they follow, the chain of exclusions, and what "
        "a person should look at.",
        method="GET",
        path="/v1/metrics/{year:number}",
        handler=year_told,
        query=YearOptions,
        answer=YearNumbers,
    ),
    Operation(
        name="getDay",
        tag=TAG,
        summary="Tell national tables 3 and 8 of a closed day (operators, bureau)",
        method="GET",
        path="/v1/days/{day:segment}",
        handler=day_told,
        answer=DayTables,
        errors=(DayOpen,),
    ),
    Operation(
        name="listSources",
        tag=TAG,
        summary="List who asked in a day (operators), or from which networks (bureau)",
        method="GET",
        path="/v1/days/{day:segment}/sources",
        handler=sources_told,
        query=SourceOptions,
        answer=list[SourceLine],
    ),
)
