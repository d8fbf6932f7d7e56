"""SQL of the leaves owed to the certified log. Only registrations add to them, only the sequencer
takes them away."""

from __future__ import annotations

from collections.abc import Mapping

from registry.database import Connection


async def log_is_kept(tx: Connection) -> bool:
    """Whether a log is kept. Until the transaction's end none can be begun: what is registered in
    it is older than the log, or belongs into it."""
    kept: bool = await tx.fetchval("SELECT EXISTS (SELECT FROM leaf_key)")
    return kept


async def owe(tx: Connection, leaves: Mapping[int, bytes]) -> None:
    """What is owed for each of these batches."""
    await tx.execute(
        """INSERT INTO leaf_owed (batch_id, leaves)
           SELECT batch_id, leaves
             FROM unnest($1::bigint[], $2::bytea[]) AS item(batch_id, leaves)""",
        list(leaves),
        list(leaves.values()),
    )
