"""Reading what others send, up to a bound."""

from __future__ import annotations

from collections.abc import AsyncIterable


async def bounded(pieces: AsyncIterable[bytes], most: int) -> bytes | None:
    """All of it, however it was cut on its way; None where it is longer than `most` bytes. No more
    than one piece beyond that is ever held."""
    found = bytearray()
    async for piece in pieces:
        found += piece
        if len(found) > most:
            return None
    return bytes(found)
