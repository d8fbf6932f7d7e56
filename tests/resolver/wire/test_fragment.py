"""What fragments that never become messages may cost."""

from __future__ import annotations

import pytest

from resolver.wire.code import EnvelopeFlag
from resolver.wire.fragment import MAX_PARTIAL, MAX_PARTIALS, PIECE, Reassembly
from resolver.wire.message import Envelope
from resolver.wire.octets import Malformed


def fragment(request_id: int, length: int, sequence: int = 0) -> Envelope:
    return Envelope(
        flags=EnvelopeFlag.TRUNCATED, request_id=request_id, sequence=sequence, length=length
    )


def test_memory_is_bounded() -> None:
    reassembly = Reassembly(octets=100_000, each=4)
    for sender in range(5000):
        for sequence in range(3):
            reassembly.add(sender, fragment(1, 60_000, sequence), b"x" * PIECE, 0.0)
        assert reassembly.held <= 100_000
        assert len(reassembly) <= MAX_PARTIALS


def test_number_is_bounded() -> None:
    reassembly = Reassembly()
    for sender in range(MAX_PARTIALS + 100):
        reassembly.add(sender, fragment(1, 60_000), b"x", 0.0)
    assert len(reassembly) == MAX_PARTIALS


def test_one_sender_has_few() -> None:
    reassembly = Reassembly(each=4)
    for request_id in range(4):
        reassembly.add("peer", fragment(request_id, 2000), b"x" * PIECE, 0.0)
    with pytest.raises(Malformed):
        reassembly.add("peer", fragment(5, 2000), b"x" * PIECE, 0.0)
    reassembly.add("other", fragment(5, 2000), b"x" * PIECE, 0.0)


def test_old_ones_are_given_up() -> None:
    reassembly = Reassembly(each=1, seconds=10.0)
    reassembly.add("peer", fragment(1, 2000), b"x" * PIECE, 0.0)
    reassembly.add("peer", fragment(2, 2000), b"x" * PIECE, 10.0)
    assert len(reassembly) == 1


def test_what_was_sent_twice_counts_once() -> None:
    reassembly = Reassembly()
    first, second = b"a" * PIECE, b"b" * 8
    assert reassembly.add("peer", fragment(1, PIECE + 8), first, 0.0) is None
    assert reassembly.add("peer", fragment(1, PIECE + 8), first, 0.0) is None
    whole = reassembly.add("peer", fragment(1, PIECE + 8, 1), second, 0.0)
    assert whole is not None
    assert whole[1] == first + second


@pytest.mark.parametrize(
    ("envelope", "piece"),
    [
        (fragment(1, MAX_PARTIAL + 1), b"x"),
        (fragment(1, 2000), b""),
        (fragment(1, 2000), b"x" * (PIECE + 1)),
        (fragment(1, 2000, 5), b"x"),
        (fragment(1, 0), b"x" * 8),
    ],
)
def test_misformed_fragments(envelope: Envelope, piece: bytes) -> None:
    reassembly = Reassembly()
    with pytest.raises(Malformed):
        reassembly.add("peer", envelope, piece, 0.0)
    assert reassembly.held == 0


def test_disagreeing_lengths() -> None:
    reassembly = Reassembly()
    reassembly.add("peer", fragment(1, 2000), b"x" * PIECE, 0.0)
    with pytest.raises(Malformed):
        reassembly.add("peer", fragment(1, 1000, 1), b"x" * PIECE, 0.0)
    assert len(reassembly) == 0
