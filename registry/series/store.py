"""SQL of series: rows that share what they hold."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat

from registry.access.actor import Actor
from registry.database import Connection
from registry.lookup import store as searchable
from registry.record.store import Row, without_times


async def any_between(connection: Connection, prefix_id: int, first: str, last: str) -> bool:
    """Whether a row, live or not, lies between these suffixes, both included."""
    found: bool = await connection.fetchval(
        """SELECT EXISTS (SELECT FROM identifier
                           WHERE prefix_id = $1 AND suffix BETWEEN $2 AND $3)""",
        prefix_id,
        first,
        last,
    )
    return found


async def like(connection: Connection, model: Row, suffixes: Sequence[str]) -> set[str]:
    """Which of these suffixes are live records that are as the model is. Times apart, and it may
    miss some that differ in more than their text."""
    records = await connection.fetch(
        f"""SELECT suffix FROM identifier
             WHERE prefix_id = $1 AND suffix = ANY($2) AND revision > 0
               AND private_values IS NULL AND template_id IS NOT DISTINCT FROM $3
               AND {without_times("public_values")} IS NOT DISTINCT FROM
                   {without_times("$4::text")}""",
        model.prefix_id,
        suffixes,
        model.template_id,
        model.public,
    )
    return {record["suffix"] for record in records}


async def copy_in(
    tx: Connection,
    model: Row,
    *,
    suffixes: Sequence[str],
    shown: Sequence[str] | None,
    method: int,
    actor: Actor,
) -> None:
    """Insert rows that are as the model is but for their suffixes, and its batch. Sorted by suffix,
    as all rows are inserted. Raises UniqueViolationError where one exists."""
    await tx.execute(
        """INSERT INTO batch (batch_id, prefix_id, method, created, actor, request_id)
           VALUES ($1, $2, $3, $4, $5, $6)""",
        model.batch_id,
        model.prefix_id,
        method,
        len(suffixes),
        actor.name,
        actor.request_id,
    )
    await tx.copy_records_to_table(
        "identifier",
        columns=(
            "batch_id",
            "prefix_id",
            "suffix",
            "suffix_shown",
            "public_values",
            "template_id",
        ),
        records=zip(
            repeat(model.batch_id, len(suffixes)),
            repeat(model.prefix_id),
            suffixes,
            repeat(None) if shown is None else shown,
            repeat(model.public),
            repeat(model.template_id),
            strict=False,
        ),
    )
    if model.template_id is not None and model.public is not None:
        await searchable.note(tx, model.prefix_id, suffixes)
