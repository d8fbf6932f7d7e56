"""What counting costs: resolutions with a journal and without, and a keeper's round.

python -m loadtests.counting URL COUNT CONNECTIONS    resolves one identifier again and again
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import numpy as np

from metrics.counting.sums import NOTHING, Sums, judge
from metrics.journal.entry import RECORD, Kind, Outcome

TURNS = 6  # of each kind, one after the other
CONNECTIONS = 64
REQUESTS = 30_000
RECORDS = 1_000_000
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@dataclass(frozen=True)
class Cost:
    """Resolutions a second, with the journal and without."""

    noted: float
    unnoted: float


def cost(noted: str, unnoted: str) -> Cost:
    """Of two nodes, by the URLs of an identifier; by turns, and the best of each, since whatever
    else the machine does can only make them slower."""
    rates: dict[str, list[float]] = {noted: [], unnoted: []}
    for _ in range(TURNS):
        for url in rates:
            rates[url].append(_rate(url))
    return Cost(max(rates[noted]), max(rates[unnoted]))


def round_rate() -> float:
    """Records a second that a keeper judges and sums up."""
    chance = np.random.default_rng(1)
    records = np.zeros(RECORDS, RECORD)
    records["time"] = np.sort(chance.integers(0, 3600 * 10**9, RECORDS))
    for name, many in (("identifier", 50_000), ("client", 2_000), ("address", 2_000)):
        records[name] = _picked(chance, many)
    records["prefix"] = chance.integers(1, 300, RECORDS)
    records["outcome"], records["kind"] = Outcome.FOUND, Kind.EXTERNAL
    owners = np.ones(301, np.uint32)
    started = time.perf_counter()
    for part in np.array_split(records, RECORDS // 100_000):
        Sums().add(part, judge(NOTHING, part, owners, 0), 0)
    return RECORDS / (time.perf_counter() - started)


def _picked(chance: np.random.Generator, many: int) -> np.ndarray:
    """A value for each record, out of so many."""
    values = np.frombuffer(chance.bytes(16 * many), "V16")
    return values[chance.integers(0, many, RECORDS)]


def _rate(url: str) -> float:
    command = [sys.executable, "-m", "loadtests.counting", url, str(REQUESTS), str(CONNECTIONS)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ)
    return float(done.stdout)


async def _ask(url: str, count: int) -> None:
    """One connection's requests, one after the other."""
    target = urlsplit(url)
    reader, writer = await asyncio.open_connection(target.hostname, target.port)
    request = f"GET {target.path} HTTP/1.1\r\nHost: bench\r\nUser-Agent: {AGENT}\r\n\r\n".encode()
    for _ in range(count):
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"not resolved: {head!r}")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
    writer.close()


async def _run(url: str, count: int, connections: int) -> None:
    started = time.perf_counter()
    await asyncio.gather(*(_ask(url, count // connections) for _ in range(connections)))
    print(count // connections * connections / (time.perf_counter() - started))


if __name__ == "__main__":
    import uvloop

    uvloop.run(_run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
