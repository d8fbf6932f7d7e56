"""SQL of GTINs."""

from __future__ import annotations

import asyncpg

from registry.access.actor import Actor
from registry.database import Connection
from registry.gs1.gtin import Gtin


async def put(
    tx: Connection, actor: Actor, gtin: str, prefix_id: int, product: str, item: str | None
) -> bool:
    """Register a GTIN, or change what its own prefix says of it; whether it is the prefix's."""
    done = await tx.fetchval(
        """INSERT INTO gtin (gtin, prefix_id, product, item, registered_by)
           VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (gtin) DO UPDATE SET product = excluded.product, item = excluded.item
            WHERE gtin.prefix_id = excluded.prefix_id
           RETURNING true""",
        gtin,
        prefix_id,
        product,
        item,
        actor.name,
    )
    return done is not None


async def get(connection: Connection, gtin: str) -> Gtin | None:
    record = await connection.fetchrow(
        """SELECT g.gtin, p.prefix, g.product, g.item, g.registered_at, g.registered_by
             FROM gtin g JOIN prefix p USING (prefix_id) WHERE g.gtin = $1""",
        gtin,
    )
    return _gtin(record) if record else None


async def page(connection: Connection, prefix_id: int, after: str, limit: int) -> list[Gtin]:
    records = await connection.fetch(
        """SELECT g.gtin, p.prefix, g.product, g.item, g.registered_at, g.registered_by
             FROM gtin g JOIN prefix p USING (prefix_id)
            WHERE g.prefix_id = $1 AND g.gtin > $2 ORDER BY g.gtin LIMIT $3""",
        prefix_id,
        after,
        limit,
    )
    return [_gtin(record) for record in records]


async def delete(tx: Connection, gtin: str) -> None:
    await tx.execute("DELETE FROM gtin WHERE gtin = $1", gtin)


def _gtin(record: asyncpg.Record) -> Gtin:
    return Gtin(**dict(record))
