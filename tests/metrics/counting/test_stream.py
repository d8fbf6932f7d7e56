from __future__ import annotations

import random

import pytest

from metrics.counting.stream import Part, Piece, pack, unpack
from tests.metrics.counting.conftest import Ask, written


def _some(count: int) -> bytes:
    chance = random.Random(count)
    return written(
        [
            Ask(number, identifier=chance.choice("AB"), prefix=chance.randrange(2**32))
            for number in range(count)
        ]
    )


@pytest.mark.parametrize("count", [1, 2, 500])
def test_what_is_packed_comes_back(count: int) -> None:
    raw = _some(count)
    assert unpack(pack(raw)) == raw


def test_packed_records_are_smaller() -> None:
    assert len(pack(_some(500))) < len(_some(500)) / 2


@pytest.mark.parametrize("packed", [False, True])
def test_a_part_takes_what_is_in_it(packed: bool) -> None:
    raw = _some(10)
    pieces = [
        Piece(writer, 100, 10, packed, pack(raw) if packed else raw) for writer in (1, 2, 3, 4)
    ]
    part = Part(start={1: 103, 2: 0, 4: 110}, end={1: 107, 2: 105, 4: 120})
    assert [len(one) for one in part.select(pieces)] == [4, 5, 0]
