"""Fragments of messages that are longer than a datagram may be.

Each carries the envelope of the whole message with its own number, the truncated flag and the
length of the whole. What comes in is put together within bounds of number, size and age.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field

import msgspec

from resolver.wire.code import EnvelopeFlag
from resolver.wire.message import ENVELOPE, Envelope
from resolver.wire.octets import Malformed

MAX_DATAGRAM = 512
PIECE = MAX_DATAGRAM - ENVELOPE.size
MAX_PARTIALS = 4096  # messages
MAX_PARTIAL = 64 * 1024  # octets of one message that comes by datagrams


def split(message: bytes) -> list[bytes]:
    """The datagrams of a built message."""
    if len(message) <= MAX_DATAGRAM:
        return [message]
    envelope = Envelope.parse(message)
    flags = envelope.flags | EnvelopeFlag.TRUNCATED
    payload = message[ENVELOPE.size :]
    return [
        msgspec.structs.replace(envelope, flags=flags, sequence=number).build()
        + payload[start : start + PIECE]
        for number, start in enumerate(range(0, len(payload), PIECE))
    ]


@dataclass(slots=True)
class _Partial:
    envelope: Envelope
    since: float
    pieces: dict[int, bytes] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return sum(map(len, self.pieces.values())) >= self.envelope.length


class Reassembly:
    """Messages of which some fragments have come, the oldest given up first.

    `seconds` is how long the rest may take; `octets` bounds what all of them together hold, and
    each sender may have `each` at once.
    """

    def __init__(self, *, octets: int = 8 << 20, each: int = 4, seconds: float = 10.0) -> None:
        self._limit = octets
        self._each = each
        self._seconds = seconds
        self._partials: OrderedDict[tuple[Hashable, int, int], _Partial] = OrderedDict()
        self._senders: dict[Hashable, int] = {}
        self._held = 0

    @property
    def held(self) -> int:
        """Octets that wait for the rest of their message."""
        return self._held

    def __len__(self) -> int:
        return len(self._partials)

    def add(
        self, sender: Hashable, envelope: Envelope, piece: bytes, now: float
    ) -> tuple[Envelope, bytes] | None:
        """The whole message, if this fragment was the last that it lacked. Raises Malformed."""
        self._expire(now)
        _check(envelope, piece)
        key = (sender, envelope.session_id, envelope.request_id)
        partial = self._partials.get(key)
        if partial is None:
            partial = self._begin(key, envelope, now)
        if envelope.length != partial.envelope.length:
            self._drop(key)
            raise Malformed("fragments of one message disagree on its length")
        if envelope.sequence not in partial.pieces:
            partial.pieces[envelope.sequence] = piece
            self._held += len(piece)
            self._make_room(key)
        if not partial.complete:
            return None
        self._drop(key)
        return _joined(partial)

    def _begin(self, key: tuple[Hashable, int, int], envelope: Envelope, now: float) -> _Partial:
        sender = key[0]
        if self._senders.get(sender, 0) >= self._each:
            raise Malformed("too many unfinished messages of one sender")
        if len(self._partials) >= MAX_PARTIALS:
            self._drop(next(iter(self._partials)))
        self._senders[sender] = self._senders.get(sender, 0) + 1
        partial = self._partials[key] = _Partial(envelope, now)
        return partial

    def _make_room(self, spared: tuple[Hashable, int, int]) -> None:
        while self._held > self._limit:
            oldest = next(key for key in self._partials if key != spared)
            self._drop(oldest)

    def _expire(self, now: float) -> None:
        while self._partials:
            key, partial = next(iter(self._partials.items()))
            if now - partial.since < self._seconds:
                return
            self._drop(key)

    def _drop(self, key: tuple[Hashable, int, int]) -> None:
        partial = self._partials.pop(key)
        self._held -= sum(map(len, partial.pieces.values()))
        left = self._senders[key[0]] - 1
        if left:
            self._senders[key[0]] = left
        else:
            del self._senders[key[0]]


def _check(envelope: Envelope, piece: bytes) -> None:
    last = max(0, (envelope.length - 1) // PIECE)
    if envelope.length > MAX_PARTIAL:
        raise Malformed(f"a message by datagrams has at most {MAX_PARTIAL} octets")
    if not piece or len(piece) > PIECE or envelope.sequence > last:
        raise Malformed("a fragment has 1 to 492 octets of its message")


def _joined(partial: _Partial) -> tuple[Envelope, bytes]:
    pieces = partial.pieces
    payload = b"".join(pieces[number] for number in sorted(pieces))
    whole = sorted(pieces) == list(range(len(pieces)))
    if not whole or len(payload) != partial.envelope.length:
        raise Malformed("the fragments do not make the message")
    flags = partial.envelope.flags & ~EnvelopeFlag.TRUNCATED
    return msgspec.structs.replace(partial.envelope, flags=flags, sequence=0), payload
