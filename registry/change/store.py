"""SQL of the feed of changes."""

from __future__ import annotations

from registry.database import Connection


async def heartbeat(connection: Connection) -> None:
    """Raises unless the server answers. Notices come before the answer."""
    await connection.execute("SELECT")
