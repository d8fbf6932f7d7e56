"""SQL of templates and of the grants to read their items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import asyncpg
import msgspec

from registry.access.actor import Actor
from registry.database import Connection, storable
from registry.template.definition import Definition
from registry.template.template import Template, TemplateItem, TemplateType

_COLUMNS = """t.template_id, t.prefix_id, p.prefix, t.version, t.type, t.industry_category,
              t.industry_specific, t.industry_trade, t.industry_subclass, t.description, t.items,
              t.generation, t.created_at, t.created_by, t.changed_at, t.changed_by, t.used"""


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """An enterprise may read the granted items of a prefix's records, or of one template's."""

    grant_id: int
    prefix: str
    template: str | None  # its version; null: all templates of the prefix
    enterprise_id: int
    expires_at: datetime | None
    granted_at: datetime
    granted_by: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A template's row."""

    template_id: int
    prefix_id: int
    used: bool  # whether some record has it or had it
    template: Template


async def add(
    tx: Connection, actor: Actor, prefix_id: int, version: str, definition: Definition
) -> Stored | None:
    """The new template; None where the prefix has one of this version."""
    template_id = await tx.fetchval(
        """WITH added AS (
               INSERT INTO template (prefix_id, version, type, industry_category,
                                     industry_specific, industry_trade, industry_subclass,
                                     description, items, created_by, changed_by)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
               ON CONFLICT (prefix_id, version) WHERE deleted_at IS NULL DO NOTHING
               RETURNING template_id, generation, items, changed_by)
           INSERT INTO template_generation (template_id, generation, items, changed_by)
           SELECT template_id, generation, items, changed_by FROM added
           RETURNING template_id""",
        prefix_id,
        version,
        definition.type,
        definition.industry_category,
        definition.industry_specific,
        definition.industry_trade,
        definition.industry_subclass,
        definition.description,
        _json(definition.items),
        actor.name,
    )
    return None if template_id is None else (await by_ids(tx, [template_id]))[0]


async def change(tx: Connection, actor: Actor, template_id: int, definition: Definition) -> None:
    """Give a locked template its next generation."""
    await tx.execute(
        """WITH changed AS (
               UPDATE template
                  SET generation = generation + 1, type = $2, industry_category = $3,
                      industry_specific = $4, industry_trade = $5, industry_subclass = $6,
                      description = $7, items = $8, changed_at = now(), changed_by = $9
                WHERE template_id = $1
               RETURNING template_id, generation, items, changed_by)
           INSERT INTO template_generation (template_id, generation, items, changed_by)
           SELECT template_id, generation, items, changed_by FROM changed""",
        template_id,
        definition.type,
        definition.industry_category,
        definition.industry_specific,
        definition.industry_trade,
        definition.industry_subclass,
        definition.description,
        _json(definition.items),
        actor.name,
    )


async def delete(tx: Connection, template_id: int) -> None:
    """Take a template out of use; its row stays for the history of its former records."""
    await tx.execute("UPDATE template SET deleted_at = now() WHERE template_id = $1", template_id)
    await tx.execute("DELETE FROM item_grant WHERE template_id = $1", template_id)


async def has_records(connection: Connection, prefix_id: int, template_id: int) -> bool:
    """Whether a live record uses the template. Reads the prefix's records until it finds one."""
    found: bool = await connection.fetchval(
        """SELECT EXISTS (SELECT FROM identifier
                           WHERE prefix_id = $1 AND template_id = $2 AND revision > 0)""",
        prefix_id,
        template_id,
    )
    return found


async def get(
    connection: Connection,
    prefix: str,
    version: str,
    lock: Literal["", "FOR NO KEY UPDATE OF t", "FOR UPDATE OF t"] = "",
) -> Stored | None:
    """A template in use. While it is locked with the first lock nobody else changes it; with the
    second nobody registers with it either."""
    if not (storable(prefix) and storable(version)):
        return None
    row = await connection.fetchrow(
        f"""SELECT {_COLUMNS} FROM template t JOIN prefix p USING (prefix_id)
             WHERE p.prefix = $1 AND t.version = $2 AND t.deleted_at IS NULL {lock}""",
        prefix,
        version,
    )
    return _stored(row) if row else None


async def page(connection: Connection, prefix_id: int, after: str, limit: int) -> list[Stored]:
    rows = await connection.fetch(
        f"""SELECT {_COLUMNS} FROM template t JOIN prefix p USING (prefix_id)
             WHERE t.prefix_id = $1 AND t.version > $2 AND t.deleted_at IS NULL
             ORDER BY t.version LIMIT $3""",
        prefix_id,
        after,
        limit,
    )
    return [_stored(row) for row in rows]


async def by_ids(connection: Connection, template_ids: Sequence[int]) -> list[Stored]:
    """Templates by their numbers, deleted ones too."""
    rows = await connection.fetch(
        f"""SELECT {_COLUMNS} FROM template t JOIN prefix p USING (prefix_id)
             WHERE t.template_id = ANY($1)""",
        template_ids,
    )
    return [_stored(row) for row in rows]


async def use(tx: Connection, template_ids: Sequence[int]) -> dict[int, int]:
    """Keep templates from being deleted until the transaction ends, and note that they are used;
    the generations of those that are there. Locked in the order of their numbers."""
    rows = await tx.fetch(
        """SELECT template_id, generation, used FROM template
            WHERE template_id = ANY($1) AND deleted_at IS NULL
            ORDER BY template_id FOR KEY SHARE""",
        template_ids,
    )
    for row in rows:
        if not row["used"]:
            await tx.execute(
                "UPDATE template SET used = true WHERE template_id = $1 AND NOT used",
                row["template_id"],
            )
    return {row["template_id"]: row["generation"] for row in rows}


async def generations(
    connection: Connection, template_ids: Sequence[int]
) -> list[tuple[datetime, Stored]]:
    """Every state of these templates and since when it held, oldest first."""
    current = {stored.template_id: stored for stored in await by_ids(connection, template_ids)}
    rows = await connection.fetch(
        """SELECT template_id, generation, items, changed_at FROM template_generation
            WHERE template_id = ANY($1) ORDER BY generation""",
        template_ids,
    )
    return [(row["changed_at"], _as_of(current[row["template_id"]], row)) for row in rows]


async def add_grant(
    tx: Connection,
    actor: Actor,
    prefix_id: int,
    template_id: int | None,
    enterprise_id: int,
    expires_at: datetime | None,
) -> int | None:
    """The new grant's number; None where there is no such enterprise."""
    grant_id: int | None = await tx.fetchval(
        """INSERT INTO item_grant (prefix_id, template_id, enterprise_id, expires_at, granted_by)
           SELECT $1, $2, $3, $4, $5
            WHERE EXISTS (SELECT FROM enterprise WHERE enterprise_id = $3)
           RETURNING grant_id""",
        prefix_id,
        template_id,
        enterprise_id,
        expires_at,
        actor.name,
    )
    return grant_id


async def delete_grant(tx: Connection, grant_id: int) -> None:
    await tx.execute("DELETE FROM item_grant WHERE grant_id = $1", grant_id)


async def grant(connection: Connection, grant_id: int) -> Grant | None:
    row = await connection.fetchrow(
        """SELECT g.grant_id, p.prefix, t.version AS template, g.enterprise_id, g.expires_at,
                  g.granted_at, g.granted_by
             FROM item_grant g JOIN prefix p USING (prefix_id)
             LEFT JOIN template t ON t.template_id = g.template_id
            WHERE g.grant_id = $1""",
        grant_id,
    )
    return Grant(**row) if row else None


async def grants(connection: Connection, prefix_id: int, after: int, limit: int) -> list[Grant]:
    rows = await connection.fetch(
        """SELECT g.grant_id, p.prefix, t.version AS template, g.enterprise_id, g.expires_at,
                  g.granted_at, g.granted_by
             FROM item_grant g JOIN prefix p USING (prefix_id)
             LEFT JOIN template t ON t.template_id = g.template_id
            WHERE g.prefix_id = $1 AND g.grant_id > $2 ORDER BY g.grant_id LIMIT $3""",
        prefix_id,
        after,
        limit,
    )
    return [Grant(**row) for row in rows]


async def is_granted(
    connection: Connection, prefix_id: int, template_id: int, enterprise_id: int, now: datetime
) -> bool:
    """Whether an enterprise may now read the granted items of a template's records."""
    granted: bool = await connection.fetchval(
        """SELECT EXISTS (SELECT FROM item_grant
                           WHERE prefix_id = $1 AND enterprise_id = $3
                             AND (template_id IS NULL OR template_id = $2)
                             AND (expires_at IS NULL OR expires_at > $4))""",
        prefix_id,
        template_id,
        enterprise_id,
        now,
    )
    return granted


def _stored(row: asyncpg.Record) -> Stored:
    template = Template(
        prefix=row["prefix"],
        version=row["version"],
        type=TemplateType(row["type"]),
        industry_category=row["industry_category"],
        industry_specific=row["industry_specific"],
        industry_trade=row["industry_trade"],
        industry_subclass=row["industry_subclass"],
        description=row["description"],
        items=_items(row["items"]),
        generation=row["generation"],
        created_at=row["created_at"],
        created_by=row["created_by"],
        changed_at=row["changed_at"],
        changed_by=row["changed_by"],
    )
    return Stored(row["template_id"], row["prefix_id"], row["used"], template)


def _as_of(current: Stored, row: asyncpg.Record) -> Stored:
    """A template in the state of an earlier generation."""
    template = msgspec.structs.replace(
        current.template, items=_items(row["items"]), generation=row["generation"]
    )
    return Stored(current.template_id, current.prefix_id, current.used, template)


def _items(text: str) -> tuple[TemplateItem, ...]:
    return msgspec.json.decode(text, type=tuple[TemplateItem, ...])


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
