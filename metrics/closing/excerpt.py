"""Taking one prefix's or one source's records out of the journal."""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np
from numpy.typing import NDArray

from metrics.counting import store
from metrics.counting.day import HOUR, moment
from metrics.journal import store as journals
from metrics.journal.client import packed_address, shown_address
from metrics.journal.entry import Flag, Kind, Outcome, Records, Surface
from registry.database import Connection
from registry.errors import PrefixNotFound

COLUMNS = (
    "writer",
    "time",
    "prefix",
    "identifier_hash",
    "client_hash",
    "address",
    "outcome",
    "surface",
    "kind",
    "party",
    "flags",
)


async def excerpt(
    connection: Connection, start: int, end: int, *, prefix: str | None, source: str | None
) -> AsyncIterator[tuple[str, ...]]:
    """Records from one time up to another as rows of COLUMNS, an hour at a time. Raises
    PrefixNotFound."""
    names = await journals.prefix_names(connection)
    numbers = {name: number for number, name in names.items()}
    if prefix is not None and prefix not in numbers:
        raise PrefixNotFound(f"the prefix {prefix} does not live here", field="prefix")
    for begin in range(start, end, HOUR):
        for piece in await store.pieces(connection, begin, min(begin + HOUR, end)):
            records = piece.between(piece.position, piece.end)
            within = (records["time"] >= begin) & (records["time"] < min(begin + HOUR, end))
            if prefix is not None:
                within &= records["prefix"] == numbers[prefix]
            if source is not None:
                within &= _from(records, source)
            for record in records[within]:
                yield _row(piece.writer, record, names)


def _from(records: Records, source: str) -> NDArray[np.bool_]:
    """Which records come from an address."""
    wanted = np.frombuffer(packed_address(source), "V16")
    found: NDArray[np.bool_] = np.ascontiguousarray(records["address"]) == wanted[0]
    return found


def _row(writer: int, record: np.void, names: dict[int, str]) -> tuple[str, ...]:
    return (
        str(writer),
        moment(int(record["time"])).isoformat(timespec="microseconds"),
        names.get(int(record["prefix"]), ""),
        record["identifier"].tobytes().hex(),
        record["client"].tobytes().hex(),
        shown_address(record["address"].tobytes()),
        _name(Outcome, record["outcome"]),
        _name(Surface, record["surface"]),
        _name(Kind, record["kind"]),
        str(int(record["party"]) or ""),
        "|".join(flag.name.lower() for flag in Flag(int(record["flags"])) if flag.name),
    )


def _name(kind: type[Outcome] | type[Surface] | type[Kind], number: int) -> str:
    return kind(int(number)).name.lower().replace("_", "-")
