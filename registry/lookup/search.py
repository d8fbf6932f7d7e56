"""Reverse lookup: records of some prefixes by their public values.

Where the beginning of a value is known, the index leads to the records that can have it, and each
is looked at. All others are gone through: those of templates for which nothing leads anywhere, and
those without a template where they are many.
"""

from __future__ import annotations

from collections.abc import Sequence

from registry.database import Connection
from registry.lookup import store
from registry.lookup.plan import Wanted, best, head_of
from registry.lookup.store import Found, Keys, Record, Suffixes


async def search(
    connection: Connection,
    prefix_ids: Sequence[int],
    wanted: dict[str, str],
    limit: int,
    *,
    case_sensitive: bool,
) -> list[str]:
    """Live records that have, for every type wanted, a public value like the pattern, in order; of
    the items of data templates, those marked searchable, and the template's version. Patterns are
    LIKE patterns, compared without case. Of more than `limit`, any."""
    heads = await store.lowered(connection, [head_of(like) for like in wanted.values()])
    kinds = [kind.upper() for kind in wanted]
    wishes = [Wanted(kind, head) for kind, head in zip(kinds, heads, strict=True)]
    led, through = await _led(connection, prefix_ids, wishes, case_sensitive)
    plain = await store.without_template(connection, prefix_ids)
    found: list[Found] = []
    if among := led + (plain or []):
        found += await store.search_among(connection, prefix_ids, wanted, limit, among)
    if through or plain is None:
        found += await store.search_all(
            connection, prefix_ids, wanted, limit, through, plain=plain is None
        )
    # A record that was changed meanwhile may have been found twice.
    handles = {
        (prefix_id, suffix): f"{prefix}/{shown}" for prefix_id, suffix, prefix, shown in found
    }
    return [handles[place] for place in sorted(handles)][:limit]


async def _led(
    connection: Connection,
    prefix_ids: Sequence[int],
    wishes: Sequence[Wanted],
    case_sensitive: bool,
) -> tuple[list[Record], list[int]]:
    """The records that the index leads to, and the templates whose records must be gone through."""
    keys: dict[Keys, None] = {}
    spans: list[Suffixes] = []
    led_by: list[int] = []
    through: list[int] = []
    for template in await store.templates(connection, prefix_ids):
        way = None if template.gap else best(template, wishes, case_sensitive)
        if way is None:
            through.append(template.template_id)
            continue
        led_by.append(template.template_id)
        keys[way[0]] = None
        if way[1] is not None:
            spans.append(way[1])
    if not led_by:
        return [], through
    records = await store.led_to(connection, prefix_ids, list(keys), spans)
    if records is None:  # so many that going through all finds enough of them sooner
        return [], through + led_by
    return records, through
