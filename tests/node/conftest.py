"""A whole node over a fresh database, answering on a real socket of loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from node import foundation
from node.app import open_node
from node.serve import listening, working
from node.settings import Settings
from registry.access.actor import Role, console
from registry.access.key import KeyWish
from tests.node.live import Enterprise, Live


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(
        database_url=database_url,
        secondary_prefix="88.118",
        sealing_key_file=str(tmp_path / "sealing.key"),
        port=0,
        drain_seconds=0.5,
    )


@pytest.fixture
async def live(settings: Settings) -> AsyncIterator[Live]:
    await foundation.prepare(settings)
    async with (
        open_node(settings) as node,
        working(node),
        listening(node) as url,
        aiohttp.ClientSession() as session,
    ):
        wish = KeyWish(role=Role.OPERATOR, label="operator of the tests")
        operator = await node.wiring.keyring.create(console(), wish)
        yield Live(node, url, session, operator.secret)


@pytest.fixture
async def owner(live: Live) -> Enterprise:
    """An enterprise that may register at once."""
    return await live.enterprise()
