"""Connections and datagrams, well and ill behaved; and a name server of another make before us."""

from __future__ import annotations

import asyncio
import random
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import dns.message
import msgspec
import pytest
from dns.rcode import Rcode

from node.dns import tcp
from node.dns.pace import Pace, Verdict, network_of
from node.dns.surface import dns_front
from node.http.entrance import CannotListen
from node.settings import Settings
from node.wiring import Wiring
from tests.node.dns.conftest import PATIENCE, ZONE, Client
from tests.node.handle_json.peer import register, value
from tests.node.live import Enterprise, Live, until

KNOTD = shutil.which("knotd") or "/usr/sbin/knotd"
needs_knot = pytest.mark.skipif(not Path(KNOTD).exists(), reason="knotd is not installed")


def with_settings(live: Live, settings: Settings) -> Wiring:
    return replace(live.node.wiring, settings=settings)


def question(name: str, number: int = 1) -> bytes:
    return dns.message.make_query(f"{name}.{ZONE}", "TXT", id=number).to_wire()


def framed(octets: bytes) -> bytes:
    return len(octets).to_bytes(2, "big") + octets


@asynccontextmanager
async def connection(
    client: Client,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(client.host, client.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def received(reader: asyncio.StreamReader) -> dns.message.Message:
    async with asyncio.timeout(PATIENCE):
        length = int.from_bytes(await reader.readexactly(2), "big")
        return dns.message.from_wire(await reader.readexactly(length))


async def ended(reader: asyncio.StreamReader) -> bool:
    """Whether the node closes the connection, soon and without another octet."""
    async with asyncio.timeout(PATIENCE):
        try:
            return await reader.read(1) == b""
        except ConnectionError:
            return True


async def test_many_questions_on_one_connection(client: Client, sn1: str) -> None:
    """Sent without waiting; each is answered once, in whatever order."""
    numbers = range(1, 301)
    async with connection(client) as (reader, writer):
        writer.write(b"".join(framed(question(sn1, number)) for number in numbers))
        answers = [await received(reader) for _ in numbers]
    assert sorted(answer.id for answer in answers) == list(numbers)
    assert all(len(answer.answer[0]) == 3 for answer in answers)


async def test_octet_by_octet(client: Client, sn1: str) -> None:
    async with connection(client) as (reader, writer):
        for octet in framed(question(sn1)):
            writer.write(bytes([octet]))
            await writer.drain()
            await asyncio.sleep(0)
        assert len((await received(reader)).answer[0]) == 3


async def test_what_is_no_question_ends_nothing(client: Client, sn1: str) -> None:
    async with connection(client) as (reader, writer):
        answer = bytearray(question(sn1))
        answer[2] |= 0x80
        for octets in (b"", b"x", bytes(answer), b"\0" * 12):
            writer.write(framed(octets))
        assert (await received(reader)).rcode() == Rcode.FORMERR  # to the last one alone
        writer.write(framed(question(sn1)))
        assert len((await received(reader)).answer[0]) == 3


async def test_what_is_longer_than_any_question(client: Client, sn1: str) -> None:
    async with connection(client) as (reader, writer):
        writer.write(b"\xff\xff" + b"x" * 1000)
        assert await ended(reader)
    assert len(await client.texts(sn1)) == 3


async def test_a_client_that_leaves_early(client: Client, sn1: str) -> None:
    for length in range(0, len(framed(question(sn1))), 7):
        async with connection(client) as (_, writer):
            writer.write(framed(question(sn1))[:length])
    async with connection(client) as (reader, writer):  # it still hears what it asked for
        writer.write(framed(question(sn1)))
        writer.write_eof()
        assert len((await received(reader)).answer[0]) == 3
        assert await ended(reader)


async def test_idle_and_slow_connections_are_closed(
    client: Client, sn1: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp, "IDLE_SECONDS", 0.1)
    monkeypatch.setattr(tcp, "HASTE_SECONDS", 0.1)
    for octets in (b"", b"\0", b"\0\x20abc", framed(question(sn1)) + b"\0"):
        async with connection(client) as (reader, writer):
            writer.write(octets)
            if len(octets) > 10:
                assert len((await received(reader)).answer[0]) == 3
            assert await ended(reader)


async def test_clients_that_read_nothing(
    live: Live,
    client: Client,
    owner: Enterprise,
    sn1: str,
    under: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They are given up; nobody else waits for them."""
    values = [value(index, "D", f"{index:03d}" * 60) for index in range(1, 251)]
    await register(live.node.wiring, owner.enterprise_id, f"{owner.prefix}/LONG", *values)
    monkeypatch.setattr(tcp, "HASTE_SECONDS", 0.2)
    monkeypatch.setattr(tcp, "HIGH_WATER", 4096)
    own = socket.socket()
    own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    own.setblocking(False)
    loop = asyncio.get_running_loop()
    with own:
        await loop.sock_connect(own, (client.host, client.port))
        many = b"".join(framed(question(f"long.{under}", number)) for number in range(1, 1000))

        async def pour() -> None:
            while True:
                await loop.sock_sendall(own, many)

        with pytest.raises(ConnectionError):
            await asyncio.wait_for(pour(), PATIENCE)
    assert len(await client.texts(sn1)) == 3


async def test_connections_of_one_address_are_bounded(
    clients: list[Client], sn1: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp, "MAX_EACH", 2)
    four, six = clients
    async with connection(four) as first, connection(four) as second:
        for reader, writer in (first, second):
            writer.write(framed(question(sn1)))
            await received(reader)
        async with connection(four) as (reader, _):
            assert await ended(reader)
        async with connection(six) as (reader, writer):
            writer.write(framed(question(sn1)))
            assert len((await received(reader)).answer[0]) == 3


async def test_hostile_datagrams(client: Client, sn1: str) -> None:
    chance = random.Random(2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.connect((client.host, client.port))
        for _ in range(2000):
            octets = bytearray(question(sn1))
            for _ in range(chance.randint(1, 5)):
                octets[chance.randrange(len(octets))] = chance.randrange(256)
            own.send(octets[: chance.randrange(len(octets) + 1)])
        own.send(b"x" * 60_000)
    assert len(await client.texts(sn1)) == 3


async def test_a_network_that_asks_too_much(live: Live, settings: Settings, sn1: str) -> None:
    """Beyond its bound it is told to come by TCP every other time, and hears nothing otherwise."""
    few = msgspec.structs.replace(settings, dns_answers_per_second=5)
    wiring = with_settings(live, few)
    async with dns_front(wiring) as addresses:
        client = Client(*addresses[0])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            own.setblocking(False)
            own.connect((client.host, client.port))
            loop = asyncio.get_running_loop()
            cut = 0
            async with asyncio.timeout(PATIENCE):
                while not cut:
                    for number in range(100):
                        own.send(question(sn1, number))
                    answer = await loop.sock_recv(own, 4096)
                    cut = answer[2] & 2
        assert not dns.message.from_wire(answer).answer
        query = dns.message.make_query(f"{sn1}.{ZONE}", "TXT")
        assert len((await client.send(query, tcp=True)).answer[0]) == 3


class Clock:
    now = 0.5

    def __call__(self) -> float:
        return self.now


def test_the_pace_of_a_network() -> None:
    clock = Clock()
    pace = Pace(3, clock)
    same = [pace.judge(f"192.0.2.{number}") for number in range(7)]
    assert same == [
        *[Verdict.ANSWER] * 3,
        *[Verdict.DROP, Verdict.TRUNCATE] * 2,
    ]
    assert pace.judge("192.0.3.1") is Verdict.ANSWER
    assert [pace.judge(f"2001:db8:0:{number}::1") for number in range(4)][-1] is Verdict.DROP
    clock.now = 1.0
    assert pace.judge("192.0.2.1") is Verdict.ANSWER


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2ff::1", "2001:db8:1:200::/56"),
        ("nonsense", ""),
    ],
)
def test_networks(address: str, network: str) -> None:
    assert network_of(address) == network


async def test_an_address_that_is_taken(live: Live, client: Client, settings: Settings) -> None:
    taken = msgspec.structs.replace(settings, dns_listen=(f"127.0.0.1:{client.port}",))
    with pytest.raises(CannotListen, match=str(client.port)):
        async with dns_front(with_settings(live, taken)):
            pass


async def test_questions_under_way_are_answered_at_the_end(
    live: Live, settings: Settings, sn1: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wiring = with_settings(live, msgspec.structs.replace(settings, drain_seconds=PATIENCE))
    asked, go_on = asyncio.Event(), asyncio.Event()
    resolve = type(wiring.local).resolve

    async def slow(local: object, query: object) -> object:
        asked.set()
        await go_on.wait()
        return await resolve(local, query)

    monkeypatch.setattr(type(wiring.local), "resolve", slow)

    async def close() -> None:
        await context.__aexit__(None, None, None)

    context = dns_front(wiring)
    client = Client(*(await context.__aenter__())[0])
    query = dns.message.make_query(f"{sn1}.{ZONE}", "TXT")
    for_tcp = asyncio.create_task(client.send(query, tcp=True))
    await asked.wait()
    asked.clear()
    for_udp = asyncio.create_task(client.send(query))
    await asked.wait()
    closing = asyncio.create_task(close())
    await asyncio.sleep(0)
    go_on.set()
    assert len((await for_tcp).answer[0]) == len((await for_udp).answer[0]) == 3
    async with asyncio.timeout(PATIENCE):
        await closing


@needs_knot
async def test_knot_before_us(client: Client, sn1: str, under: str, tmp_path: Path) -> None:
    """Knot DNS passes on what it is asked for our zone (its module dnsproxy), over UDP and TCP, and
    takes our answers for what they are."""
    port = _free_port()
    (tmp_path / "knot.conf").write_text(
        f"server:\n  listen: 127.0.0.1@{port}\n  rundir: {tmp_path}\n  pidfile: {tmp_path}/pid\n"
        f"database:\n  storage: {tmp_path}\n"
        f"remote:\n  - id: node\n    address: {client.host}@{client.port}\n"
        f"mod-dnsproxy:\n  - id: node\n    remote: node\n    fallback: off\n"
        f"    timeout: 20000\n"
        f"template:\n  - id: default\n    global-module: mod-dnsproxy/node\n"
    )
    process = _started(tmp_path)
    knot = Client("127.0.0.1", port)
    try:
        await until(lambda: process.poll() is None and _listens(port))
        assert await knot.texts(sn1, "URI") == await client.texts(sn1, "URI")
        query = dns.message.make_query(f"{sn1}.{ZONE}", "NAPTR")
        assert len((await knot.send(query, tcp=True)).answer[0]) == 2
        assert (await knot.ask(f"none.{under}")).rcode() == Rcode.NXDOMAIN
        assert (await knot.ask(under)).rcode() == Rcode.NOERROR
    finally:
        process.terminate()
        process.wait(30)


def _started(folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "log").open("w") as log:
        return subprocess.Popen(
            [KNOTD, "-c", str(folder / "knot.conf")], stdout=log, stderr=subprocess.STDOUT
        )


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
