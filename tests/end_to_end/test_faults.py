"""Redis and PostgreSQL that go away and come back, under a node process with many clients."""

from __future__ import annotations

import asyncio
import itertools
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from node.embedded.postgres import EmbeddedPostgres
from node.sandbox.foreign_records import RECORDS
from tests.end_to_end.clients import Answer, Clients, Request
from tests.end_to_end.office import Holder
from tests.end_to_end.served import Served, eventually
from tests.node.http.test_throttle import Server
from tests.node.http.test_throttle import server as redis_server

__all__ = ["redis_server"]

KNOWN = 300
AWHILE = [0.5, pytest.param(10.0, marks=pytest.mark.soak)]  # seconds of each fault


async def known(served: Served, holder: Holder) -> list[str]:
    """Identifiers that are registered; the first is the one that everybody asks for."""
    handles = [f"{holder.prefix}/K{number}" for number in range(KNOWN)]
    value = {"index": 1, "type": "URL", "data": "https://example.com"}
    items = [{"handle": handle, "values": [value]} for handle in handles]
    reply = await served.ask("POST", "/v1/identifiers", key=holder.key, json=items)
    assert reply.status == 200, reply.body
    return handles


def registering(holder: Holder) -> Callable[[], Request]:
    numbers = itertools.count()
    headers = {"Authorization": f"Bearer {holder.key}"}

    def ask() -> Request:
        path = f"/v1/identifiers/{holder.prefix}/N{next(numbers)}"
        return Request("PUT", path, {"headers": headers, "json": {}})

    return ask


def good(answer: Answer) -> bool:
    return answer.status in (200, 201) and not answer.marked


def told(what: str, clients: Clients, times: list[float]) -> None:
    """For the reader of a long run: good answers per second between the moments."""
    rates = [f"{clients.rate(start, end):,.0f}/s" for start, end in itertools.pairwise(times)]
    print(f"{what}: {', '.join(rates)}")


@pytest.mark.parametrize("seconds", AWHILE)
async def test_a_redis_that_fails_is_no_error_to_anybody(
    serving, linked, redis_server: Server, holder: Holder, seconds: float
) -> None:
    # Answers of others are kept so briefly that Redis is asked all the time.
    shared = {"redis_url": redis_server.url, "recursion_kept_seconds": 1}
    served = await serving(**linked | shared)
    handles = await known(served, holder)
    foreign = itertools.cycle([f"/v1/resolve/{quote(handle)}" for handle in RECORDS])
    clients = Clients(
        served,
        {
            "cached": lambda: Request("GET", f"/v1/resolve/{handles[0]}"),
            "scattered": lambda: Request("GET", f"/api/handles/{random.choice(handles)}"),
            "elsewhere": lambda: Request("GET", next(foreign)),
            "registered": registering(holder),
        },
    )
    times = [time.monotonic()]

    async def lasts() -> None:
        await asyncio.sleep(seconds)
        await clients.go_on()
        times.append(time.monotonic())

    async with clients.asking():
        await lasts()
        await _flush(redis_server)
        await lasts()
        redis_server.process.send_signal(signal.SIGSTOP)
        await lasts()
        redis_server.process.send_signal(signal.SIGCONT)
        await lasts()
        redis_server.process.kill()
        redis_server.process.wait()
        await lasts()
        redis_server.restart()
        await lasts()
    told("well, flushed, frozen, thawed, gone, back", clients, times)
    bad = [answer for answer in clients.answers if not good(answer)]
    assert not bad, bad[:5]


async def _flush(server: Server) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"FLUSHALL\r\n")
    assert await reader.readline() == b"+OK\r\n"
    writer.close()


@pytest.fixture
def server(scratch: Path) -> Iterator[EmbeddedPostgres]:
    folder = Path(tempfile.mkdtemp(prefix="biaoshi-faults-", dir=scratch))
    folder.chmod(0o711)  # as root the server has an account of its own, which must get in
    server = EmbeddedPostgres(folder, durable=False)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        for place in (server.home, folder):
            shutil.rmtree(place or folder, ignore_errors=True)


class TestDatabase:
    @pytest.fixture
    def database_url(self, server: EmbeddedPostgres) -> str:
        """A server of this test's own, which can be restarted."""
        return server.url

    @pytest.mark.parametrize("seconds", AWHILE)
    async def test_a_database_that_restarts(
        self, serving, server: EmbeddedPostgres, holder: Holder, seconds: float
    ) -> None:
        """What is in memory is told, everybody else is asked to come again, and all come back."""
        served = await serving()
        handles = await known(served, holder)
        numbers = itertools.count()
        clients = Clients(
            served,
            {
                "cached": lambda: Request("GET", f"/v1/resolve/{handles[0]}"),
                "cold": lambda: Request("GET", f"/v1/resolve/{holder.prefix}/NOT-{next(numbers)}"),
                "registered": registering(holder),
            },
        )

        def right(answer: Answer) -> bool:
            return answer.status == (404 if answer.kind == "cold" else 200) or good(answer)

        async with clients.asking():
            await clients.until(right, 20)
            start = len(clients.answers)
            times = [time.monotonic() - seconds, time.monotonic()]
            await asyncio.to_thread(server.stop)
            await clients.until(lambda a: a.marked if a.kind == "cached" else a.status == 503, 5)
            await asyncio.sleep(seconds)
            server.start()
            times.append(time.monotonic())
            await clients.until(lambda a: right(a) and not a.marked, 20)
            times.append(time.monotonic())
            during = clients.since(start)

            async def well_again() -> bool:
                return not [a for a in clients.answers[-50:] if not right(a) or a.marked]

            await eventually(well_again)
        told("well, away, back", clients, times)
        assert {answer.status for answer in during if answer.kind == "cached"} == {200}
        assert {answer.status for answer in during if answer.kind == "cold"} == {404, 503}
        assert {answer.status for answer in during if answer.kind == "registered"} <= {201, 503}
        away = [answer for answer in during if answer.status == 503]
        assert all(int(answer.retry_after or 0) > 0 for answer in away), away[:5]
