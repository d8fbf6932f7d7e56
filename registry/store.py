"""SQL of the facts that are fixed when a node's database is created."""

from __future__ import annotations

import msgspec

from registry.database import Connection


class NodeFacts(msgspec.Struct, frozen=True):
    """What decides which identifiers are the same, and what opens its secrets."""

    secondary_prefix: str
    case_sensitive: bool
    sealing_key_id: str


async def fix_facts(connection: Connection, facts: NodeFacts) -> NodeFacts:
    """Fix the facts of a new database; the facts that hold, which may be earlier ones."""
    await connection.execute(
        """INSERT INTO node_facts (secondary_prefix, case_sensitive, sealing_key_id)
           VALUES ($1, $2, $3) ON CONFLICT DO NOTHING""",
        facts.secondary_prefix,
        facts.case_sensitive,
        facts.sealing_key_id,
    )
    held = await read_facts(connection)
    assert held is not None  # inserted above unless it was there
    return held


async def read_facts(connection: Connection) -> NodeFacts | None:
    row = await connection.fetchrow(
        "SELECT secondary_prefix, case_sensitive, sealing_key_id FROM node_facts"
    )
    return NodeFacts(**row) if row else None
