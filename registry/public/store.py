"""SQL of what anyone may read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from registry.database import Connection
from registry.importing.store import REGISTERED_AT
from registry.prefix.prefix import Hosting
from registry.record.store import Found, Row


class Glimpse(NamedTuple):
    """What the public view of an identifier rests on."""

    hosted: bool  # the prefix's records are held here
    prefix_id: int  # 0 where the prefix is not this node's
    revision: int  # negative of a withdrawn record, 0 where there is none
    text: str | None  # the public values of a record without a template, as they are sent
    found: Found | None  # a record with a template, which is still to be looked up


async def find(
    connection: Connection, prefixes: Sequence[str], suffixes: Sequence[str]
) -> list[Glimpse]:
    """What the public view of each prefix and suffix needs. Private values come with a template
    alone, whose items may have become public since."""
    # The arrays stand in a SELECT of their own, or the server, which can count them, would plan
    # anew for every short list, at three times the cost of the answer. The time of registration
    # is asked for only where a template may show it.
    records = await connection.fetch(
        f"""SELECT p.hosting, p.prefix_id, i.revision, i.suffix, i.suffix_shown,
                  i.public_values, i.template_id, t.generation,
                  {REGISTERED_AT} AS registered_at,
                  CASE WHEN i.template_id IS NOT NULL THEN i.private_values END AS private_values
             FROM unnest((SELECT $1::text[]), (SELECT $2::text[]))
                  WITH ORDINALITY AS wanted(prefix, suffix, place)
             LEFT JOIN prefix p ON p.prefix = wanted.prefix
             LEFT JOIN identifier i ON i.prefix_id = p.prefix_id AND i.suffix = wanted.suffix
             LEFT JOIN template t ON t.template_id = i.template_id
             LEFT JOIN batch b
               ON b.batch_id = CASE WHEN i.template_id IS NOT NULL THEN i.batch_id END
            ORDER BY place""",
        prefixes,
        suffixes,
    )
    return [_glimpse(*record) for record in records]


def _glimpse(
    hosting: int | None,
    prefix_id: int | None,
    revision: int | None,
    suffix: str | None,
    shown: str | None,
    public: str | None,
    template_id: int | None,
    generation: int | None,
    registered_at: datetime | None,
    private: bytes | None,
) -> Glimpse:
    hosted = hosting == Hosting.HOSTED
    if prefix_id is None or revision is None or suffix is None:
        return Glimpse(hosted, prefix_id or 0, 0, None, None)
    if template_id is None:
        return Glimpse(hosted, prefix_id, revision, public, None)
    row = Row(
        prefix_id,
        suffix,
        shown,
        public,
        private,
        abs(revision),
        revision > 0,
        template_id=template_id,
        generation=generation,
    )
    return Glimpse(hosted, prefix_id, revision, None, Found(None, row, registered_at))
