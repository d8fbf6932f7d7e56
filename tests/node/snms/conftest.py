"""A live node, and programs that have logged in to its SNMS surface."""

from __future__ import annotations

import pytest

from tests.node.live import OTHER, Enterprise, Live
from tests.node.snms.client import Client, client_of


@pytest.fixture
async def factory(live: Live, owner: Enterprise) -> Client:
    """An enterprise's program, and the data template 1.0.0 to register with."""
    client = await client_of(live, "mes", owner)
    assert (await client.template()).told == (1, "success")
    return client


@pytest.fixture
async def stranger(live: Live, factory: Client) -> Client:
    """Another enterprise's program."""
    return await client_of(live, "other", await live.enterprise(OTHER))


@pytest.fixture
async def admin(live: Live) -> Client:
    """An operator's program."""
    return await client_of(live, "admin", None)
