"""SQL of uploaded files. Their parts are sealed: nothing here knows what is in them."""

from __future__ import annotations

from collections.abc import AsyncIterator

from registry.database import Connection


async def add_parts(tx: Connection, job_id: int, parts: AsyncIterator[bytes]) -> None:
    number = 0
    async for part in parts:
        await tx.execute(
            "INSERT INTO upload_part (job_id, number, part) VALUES ($1, $2, $3)",
            job_id,
            number,
            part,
        )
        number += 1


async def part(connection: Connection, job_id: int, number: int) -> bytes | None:
    """None behind the last part."""
    found: bytes | None = await connection.fetchval(
        "SELECT part FROM upload_part WHERE job_id = $1 AND number = $2", job_id, number
    )
    return found


async def remove_parts(tx: Connection, job_id: int) -> None:
    await tx.execute("DELETE FROM upload_part WHERE job_id = $1", job_id)


async def redefine(tx: Connection, job_id: int, parameters: bytes, total: int) -> None:
    """Give a held job other parameters: its file has become another."""
    await tx.execute(
        "UPDATE job SET parameters = $2, total = $3 WHERE job_id = $1",
        job_id,
        parameters.decode(),
        total,
    )
