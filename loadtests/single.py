"""Concurrent single registrations: PUT after PUT on many connections, each durable.

python -m loadtests.single URL KEY PREFIX COUNT CONNECTIONS [FIRST]
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import cast
from urllib.parse import urlsplit

import uvloop

LONGEST = 600  # seconds
VALUE = b'{"values":[{"index":1,"type":"URL","data":"https://example.com/p/1"}]}'


class Connection(asyncio.Protocol):
    """One keep-alive connection that sends its next request when it has the answer to the last."""

    def __init__(self, head: str, names: list[str], latencies: list[float]) -> None:
        self._head = head
        self._names = iter(names)
        self._latencies = latencies
        self._buffer = b""
        self._sent = 0.0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is none by class
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, blank, body = self._buffer.partition(b"\r\n\r\n")
        if not blank:
            return
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        if len(body) < length:
            return
        self._latencies.append(time.perf_counter() - self._sent)
        if not head.startswith(b"HTTP/1.1 201"):
            self.done.set_exception(SystemExit(f"not created: {self._buffer[:600]!r}"))
            self._transport.close()
            return
        self._buffer = b""
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("closed by the node"))

    def _send(self) -> None:
        name = next(self._names, None)
        if name is None:
            self.done.set_result(None)
            self._transport.close()
            return
        self._sent = time.perf_counter()
        self._transport.write(self._head.format(name=name).encode() + VALUE)


async def run(url: str, key: str, prefix: str, count: int, connections: int, first: int) -> None:
    """Print rate and latencies as one line of JSON."""
    target = urlsplit(url)
    head = (
        f"PUT /v1/identifiers/{prefix}/S{{name}} HTTP/1.1\r\nHost: bench\r\n"
        f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(VALUE)}\r\n\r\n"
    )
    latencies: list[float] = []
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    open_ = []
    for share in range(connections):
        names = [f"{number:09d}" for number in range(first + share, first + count, connections)]
        _, connection = await loop.create_connection(
            lambda names=names: Connection(head, names, latencies),  # type: ignore[misc]
            target.hostname,
            target.port,
        )
        open_.append(connection)
    async with asyncio.timeout(LONGEST):
        await asyncio.gather(*(connection.done for connection in open_))
    seconds = time.perf_counter() - started
    latencies.sort()
    result = {
        "rate": len(latencies) / seconds,
        "p50_ms": latencies[len(latencies) // 2] * 1000,
        "p99_ms": latencies[len(latencies) * 99 // 100] * 1000,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    url, key, prefix, count, connections, *rest = sys.argv[1:]
    first = int(rest[0]) if rest else 0
    uvloop.run(run(url, key, prefix, int(count), int(connections), first))
