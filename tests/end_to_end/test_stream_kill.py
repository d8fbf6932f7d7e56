"""Bulk streams against a node process: kill −9 at random instants, an orderly stop, and how much
memory a stream takes, whatever its length and whoever reads its verdicts or not."""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from tests.end_to_end.load import assert_counted
from tests.end_to_end.logged import Proof, keys, logging, proof, witness
from tests.end_to_end.office import Holder, Office
from tests.end_to_end.served import Served, eventually

__all__ = ["keys", "logging", "proof", "witness"]

LINES = 25_000
BLOCK = 500  # lines sent at a time
MEGABYTE = 1024 * 1024
PATIENCE = 60.0  # seconds without a verdict

Body = Iterator[bytes]


@pytest.fixture
def chance() -> random.Random:
    """Seeded by TEST_SEED where that is set, so that a failure can be tried again."""
    seed = int(os.environ.get("TEST_SEED") or random.SystemRandom().randrange(10**6))
    print(f"TEST_SEED={seed}")
    return random.Random(seed)


@dataclass
class Streaming:
    """One stream to a node: how far it was sent, and what came back."""

    served: Served
    session: aiohttp.ClientSession
    holder: Holder
    sent: int = 0  # blocks
    verdicts: int = 0
    last: dict[str, Any] = field(default_factory=dict)
    committed: dict[str, int] = field(default_factory=dict)  # the last totals told

    async def run(self, body: Body) -> dict[str, Any]:
        """Send all of it; the last verdict. Raises what the connection breaks with."""
        headers = {
            "Authorization": f"Bearer {self.holder.key}",
            "Content-Type": "application/x-ndjson",
        }
        url = f"{self.served.url}/v1/identifiers"
        timeout = aiohttp.ClientTimeout(total=None, sock_read=PATIENCE)
        async with self.session.post(
            url, data=self._blocks(body), headers=headers, timeout=timeout
        ) as response:
            assert response.status == 200
            async for line in response.content:
                self.verdicts += 1
                if not line.startswith(b'{"type":"refused"'):
                    self.last = json.loads(line)
                    self.committed = self.last["totals"]
        return self.last

    async def _blocks(self, body: Body) -> AsyncIterator[bytes]:
        for block in body:
            yield block
            self.sent += 1


@pytest.fixture
def streaming(session: aiohttp.ClientSession, holder: Holder) -> Callable[[Served], Streaming]:
    return lambda served: Streaming(served, session, holder)


# --- kill −9 ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Load:
    """Serials of one label, one in fifty with a secret; some lines stand twice, near and far."""

    holder: Holder
    label: str

    def body(self) -> Body:
        for start in range(0, LINES, BLOCK):
            numbers = [*range(start, start + BLOCK), start + 7]
            if start >= LINES // 2:
                numbers.append(start - LINES // 2)
            yield b"".join(self.line(number) for number in numbers)

    def suffix(self, number: int) -> str:
        return f"{self.label}-{number:06}"

    def line(self, number: int) -> bytes:
        suffix = self.suffix(number)
        values = [{"index": 1, "type": "URL", "data": f"https://example.com/p/{suffix}"}]
        if number % 50 == 0:
            values.append({"index": 300, "type": "HS_SECKEY", "data": f"secret of {suffix}"})
        return json.dumps(
            {"handle": f"{self.holder.prefix}/{suffix}", "values": values}
        ).encode() + (b"\n")

    @property
    def lines(self) -> int:
        return LINES + LINES // BLOCK + LINES // BLOCK // 2

    async def there(self, office: Office) -> int:
        """How many of its identifiers there are. Each is whole, and counted once."""
        rows = await office.fetch(
            "SELECT suffix, public_values, private_values IS NOT NULL AS secret, revision"
            "  FROM identifier WHERE suffix LIKE $1 || '-%'",
            self.label,
        )
        for row in rows:
            number = int(row["suffix"].rpartition("-")[2])
            assert row["suffix"] == self.suffix(number)
            assert number < LINES
            assert f'"https://example.com/p/{row["suffix"]}"' in row["public_values"]
            assert (row["secret"], row["revision"]) == (number % 50 == 0, 1)
        await assert_counted(office)
        return len(rows)


async def test_a_node_killed_in_a_stream_leaves_what_sending_again_completes(
    serving: Any, streaming: Any, office: Office, holder: Holder, chance: random.Random
) -> None:
    await kill_streams(3, await serving(), streaming, office, holder, chance)


@pytest.mark.soak
@pytest.mark.timeout(900)
async def test_a_node_killed_thirty_times_in_streams(
    serving: Any,
    streaming: Any,
    office: Office,
    holder: Holder,
    chance: random.Random,
    logging: dict[str, object],
    proof: Proof,
) -> None:
    """With a certified log, which has a leaf for each of them in the end."""
    served = await serving(**logging)
    await kill_streams(30, served, streaming, office, holder, chance)
    print(f"leaves {await proof.holds(served)}")


async def kill_streams(
    rounds: int,
    served: Served,
    streaming: Callable[[Served], Streaming],
    office: Office,
    holder: Holder,
    chance: random.Random,
) -> None:
    for number in range(rounds):
        load = Load(holder, f"K{number}")
        known = 0
        for _ in range(chance.choice([1, 1, 2])):  # sending again may be killed too
            cut = streaming(served)
            task = asyncio.ensure_future(cut.run(load.body()))
            await killed(served, cut, task, chance)
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                await task
            await served.start()
            there = await load.there(office)
            told = cut.committed.get("created", 0) + known
            assert there >= told, "what was told to be committed is there"
            known = there
        last = await streaming(served).run(load.body())
        assert (last["type"], last["lines"]) == ("summary", load.lines)
        assert last["totals"] == {
            "created": LINES - known,
            "unchanged": load.lines - LINES + known,
            "revived": 0,
            "refused": 0,
        }
        assert await load.there(office) == LINES
        handle = f"{holder.prefix}/{load.suffix(50 * chance.randrange(LINES // 50))}"
        owned = await served.ask("GET", f"/v1/identifiers/{handle}", key=holder.key)
        assert owned.body["values"][1]["data"]["value"].startswith("secret of ")
        print(f"round {number}: {known} of {LINES} there after the kill")


async def killed(
    served: Served, cut: Streaming, task: asyncio.Future[Any], chance: random.Random
) -> None:
    """Kill the node at some point of the stream, or a little later."""
    sent = chance.randrange(LINES // BLOCK)
    committed = chance.choice([0, 1, 10_000, 20_000])

    async def reached() -> bool:
        told = cut.committed.get("created", 0)
        return task.done() or (cut.sent >= sent and told >= committed)

    await eventually(reached, PATIENCE)
    await asyncio.sleep(chance.uniform(0, 0.3))
    served.kill()


async def test_a_node_asked_to_stop_in_a_stream_ends_in_order(
    serving: Any, streaming: Any, office: Office, holder: Holder
) -> None:
    """The stream gets the drain's second, then it is cut between chunks."""
    served: Served = await serving()
    load = Load(holder, "S")

    def endless() -> Body:
        yield from load.body()
        while True:
            yield b"\n" * BLOCK

    cut = streaming(served)
    task = asyncio.ensure_future(cut.run(endless()))

    async def begun() -> bool:
        return bool(cut.committed)

    await eventually(begun, PATIENCE)
    assert await asyncio.to_thread(served.stop) == 0
    with suppress(aiohttp.ClientError, OSError):
        await task
    assert cut.last["type"] == "committed", "there was no more to tell"
    assert served.events("request-crashed") == []
    assert served.events("database-away") == []
    for event in served.events("Task exception was never retrieved"):
        raise AssertionError(event)
    assert await load.there(office) >= cut.committed["created"]
    await served.start()
    assert (await streaming(served).run(load.body()))["type"] == "summary"
    assert await load.there(office) == LINES


# --- memory ----------------------------------------------------------------------------------


class Memory:
    """How the resident memory of a node process grew, at its highest."""

    def __init__(self, served: Served) -> None:
        assert served._process is not None
        self._status = Path("/proc") / str(served._process.pid) / "status"
        self._before = self._read("VmRSS")

    @property
    def growth(self) -> float:
        """Megabytes."""
        return (self._read("VmHWM") - self._before) / 1024

    def _read(self, name: str) -> int:
        text = self._status.read_text()
        return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(name))


def mixed(prefix: str, count: int) -> Body:
    """Mostly serials; one line in ten is another trouble, never seen before."""
    troubles = [
        '{"handle":"88.%d.1/X"}\n',
        '{"handle":"x","what-%d":1}\n',
        f'{{"handle":"{prefix}/L%d","values":[{{"index":1,"type":"HS_SECKEY","data":"x"}}]}}\n',
        f'{{"handle":"{prefix}/T%d","values":[{{"index":1,"type":"T%d","data":"x"}}]}}\n',
    ]
    serial = f'{{"handle":"{prefix}/SN%09d","values":[{{"index":1,"type":"URL","data":"%d"}}]}}\n'
    for start in range(0, count, 1_000):
        parts = [serial % (number, number) for number in range(start, start + 900)]
        for number in range(start + 900, start + 1_000):
            trouble = troubles[number % 4]
            parts.append(trouble % ((number,) * trouble.count("%d")))
        yield "".join(parts).encode()


async def test_memory_does_not_grow_with_a_stream(
    serving: Any, streaming: Any, office: Office, holder: Holder
) -> None:
    await grow(300_000, 150, serving, streaming, office, holder)


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_memory_of_ten_million_lines(
    serving: Any, streaming: Any, office: Office, holder: Holder
) -> None:
    await grow(10_000_000, 200, serving, streaming, office, holder)


async def grow(
    count: int, bound: int, serving: Any, streaming: Any, office: Office, holder: Holder
) -> None:
    served: Served = await serving()
    await streaming(served).run(iter([b"{}\n"]))
    memory = Memory(served)
    last = await streaming(served).run(mixed(holder.prefix, count))
    print(f"{count} lines: the node grew by {memory.growth:.0f} MB at most")
    assert last["totals"] == {
        "created": count // 100 * 95,
        "unchanged": 0,
        "revived": 0,
        "refused": count // 100 * 5,
    }
    await assert_counted(office)
    assert memory.growth < bound


async def test_a_client_that_reads_no_verdicts_is_not_read_from(
    serving: Any, holder: Holder
) -> None:
    """Backpressure: what it sends stays with it. When it reads, nothing is missing."""
    served: Served = await serving()
    url = URL(served.url)
    sock = socket.create_connection((str(url.host), url.port or 0))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    reader, writer = await asyncio.open_connection(sock=sock)
    count = 300_000
    body = (b'{"handle":"' + b"x" * 60 + b'"}\n') * 1_000  # none is an identifier
    memory = Memory(served)
    head = (
        "POST /v1/identifiers HTTP/1.0\r\nContent-Type: application/x-ndjson\r\n"
        f"Authorization: Bearer {holder.key}\r\n"
        f"Content-Length: {len(body) * count // 1_000}\r\n\r\n"
    )
    sent = 0

    async def send() -> None:
        nonlocal sent
        writer.write(head.encode())
        for _ in range(count // 1_000):
            writer.write(body)
            await writer.drain()
            sent += 1_000

    sending = asyncio.ensure_future(send())
    before = -1
    while sent != before and not sending.done():
        before = sent
        await asyncio.sleep(1.5)
    print(f"stalled after {sent} lines; the node grew by {memory.growth:.0f} MB at most")
    assert not sending.done()
    assert sent < count // 2
    assert memory.growth < 100
    assert (await served.ask("GET", "/healthz")).status == 200  # others are served
    refused = 0
    last = b""
    await reader.readuntil(b"\r\n\r\n")
    while line := await reader.readline():
        refused += line.startswith(b'{"type":"refused"')
        last = line
    await sending
    writer.close()
    assert refused == count
    assert json.loads(last)["totals"]["refused"] == count
    print(f"all told; the node grew by {memory.growth:.0f} MB at most")
    assert memory.growth < 100
