"""A live node with prefixes and a handle identity that administers them."""

from __future__ import annotations

import pytest

from tests.node.handle_json.peer import Peer, furnish
from tests.node.live import Live


@pytest.fixture
async def peer(live: Live) -> Peer:
    await furnish(live)
    return Peer(live)
