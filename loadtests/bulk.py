"""Streams a prepared NDJSON file to a node, faster than any node can take it.

The file is sent by the kernel (sendfile), so the generator costs next to nothing; verdicts are read
by a second thread and only the last lines are kept.

    python -m loadtests.bulk URL KEY FILE
"""

from __future__ import annotations

import json
import random
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TAIL = 4096  # bytes of the answer that are kept


class Answer:
    """Reads the verdicts while the file is sent; remembers when each chunk was committed."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.committed: list[tuple[float, int]] = []  # seconds, lines up to then
        self.tail = b""

    def read(self) -> None:
        while data := self._connection.recv(1 << 18):
            now = time.perf_counter()
            self.tail = (self.tail + data)[-TAIL:]
            for line in data.split(b"\n"):
                if line.startswith(b'{"type":"committed"'):
                    number = int(line.split(b'"line":')[1].split(b",")[0])
                    self.committed.append((now, number))

    @property
    def summary(self) -> dict[str, Any]:
        for line in reversed(self.tail.split(b"\n")):
            if line.startswith(b'{"type":"summary"'):
                found: dict[str, Any] = json.loads(line)
                return found
        raise SystemExit(f"the stream ended without a summary: {self.tail[-500:]!r}")


def write(
    file: Path, prefix: str, count: int, *, scattered: bool, seed: int = 1, start: int = 0
) -> None:
    """A file of registrations: serial suffixes, or 15 random hexadecimal digits."""
    serials = range(start, start + count)
    names = _scattered(count, seed) if scattered else (f"SN{n:010d}" for n in serials)
    with file.open("w") as out:
        for name in names:
            out.write(
                f'{{"handle":"{prefix}/{name}","values":[{{"index":1,"type":"URL","data":'
                f'{{"format":"string","value":"https://example.com/p/{name}"}}}}]}}\n'
            )


def _scattered(count: int, seed: int) -> Iterator[str]:
    source = random.Random(seed)
    return (f"{source.getrandbits(60):015X}" for _ in range(count))


def stream(url: str, key: str, file: Path) -> tuple[float, Answer]:
    """Send the file; seconds from the first byte to the last verdict, and the answer."""
    target = urlsplit(url)
    assert target.hostname is not None
    assert target.port is not None
    with socket.create_connection((target.hostname, target.port)) as connection:
        answer = Answer(connection)
        reader = threading.Thread(target=answer.read)
        reader.start()
        started = time.perf_counter()
        connection.sendall(
            (
                "POST /v1/identifiers HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n"
                f"Authorization: Bearer {key}\r\nContent-Type: application/x-ndjson\r\n"
                f"Content-Length: {file.stat().st_size}\r\n\r\n"
            ).encode()
        )
        with file.open("rb") as source:
            connection.sendfile(source)
        reader.join()
    return time.perf_counter() - started, answer


if __name__ == "__main__":
    seconds, answer = stream(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
    lines = answer.summary["lines"]
    print(f"{lines / seconds:,.0f} lines/s; {answer.summary['totals']}")
