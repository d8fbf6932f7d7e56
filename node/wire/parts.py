"""What the wire surface works with. Made once, in `node/wire/surface.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import rsa

from node.wire.exchange import Exchanges
from node.wiring import Wiring
from registry.handshake.handshakes import Handshakes


@dataclass(frozen=True, slots=True)
class Parts:
    wiring: Wiring
    handshakes: Handshakes
    exchanges: Exchanges
    key: rsa.RSAPrivateKey  # signs what clients want certified, opens the session keys they send
    site: bytes  # this node's own site record
    random_bytes: Callable[[int], bytes]
