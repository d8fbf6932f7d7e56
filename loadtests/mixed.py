"""What an enterprise does besides streams and single registrations: blocks, uploads, exports; and
single resolutions while all that is going on: their latencies, alone and in company.

The company is a bulk stream, an upload, an export and a query by template, over and over until the
resolutions are done.

    python -m loadtests.mixed URL KEY PREFIX COUNT RESOLUTIONS
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count

import aiohttp
import uvloop

CONNECTIONS = 8
PAUSE = 0.02  # seconds between two resolutions on one connection
BLOCK = 20_000  # lines of a stream and rows of an upload
LONGEST = 150.0  # seconds
SEED = 1


@dataclass
class Done:
    """Lines, rows, lines and requests."""

    streamed: int = 0
    uploaded: int = 0
    exported: int = 0
    queried: int = 0


class Client:
    """One enterprise's client of the node."""

    def __init__(self, session: aiohttp.ClientSession, url: str, key: str, prefix: str) -> None:
        self._session = session
        self._url = url
        self._headers = {"Authorization": f"Bearer {key}"}
        self._numbers = count()
        self.prefix = prefix
        self.done = Done()

    async def resolve(self, suffix: str) -> float:
        """Seconds until the answer was there."""
        started = time.perf_counter()
        url = f"{self._url}/v1/resolve/{self.prefix}/{suffix}"
        async with self._session.get(url) as response:
            await response.read()
            if response.status != 200:
                raise SystemExit(f"{url}: {response.status}")
        return time.perf_counter() - started

    async def stream(self) -> None:
        number = next(self._numbers)
        lines = "\n".join(
            f'{{"handle":"{self.prefix}/M{number:04d}-{line:06d}","values":[{{"index":1,'
            f'"type":"URL","data":"https://example.com/{line}"}}]}}'
            for line in range(BLOCK)
        )
        headers = self._headers | {"Content-Type": "application/x-ndjson"}
        url = f"{self._url}/v1/identifiers"
        async with self._session.post(url, data=lines.encode(), headers=headers) as response:
            await response.read()
        self.done.streamed += BLOCK

    async def upload(self) -> None:
        number = next(self._numbers)
        rows = "\n".join(f"U{number:04d}-{row:06d},https://e.cn/{row}" for row in range(BLOCK))
        form = aiohttp.FormData()
        form.add_field("options", "{}")
        form.add_field("file", f"suffix,url\n{rows}\n".encode(), filename="bench.csv")
        url = f"{self._url}/v1/prefixes/{self.prefix}/uploads"
        async with self._session.post(url, data=form, headers=self._headers) as response:
            job = (await response.json())["job_id"]
        await self.ended(job)
        self.done.uploaded += BLOCK

    async def ended(self, job: int) -> None:
        url = f"{self._url}/v1/jobs/{job}/events"  # they end with the job
        async with self._session.get(url, headers=self._headers) as response:
            await response.read()

    async def block(self, size: int) -> float:
        """Seconds that a serial block takes, until it is all in."""
        started = time.perf_counter()
        body = {"pattern": "BL{serial:010d}", "start": 1, "count": size, "template": "bench-1"}
        url = f"{self._url}/v1/prefixes/{self.prefix}/blocks"
        async with self._session.post(url, json=body, headers=self._headers) as response:
            job = await response.json()
            if response.status != 202:
                raise SystemExit(f"no block: {job}")
        await self.ended(job["job_id"])
        return time.perf_counter() - started

    async def export(self) -> None:
        url = f"{self._url}/v1/prefixes/{self.prefix}/identifiers.ndjson"
        async with self._session.get(url, headers=self._headers) as response:
            async for data in response.content.iter_any():
                self.done.exported += data.count(b"\n")

    async def query(self) -> None:
        asked = {"prefix": self.prefix, "template": "bench-1", "limit": "1000"}
        url = f"{self._url}/v1/identifiers"
        async with self._session.get(url, params=asked, headers=self._headers) as response:
            await response.read()
        self.done.queried += 1

    async def define(self) -> None:
        """The template that is queried by, and records that have it."""
        pattern = "https://e.cn/{suffix:url}"
        items = [{"idIndex": 2000, "idType": "URL", "name": "网址", "pattern": pattern}]
        url = f"{self._url}/v1/prefixes/{self.prefix}/templates"
        body = {"version": "bench-1", "items": items}
        async with self._session.post(url, json=body, headers=self._headers) as response:
            if response.status not in (201, 409):  # 409: it is there from before
                raise SystemExit(f"no template: {await response.text()}")
        lines = [
            {"handle": f"{self.prefix}/T{number:06d}", "template": "bench-1"}
            for number in range(1000)
        ]
        url = f"{self._url}/v1/identifiers"
        async with self._session.post(url, json=lines, headers=self._headers) as response:
            await response.read()


async def resolutions(client: Client, known: int, wanted: int) -> list[float]:
    """Latencies of resolutions of serial suffixes that exist, paced, on several connections."""
    taken = iter(range(wanted))
    latencies: list[float] = []

    async def one(seed: int) -> None:
        source = random.Random(seed)
        for _ in taken:
            latencies.append(await client.resolve(f"SN{source.randrange(known):010d}"))
            await asyncio.sleep(PAUSE)

    await asyncio.gather(*(one(SEED + number) for number in range(CONNECTIONS)))
    return sorted(latencies)


async def run(url: str, key: str, prefix: str, known: int, wanted: int) -> None:
    """Print the latencies as one line of JSON. The company has a process of its own, so that it
    does not slow the measuring."""
    timeout = aiohttp.ClientTimeout(total=LONGEST)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        client = Client(session, url, key, prefix)
        alone = await resolutions(client, known, wanted)
        arguments = [sys.executable, "-m", "loadtests.mixed", url, key, prefix]
        company = await asyncio.create_subprocess_exec(
            *arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        assert company.stdout is not None
        await company.stdout.readline()  # it has begun
        among = await resolutions(client, known, wanted)
        done, _ = await company.communicate(b"")  # its input ends, and so does it
    result = {
        "alone_p50_ms": _percentile(alone, 0.5),
        "alone_p99_ms": _percentile(alone, 0.99),
        "p50_ms": _percentile(among, 0.5),
        "p99_ms": _percentile(among, 0.99),
        "max_ms": among[-1] * 1000,
    }
    print(json.dumps(result | json.loads(done)))


async def block(url: str, key: str, prefix: str, size: int) -> tuple[float, float]:
    """Identifiers per second of a serial block, new and sent again."""
    timeout = aiohttp.ClientTimeout(total=LONGEST)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        client = Client(session, url, key, prefix)
        await client.define()
        return size / await client.block(size), size / await client.block(size)


async def accompany(url: str, key: str, prefix: str) -> None:
    """Load the node until standard input ends; print how much it was."""
    timeout = aiohttp.ClientTimeout(total=LONGEST)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        client = Client(session, url, key, prefix)
        await client.define()
        loads = [client.stream, client.upload, client.export, client.query]
        tasks = [asyncio.create_task(_forever(load)) for load in loads]
        print(flush=True)
        await asyncio.to_thread(sys.stdin.read)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    print(json.dumps(vars(client.done)))


async def _forever(load: Callable[[], Awaitable[None]]) -> None:
    while True:
        await load()


def _percentile(latencies: list[float], share: float) -> float:
    return latencies[min(int(len(latencies) * share), len(latencies) - 1)] * 1000


if __name__ == "__main__":
    url, key, prefix, *counts = sys.argv[1:]
    if counts:
        uvloop.run(run(url, key, prefix, int(counts[0]), int(counts[1])))
    else:
        uvloop.run(accompany(url, key, prefix))
