"""National tables 3 and 8 of a closed day.

Mind the difference: table 3's 标识注册量 counts enterprise prefixes, table 8's counts identifiers.
"""

from __future__ import annotations

from datetime import date

import msgspec

from metrics.closing import store
from metrics.counting import store as counting
from registry.database import Connection
from registry.errors import NotFound


class DayOpen(NotFound):
    kind = "day-open"
    title = "The day is not closed"


class Table3(msgspec.Struct, frozen=True, kw_only=True):
    """二级节点统计数据. `registered` are enterprise prefixes newly added, `registered_total` all
    that there are; `requests` is 单日解析请求量, `answered` 单日解析成功响应量."""

    prefix: str
    registered: int
    registered_total: int
    requests: int
    answered: int


class Table8(msgspec.Struct, frozen=True, kw_only=True):
    """企业节点统计数据. `registered` are identifiers newly added, `registered_total` all that there
    are: the total of the day before + registered + imported + revived - deleted + corrected, which
    is 0 but for a day whose records did not bear its sums out and that was accepted so."""

    prefix: str
    registered: int
    imported: int
    revived: int
    deleted: int
    corrected: int
    registered_total: int
    requests: int
    answered: int
    counted: int


class DayTables(msgspec.Struct, frozen=True, kw_only=True):
    """A closed day. `journal` is the hash that the statement in the log has."""

    day: date
    table3: Table3
    table8: list[Table8]
    counted: int
    journal_records: int
    journal: str


class SourceLine(msgspec.Struct, frozen=True):
    """Who asked: an address, or for the bureau its /24 or /48 network."""

    prefix: str
    source: str
    requests: int
    answered: int
    counted: int


async def tables_of(connection: Connection, node_prefix: str, day: date) -> DayTables:
    """The tables of a day. Raises DayOpen."""
    closed = await store.closed(connection, day)
    if closed is None:
        raise DayOpen(f"{day} is not closed", field="day", rule="day-open")
    sums = await counting.day_sums(connection, day)
    return DayTables(
        day=day,
        table3=Table3(
            prefix=node_prefix,
            registered=closed.prefixes_new,
            registered_total=closed.prefixes_total,
            requests=sums.requests,
            answered=sums.answered,
        ),
        table8=[Table8(**row) for row in await store.table8(connection, day)],
        counted=sums.counted,
        journal_records=closed.records,
        journal=closed.journal_hash.hex(),
    )
