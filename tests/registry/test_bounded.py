"""Whatever pieces an answer comes in, it is read whole or not at all."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from registry.bounded import bounded


async def pieces(*some: bytes) -> AsyncIterator[bytes]:
    for one in some:
        yield one


@pytest.mark.parametrize(
    ("some", "found"),
    [
        ((), b""),
        ((b"ab", b"cd"), b"abcd"),
        ((b"ab", b"", b"c", b"de"), b"abcde"),
        ((b"abcdef",), None),
        ((b"abcde", b"f"), None),
    ],
)
async def test_up_to_five_bytes(some: tuple[bytes, ...], found: bytes | None) -> None:
    assert await bounded(pieces(*some), 5) == found


async def test_what_comes_after_the_bound_is_not_waited_for() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x"

    assert await bounded(endless(), 1000) is None
