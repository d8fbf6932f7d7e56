"""A live node that serves the Handle protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest
import uvloop

from node.settings import Settings
from node.wire.surface import wire
from tests.node.live import Live
from tests.node.wire.peer import Peer, furnish


@pytest.fixture(scope="session")
def event_loop_policy() -> uvloop.EventLoopPolicy:
    """The loop that serves in production: its transports are not asyncio's."""
    return uvloop.EventLoopPolicy()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, handle_port=0, failures_per_minute=1000)


@pytest.fixture
async def peer(live: Live) -> AsyncIterator[Peer]:
    async with wire(live.node.wiring) as opened:
        assert opened is not None
        yield Peer(opened)


@pytest.fixture
async def seeded(live: Live, peer: Peer) -> Peer:
    await furnish(live)
    return peer
