"""Connections that stay and never send what could be answered, from a process of its own.

    python -m loadtests.bad_clients URL CONNECTIONS

A third sends a head byte by byte, a third sends nothing, a third sends garbage and comes again when
it is thrown out. Says "at work" when all have been there, and goes on until it is ended.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

PAUSE = 1.0  # seconds between two bytes, or two visits, of a connection
HEAD = b"GET /api/handles/88.118.1/X HTTP/1.1\r\nHost: bench\r\nX-Slow: " + b"slow" * 1000
GARBAGE = b"\xff\x00" * 500


async def stay(host: str, port: int, pieces: Iterator[bytes], arrived: asyncio.Semaphore) -> None:
    """Send a piece now and then; be there again when thrown out."""
    first = True
    while True:
        try:
            _, writer = await asyncio.open_connection(host, port)
            while not writer.is_closing():
                writer.write(next(pieces))
                await writer.drain()
                if first:
                    first = False
                    arrived.release()
                await asyncio.sleep(PAUSE)
        except OSError:
            await asyncio.sleep(PAUSE)


async def main(url: str, count: int) -> None:
    target = urlsplit(url)
    host, port = target.hostname or "", target.port or 80
    arrived = asyncio.Semaphore(0)
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            pieces = (
                itertools.cycle([HEAD[place : place + 1] for place in range(len(HEAD))]),
                itertools.repeat(b""),
                itertools.repeat(GARBAGE),
            )[number % 3]
            group.create_task(stay(host, port, pieces, arrived))
        for _ in range(count):
            await arrived.acquire()
        print("at work", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
