"""The client of the national node, as the settings name it."""

from __future__ import annotations

import secrets
import time
from functools import partial
from pathlib import Path

import aiohttp

from node.settings import Settings
from node.uplink.client import NationalNode, NationalNodeClient
from node.uplink.key import load_key

# The uplink's sender tries again by itself, and a resolution must not wait: neither needs the
# client to insist for long.
UPLINK_SECONDS, UPLINK_ATTEMPTS = 10.0, 3


def national_node(settings: Settings, session: aiohttp.ClientSession) -> NationalNodeClient | None:
    """None where no national node is configured."""
    if settings.national_node_url is None or settings.national_node_key_file is None:
        return None
    return NationalNodeClient(
        session,
        NationalNode(
            base_url=settings.national_node_url,
            app_id=settings.national_node_app_id,
            shr_prefix=settings.secondary_prefix,
            attempts=UPLINK_ATTEMPTS,
            total_seconds=UPLINK_SECONDS,
        ),
        load_key(Path(settings.national_node_key_file)),
        clock=time.time,
        make_nonce=partial(secrets.token_urlsafe, 16),
    )
