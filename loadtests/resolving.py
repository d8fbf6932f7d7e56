"""Resolutions over connections that are kept open, from a process of its own.

    python -m loadtests.resolving URL SECONDS CONNECTIONS < paths

Asks for the paths in turn, again and again; every answer must be a 200. Prints rate and latencies
as one line of JSON. `--by-prefix` takes paths like /api/handles/P/SN%09d and a number instead.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import sys
import time
from array import array
from collections.abc import Iterator
from typing import cast
from urllib.parse import urlsplit

import uvloop

HEAD = b" HTTP/1.1\r\nHost: bench\r\nUser-Agent: biaoshi-loadtest\r\nAccept: */*\r\n\r\n"
WARM_UP = 0.1  # of the time, not counted


class Connection(asyncio.Protocol):
    """Sends the next request as soon as it has the answer to the last."""

    def __init__(self, paths: Iterator[bytes], latencies: array[float], end: float) -> None:
        self._paths = paths
        self._latencies = latencies
        self._end = end
        self._buffer = b""
        self._sent = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is none by class
        self._send()

    def data_received(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        blank = data.find(b"\r\n\r\n")
        at = data.find(b"Content-Length: ", 0, blank) + 16
        if blank < 0 or len(data) < blank + 4 + int(data[at : data.find(b"\r\n", at)]):
            self._buffer = data
            return
        self._buffer = b""
        now = time.perf_counter()
        self._latencies.append(now - self._sent)
        if not data.startswith(b"HTTP/1.1 200"):
            self.done.set_exception(SystemExit(f"not resolved: {data[:600]!r}"))
            self._transport.close()
        elif now > self._end:
            self.done.set_result(None)
            self._transport.close()
        else:
            self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("closed by the node"))

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(b"GET " + next(self._paths) + HEAD)


async def run(url: str, paths: Iterator[bytes], seconds: float, connections: int) -> None:
    target = urlsplit(url)
    loop = asyncio.get_running_loop()
    await _phase(loop, target.hostname, target.port, paths, seconds * WARM_UP, connections)
    started = time.perf_counter()
    latencies = await _phase(loop, target.hostname, target.port, paths, seconds, connections)
    spent = time.perf_counter() - started
    ordered = sorted(latencies)
    print(
        json.dumps(
            {
                "rate": len(ordered) / spent,
                "p50_ms": ordered[len(ordered) // 2] * 1000,
                "p99_ms": ordered[len(ordered) * 99 // 100] * 1000,
            }
        )
    )


async def _phase(
    loop: asyncio.AbstractEventLoop,
    host: str | None,
    port: int | None,
    paths: Iterator[bytes],
    seconds: float,
    connections: int,
) -> array[float]:
    latencies = array("d")
    end = time.perf_counter() + seconds
    opened = []
    for _ in range(connections):
        _, connection = await loop.create_connection(
            lambda: Connection(paths, latencies, end), host, port
        )
        opened.append(connection)
    async with asyncio.timeout(seconds + 60):
        await asyncio.gather(*(connection.done for connection in opened))
    return latencies


def scattered(pattern: str, count: int) -> Iterator[bytes]:
    """Paths of numbers from 1 to `count`, uniformly random."""
    chance = random.Random()  # what one run asked for is at hand in the next
    raw = pattern.encode()
    while True:
        yield raw % (1 + int(chance.random() * count))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("seconds", type=float)
    parser.add_argument("connections", type=int)
    parser.add_argument("--scattered", nargs=2, metavar=("PATTERN", "COUNT"))
    options = parser.parse_args()
    if options.scattered:
        paths = scattered(options.scattered[0], int(options.scattered[1]))
    else:
        paths = itertools.cycle([line.strip().encode() for line in sys.stdin])
    uvloop.run(run(options.url, paths, options.seconds, options.connections))


if __name__ == "__main__":
    main()
