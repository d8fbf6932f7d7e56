"""SQL of reverse lookup: the index of searchable values, and the records it leads to.

What a record has is always decided by the record and its template as they are now. The index only
says which records are worth looking at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
import msgspec

from registry.database import Connection
from registry.template.template import TemplateItem

KEY = 64  # characters of a value that the index has
SPARSE = 20_000  # records that are worth looking at one by one
SPARSE_MILLISECONDS = 2_000

# What is decided of each record: whether it has, for every type wanted, a public value like the
# pattern. What a template gives is made as `ValuePattern` makes it: placeholders become control
# characters first, which no identifier has, so that nothing filled in is taken for one.
_SEARCH = """WITH wish AS (
               SELECT upper(type) AS type, pattern
                 FROM unnest($2::text[], $3::text[]) AS wish(type, pattern)),
           item AS MATERIALIZED (
               SELECT t.template_id, (i ->> 'idIndex')::integer AS index,
                      upper(i ->> 'idType') AS type,
                      CASE WHEN coalesce(i ->> 'state', '1') = '1' THEN
                          coalesce(i ->> 'default',
                              replace(replace(replace(replace(replace(replace(i ->> 'pattern',
                                  '{{prefix}}', chr(1)), '{{suffix}}', chr(2)),
                                  '{{handle}}', chr(3)),
                                  '{{prefix:url}}', chr(4)), '{{suffix:url}}', chr(5)),
                                  '{{handle:url}}', chr(6))) END AS given
                 FROM template t, jsonb_array_elements(t.items) AS i
                WHERE t.prefix_id = ANY($1) AND (i ->> 'searchable')::boolean
               UNION ALL
               SELECT template_id, 1001, 'TEMPLATE', version FROM template
                WHERE prefix_id = ANY($1))
           SELECT i.prefix_id, i.suffix, p.prefix, coalesce(i.suffix_shown, i.suffix) AS shown
             FROM identifier i
             JOIN prefix p USING (prefix_id)
            CROSS JOIN LATERAL (SELECT coalesce(i.suffix_shown, i.suffix) AS suffix) AS its
            WHERE i.prefix_id = ANY($1) AND i.revision > 0 AND {among}
              AND (i.public_values <> '[]' OR i.template_id IS NOT NULL)
              AND NOT EXISTS (
                  SELECT FROM wish
                   WHERE NOT EXISTS (
                       SELECT FROM jsonb_array_elements(i.public_values::jsonb) AS v
                        WHERE upper(v ->> 'type') = wish.type
                          AND v #>> '{{data,value}}' ILIKE wish.pattern
                          AND (i.template_id IS NULL OR (v ->> 'index')::integer < 2000
                               OR EXISTS (SELECT FROM item
                                           WHERE item.template_id = i.template_id
                                             AND item.index = (v ->> 'index')::integer)))
                     AND NOT EXISTS (
                       SELECT FROM item
                        WHERE item.template_id = i.template_id AND item.type = wish.type
                          AND replace(replace(replace(replace(replace(replace(item.given,
                                  chr(1), p.prefix), chr(2), its.suffix),
                                  chr(3), p.prefix || '/' || its.suffix),
                                  chr(4), percent_encoded(p.prefix)),
                                  chr(5), percent_encoded(its.suffix)),
                                  chr(6), percent_encoded(p.prefix || '/' || its.suffix))
                              ILIKE wish.pattern
                          AND NOT EXISTS (
                              SELECT FROM jsonb_array_elements(i.public_values::jsonb) AS v
                               WHERE (v ->> 'index')::integer = item.index)))
            ORDER BY i.prefix_id, i.suffix LIMIT $4"""

Record = tuple[int, str]  # prefix_id and suffix
Found = tuple[int, str, str, str]  # prefix_id, suffix, prefix and the suffix as registered


@dataclass(frozen=True, slots=True)
class Searched:
    """A template of one of the prefixes looked through. With a gap not all is in the index."""

    template_id: int
    prefix_id: int
    prefix: str
    items: tuple[TemplateItem, ...]
    gap: bool


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of one kind from `low`, included, to `end`, not included."""

    kind: str
    low: str
    end: str


@dataclass(frozen=True, slots=True)
class Suffixes:
    """Suffixes of one template's records from `low`, included, to `end`, not included."""

    template_id: int
    prefix_id: int
    low: str
    end: str


async def note(tx: Connection, prefix_id: int, suffixes: Sequence[str]) -> None:
    """Write down the searchable values of records just registered or changed."""
    await tx.execute(
        """INSERT INTO searchable (prefix_id, suffix, index, kind, key)
           SELECT i.prefix_id, i.suffix, (v ->> 'index')::integer, upper(v ->> 'type'),
                  left(lower(v #>> '{data,value}'), $3)
             FROM identifier i
             JOIN template t USING (template_id)
            CROSS JOIN LATERAL jsonb_array_elements(i.public_values::jsonb) AS v
            WHERE i.prefix_id = $1 AND i.suffix = ANY($2) AND i.revision > 0
              AND ((v ->> 'index')::integer < 2000
                   OR EXISTS (SELECT FROM jsonb_array_elements(t.items) AS item
                               WHERE (item ->> 'idIndex')::integer = (v ->> 'index')::integer
                                 AND (item ->> 'searchable')::boolean))
           ON CONFLICT (prefix_id, suffix, index) DO UPDATE
              SET kind = excluded.kind, key = excluded.key""",
        prefix_id,
        suffixes,
        KEY,
    )


async def forget(tx: Connection, prefix_id: int, suffixes: Sequence[str]) -> None:
    """Take out what records that are being changed had."""
    await tx.execute(
        "DELETE FROM searchable WHERE prefix_id = $1 AND suffix = ANY($2)", prefix_id, suffixes
    )


async def owned(connection: Connection, enterprise_id: int) -> list[int]:
    records = await connection.fetch(
        "SELECT prefix_id FROM prefix WHERE enterprise_id = $1", enterprise_id
    )
    return [record["prefix_id"] for record in records]


async def templates(connection: Connection, prefix_ids: Sequence[int]) -> list[Searched]:
    """The templates that records of these prefixes may have."""
    rows = await connection.fetch(
        """SELECT t.template_id, t.prefix_id, p.prefix, t.items, g.template_id IS NOT NULL AS gap
             FROM template t JOIN prefix p USING (prefix_id)
             LEFT JOIN searchable_gap g USING (template_id)
            WHERE t.prefix_id = ANY($1) AND t.used AND t.deleted_at IS NULL""",
        prefix_ids,
    )
    return [
        Searched(
            row["template_id"],
            row["prefix_id"],
            row["prefix"],
            msgspec.json.decode(row["items"], type=tuple[TemplateItem, ...]),
            row["gap"],
        )
        for row in rows
    ]


async def lowered(connection: Connection, texts: Sequence[str]) -> list[str]:
    """Texts in lower case, as the index has them."""
    rows = await connection.fetch(
        """SELECT lower(text) AS text FROM unnest($1::text[]) WITH ORDINALITY AS t(text, place)
            ORDER BY place""",
        texts,
    )
    return [row["text"] for row in rows]


async def led_to(
    connection: Connection,
    prefix_ids: Sequence[int],
    keys: Sequence[Keys],
    spans: Sequence[Suffixes],
) -> list[Record] | None:
    """The records that the index leads to, and those of the suffixes; None where there are more
    than SPARSE."""
    rows = await connection.fetch(
        """SELECT prefix_id, suffix FROM (
               SELECT s.prefix_id, s.suffix
                 FROM unnest($2::text[], $3::text[], $4::text[]) AS wanted(kind, low, over)
                 JOIN searchable s ON s.prefix_id = ANY($1) AND s.kind = wanted.kind
                  AND s.key >= wanted.low AND s.key < wanted.over
               UNION
               SELECT i.prefix_id, i.suffix
                 FROM unnest($5::integer[], $6::integer[], $7::text[], $8::text[])
                      AS span(template_id, prefix_id, low, over)
                 JOIN identifier i ON i.prefix_id = span.prefix_id AND i.suffix >= span.low
                  AND i.suffix < span.over AND i.template_id = span.template_id) AS led
            LIMIT $9""",
        prefix_ids,
        [one.kind for one in keys],
        [one.low for one in keys],
        [one.end for one in keys],
        [one.template_id for one in spans],
        [one.prefix_id for one in spans],
        [one.low for one in spans],
        [one.end for one in spans],
        SPARSE + 1,
    )
    return None if len(rows) > SPARSE else [(row["prefix_id"], row["suffix"]) for row in rows]


async def without_template(
    connection: Connection, prefix_ids: Sequence[int]
) -> list[Record] | None:
    """The records that have no template; None where they are many. The index `identifier_lot` tells
    where there are none."""
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL statement_timeout = {SPARSE_MILLISECONDS}")
            await connection.execute("SET LOCAL plan_cache_mode = force_custom_plan")
            rows = await connection.fetch(
                """SELECT prefix_id, suffix FROM identifier
                    WHERE prefix_id = ANY($1) AND template_id IS NULL AND revision > 0
                      AND public_values <> '[]' LIMIT $2""",
                prefix_ids,
                SPARSE + 1,
            )
    except asyncpg.QueryCanceledError:
        return None
    return None if len(rows) > SPARSE else [(row["prefix_id"], row["suffix"]) for row in rows]


async def search_among(
    connection: Connection,
    prefix_ids: Sequence[int],
    wanted: dict[str, str],
    limit: int,
    records: Sequence[Record],
) -> list[Found]:
    """Those of some records that have what is wanted, in order."""
    among = """(i.prefix_id, i.suffix) IN (
                   SELECT prefix_id, suffix
                     FROM unnest($5::integer[], $6::text[]) AS led(prefix_id, suffix))"""
    places = [record[0] for record in records], [record[1] for record in records]
    return await _search(connection, among, prefix_ids, wanted, limit, *places)


async def search_all(
    connection: Connection,
    prefix_ids: Sequence[int],
    wanted: dict[str, str],
    limit: int,
    template_ids: Sequence[int],
    *,
    plain: bool,
) -> list[Found]:
    """Those of all records with these templates, and of those with none, that have what is wanted,
    in order. Every one of them is taken apart."""
    among = "(i.template_id = ANY($5) OR ($6 AND i.template_id IS NULL))"
    return await _search(connection, among, prefix_ids, wanted, limit, template_ids, plain)


async def _search(
    connection: Connection,
    among: str,
    prefix_ids: Sequence[int],
    wanted: dict[str, str],
    limit: int,
    *more: object,
) -> list[Found]:
    rows = await connection.fetch(
        _SEARCH.format(among=among), prefix_ids, list(wanted), list(wanted.values()), limit, *more
    )
    return [(row["prefix_id"], row["suffix"], row["prefix"], row["shown"]) for row in rows]


async def add_gap(tx: Connection, template_id: int) -> None:
    """Note that values of a template's records may be missing from now on."""
    await tx.execute(
        """INSERT INTO searchable_gap (template_id, generation)
           SELECT template_id, generation FROM template WHERE template_id = $1 AND used
           ON CONFLICT (template_id) DO UPDATE SET generation = excluded.generation""",
        template_id,
    )


async def take_gap(tx: Connection) -> tuple[int, int, int] | None:
    """A gap to make good: the template, its generation and its prefix. Waits until every
    registration that began before has ended: later ones know the template as it is now."""
    row = await tx.fetchrow(
        """SELECT g.template_id, g.generation, t.prefix_id
             FROM searchable_gap g JOIN template t USING (template_id)
            ORDER BY g.template_id LIMIT 1 FOR UPDATE OF t"""
    )
    return (row["template_id"], row["generation"], row["prefix_id"]) if row else None


async def next_records(
    tx: Connection, prefix_id: int, template_id: int, after: str, limit: int
) -> tuple[list[str], str | None]:
    """Those of the next records of a prefix that have the template and values of their own, locked
    so that their changes come before or after; and where to go on, None at the end."""
    end: str | None = await tx.fetchval(
        """SELECT suffix FROM identifier WHERE prefix_id = $1 AND suffix > $2
            ORDER BY suffix OFFSET $3 - 1 LIMIT 1""",
        prefix_id,
        after,
        limit,
    )
    rows = await tx.fetch(
        """SELECT suffix FROM identifier
            WHERE prefix_id = $1 AND suffix > $2 AND ($3::text IS NULL OR suffix <= $3)
              AND template_id = $4 AND public_values IS NOT NULL
            ORDER BY suffix FOR SHARE""",
        prefix_id,
        after,
        end,
        template_id,
    )
    return [row["suffix"] for row in rows], end


async def close_gap(tx: Connection, template_id: int, generation: int) -> None:
    """Unless the template has changed meanwhile."""
    await tx.execute(
        "DELETE FROM searchable_gap WHERE template_id = $1 AND generation = $2",
        template_id,
        generation,
    )
