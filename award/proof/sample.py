"""Which registrations are shown as a sample. The operator has no say in it: the places follow from
the log's checkpoint, and from a challenge where the bureau gives one. Without a challenge whoever
makes the log could compute samples in advance; a challenge named after the checkpoint was cosigned
rules that out.
"""

from __future__ import annotations

import hashlib
from itertools import count

SIZE = 299  # without a fault among them, fewer than 1% are at fault, with 95% confidence
DOMAIN = b"biaoshi sample v1\n"


def drawn(checkpoint: str, challenge: str, leaves: int) -> tuple[int, ...]:
    """Places in a log of so many leaves, rising: SIZE of them, or all where there are no more.
    `checkpoint` is the text that is signed.

    Place n is the first half of SHA-256(seed ‖ n as four bytes), big-endian, modulo the leaves;
    places that were drawn already are passed over. The seed is SHA-256(domain ‖ checkpoint ‖
    challenge).
    """
    if leaves <= SIZE:
        return tuple(range(leaves))
    seed = hashlib.sha256(DOMAIN + checkpoint.encode() + challenge.encode()).digest()
    found: set[int] = set()
    for number in count():
        half = hashlib.sha256(seed + number.to_bytes(4, "big")).digest()[:16]
        found.add(int.from_bytes(half, "big") % leaves)
        if len(found) == SIZE:
            return tuple(sorted(found))
    raise AssertionError("counting has no end")
