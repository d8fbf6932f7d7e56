"""What the wire surface works with. Made once, in `node/wire/surface.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import rsa

from node.wiring import Wiring
from registry.access.actor import Actor
from registry.handshake.handshakes import Handshakes
from registry.identifier import Identifier
from resolver.query import Answer

NAME = "wire"


@dataclass(frozen=True, slots=True)
class Parts:
    wiring: Wiring
    handshakes: Handshakes
    key: rsa.RSAPrivateKey  # signs what clients want certified
    site: bytes  # this node's own site record
    random_bytes: Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Resolved:
    """A resolution that was answered, to be noted once the answer is on its way."""

    identifier: Identifier
    answer: Answer
    address: str
    actor: Actor
