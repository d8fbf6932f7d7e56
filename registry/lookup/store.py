"""SQL of reverse lookup."""

from __future__ import annotations

from collections.abc import Sequence

from registry.database import Connection


async def search(
    connection: Connection, prefix_ids: Sequence[int], wanted: dict[str, str], limit: int
) -> list[tuple[str, str]]:
    """Live records that have, for every type wanted, a public value like the pattern; of the items
    of data templates, those marked searchable, and the template's version.

    Patterns are LIKE patterns, compared without case. Every record of the prefixes is taken apart.
    What a template gives is made as `ValuePattern` makes it: placeholders become control characters
    first, which no identifier has, so that nothing filled in is taken for one.
    """
    records = await connection.fetch(
        """WITH wish AS (
               SELECT upper(type) AS type, pattern
                 FROM unnest($2::text[], $3::text[]) AS wish(type, pattern)),
           item AS MATERIALIZED (
               SELECT t.template_id, (i ->> 'idIndex')::integer AS index,
                      upper(i ->> 'idType') AS type,
                      CASE WHEN coalesce(i ->> 'state', '1') = '1' THEN
                          coalesce(i ->> 'default',
                              replace(replace(replace(replace(replace(replace(i ->> 'pattern',
                                  '{prefix}', chr(1)), '{suffix}', chr(2)), '{handle}', chr(3)),
                                  '{prefix:url}', chr(4)), '{suffix:url}', chr(5)),
                                  '{handle:url}', chr(6))) END AS given
                 FROM template t, jsonb_array_elements(t.items) AS i
                WHERE t.prefix_id = ANY($1) AND (i ->> 'searchable')::boolean
               UNION ALL
               SELECT template_id, 1001, 'TEMPLATE', version FROM template
                WHERE prefix_id = ANY($1))
           SELECT p.prefix, coalesce(i.suffix_shown, i.suffix) AS shown
             FROM identifier i
             JOIN prefix p USING (prefix_id)
            CROSS JOIN LATERAL (SELECT coalesce(i.suffix_shown, i.suffix) AS suffix) AS its
            WHERE i.prefix_id = ANY($1) AND i.revision > 0
              AND (i.public_values <> '[]' OR i.template_id IS NOT NULL)
              AND NOT EXISTS (
                  SELECT FROM wish
                   WHERE NOT EXISTS (
                       SELECT FROM jsonb_array_elements(i.public_values::jsonb) AS v
                        WHERE upper(v ->> 'type') = wish.type
                          AND v #>> '{data,value}' ILIKE wish.pattern
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
            ORDER BY i.prefix_id, i.suffix LIMIT $4""",
        prefix_ids,
        list(wanted),
        list(wanted.values()),
        limit,
    )
    return [(record["prefix"], record["shown"]) for record in records]


async def owned(connection: Connection, enterprise_id: int) -> list[int]:
    records = await connection.fetch(
        "SELECT prefix_id FROM prefix WHERE enterprise_id = $1", enterprise_id
    )
    return [record["prefix_id"] for record in records]
