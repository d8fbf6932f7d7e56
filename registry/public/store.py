"""SQL of what anyone may read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

import asyncpg

from registry.database import Connection
from registry.importing.store import REGISTERED_AT
from registry.prefix.prefix import Hosting
from registry.record.store import Row, row_of


class Glimpse(NamedTuple):
    """What the public view of an identifier rests on."""

    hosted: bool  # the prefix's records are held here
    prefix_id: int  # 0 where the prefix is not this node's
    row: Row | None
    registered_at: datetime | None


async def find(
    connection: Connection, prefixes: Sequence[str], suffixes: Sequence[str]
) -> list[Glimpse]:
    """What the public view of each prefix and suffix needs. Private values come with a template
    alone, whose items may have become public since."""
    records = await connection.fetch(
        f"""SELECT p.hosting, i.batch_id, p.prefix_id, i.revision, i.suffix,
                  i.suffix_shown, i.public_values, i.template_id, t.generation,
                  {REGISTERED_AT} AS registered_at,
                  CASE WHEN i.template_id IS NOT NULL THEN i.private_values END AS private_values
             FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted(prefix, suffix, place)
             LEFT JOIN prefix p ON p.prefix = wanted.prefix
             LEFT JOIN identifier i ON i.prefix_id = p.prefix_id AND i.suffix = wanted.suffix
             LEFT JOIN template t ON t.template_id = i.template_id
             LEFT JOIN batch b ON i.template_id IS NOT NULL AND b.batch_id = i.batch_id
            ORDER BY place""",
        prefixes,
        suffixes,
    )
    return [_glimpse(record) for record in records]


def _glimpse(record: asyncpg.Record) -> Glimpse:
    hosted, prefix_id = record["hosting"] == Hosting.HOSTED, record["prefix_id"] or 0
    if record["suffix"] is None:
        return Glimpse(hosted, prefix_id, None, None)
    row = row_of(record)
    if record["generation"] is not None:
        row = replace(row, generation=record["generation"])
    return Glimpse(hosted, prefix_id, row, record["registered_at"])
