"""An uploaded file in the database: parts of one size, each sealed for its place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import BinaryIO

from registry.database import Connection, Database
from registry.sealing import SealingKey
from registry.upload import store

PART = 1 << 20  # bytes


class Parts:
    """The file of one job."""

    def __init__(self, sealing: SealingKey, job_id: int) -> None:
        self._sealing = sealing
        self._job_id = job_id

    async def write(self, tx: Connection, file: BinaryIO) -> None:
        """Store a file, in place of what was there."""
        await store.remove_parts(tx, self._job_id)
        await store.add_parts(tx, self._job_id, self._sealed(file))

    async def read(self, database: Database, position: int) -> bytes:
        """Some of the file's bytes from a position on; none at its end."""
        number, begin = divmod(position, PART)
        async with database.connection() as connection:
            sealed = await store.part(connection, self._job_id, number)
        if sealed is None:
            return b""
        return (await asyncio.to_thread(self._sealing.unseal, sealed, self._context(number)))[
            begin:
        ]

    async def copy(self, database: Database, file: BinaryIO) -> None:
        """Write the whole file into another."""
        position = 0
        while data := await self.read(database, position):
            await asyncio.to_thread(file.write, data)
            position += len(data)

    async def _sealed(self, file: BinaryIO) -> AsyncIterator[bytes]:
        file.seek(0)
        number = 0
        while data := await asyncio.to_thread(file.read, PART):
            yield await asyncio.to_thread(self._sealing.seal, data, self._context(number))
            number += 1

    def _context(self, number: int) -> str:
        return f"job/{self._job_id}/part/{number}"
