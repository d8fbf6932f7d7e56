"""Commands that work at the node itself: on its database, with its settings."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from node import foundation
from node.settings import Settings, load
from registry.database import Database, connect

CONNECTIONS = 2
SECONDS = 3600.0  # a statement here may take long


@asynccontextmanager
async def at_node(config: Path | None) -> AsyncIterator[tuple[Settings, Database]]:
    """The node's settings and its database, which must be this node's."""
    settings = load(config, os.environ)
    await (await foundation.connect(settings.database_url)).close()  # says plainly why not
    async with connect(
        settings.database_url, size=CONNECTIONS, statement_timeout=SECONDS
    ) as database:
        async with database.connection() as connection:
            await foundation.check(connection, settings)
        yield settings, database
