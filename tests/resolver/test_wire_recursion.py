"""Recursion over the wire: referrals by prefix records, services by TCP and UDP, and what remotes
may do wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import aiohttp
import msgspec
import pytest

from node.sandbox.foreign import Conduct, ConductKind
from node.sandbox.wire import WireListener, foreign_record
from registry.access.actor import anonymous
from registry.errors import NationalNodeUnavailable, RemoteUnavailable
from registry.identifier import Identifier
from registry.prefix.prefix import Listener, Protocol
from resolver.breaker import Breakers
from resolver.query import Outcome, Query, Source
from resolver.recursive import Bounds, RecursiveLink
from resolver.referral import FirstOf, Referral, Service
from resolver.wire.message import ENVELOPE, Envelope
from resolver.wire.site import QUERY, WireInterface, WireServer, WireSite
from resolver.wire.value import WireValue
from resolver.wire_client import Station, WireClient, fixed
from resolver.wire_directory import WireDirectory

IDENTIFIER = Identifier("86.1000.1", "DEMO-0001")
HANDLE = IDENTIFIER.text
LOCAL = bytes(12) + b"\x7f\0\0\1"
SECONDS = 1.5


@dataclass
class Remote:
    """A server over TCP, with a conduct that can be turned and a memory of what it was asked."""

    records: Callable[[str], tuple[WireValue, ...] | None]
    conduct: Conduct = field(default_factory=Conduct)
    asked: list[str] = field(default_factory=list)
    port: int = 0

    def find(self, handle: str) -> tuple[WireValue, ...] | None:
        self.asked.append(handle)
        return self.records(handle)


@asynccontextmanager
async def remote(records: Callable[[str], tuple[WireValue, ...] | None]) -> AsyncIterator[Remote]:
    made = Remote(records)
    listener = WireListener(made.find, "127.0.0.1", 0, lambda: made.conduct)
    await listener.up()
    made.port = listener.port
    try:
        yield made
    finally:
        await listener.down()


@pytest.fixture
async def foreign() -> AsyncIterator[Remote]:
    async with remote(foreign_record) as made:
        yield made


def site(port: int, *, index: int = 1, primary: bool = True) -> WireValue:
    server = WireServer(1, LOCAL, b"", (WireInterface(QUERY, 1, port),))
    data = WireSite(servers=(server,), primary=primary).build()
    return WireValue(index=index, type="HS_SITE", data=data)


def text(type_: str, handle: str) -> WireValue:
    return WireValue(index=2, type=type_, data=handle.encode())


@asynccontextmanager
async def linked(
    records: dict[str, tuple[WireValue, ...]], **more: object
) -> AsyncIterator[tuple[RecursiveLink, Remote]]:
    """A link behind a national node with these prefix records."""
    async with remote(records.get) as national, aiohttp.ClientSession() as session:
        client = WireClient()
        breakers = Breakers(time.monotonic, failures=3, seconds=60.0)
        station = Station("127.0.0.1", national.port)
        directory = WireDirectory(
            client, partial(fixed, station), "88.118", breakers, seconds=SECONDS / 2
        )
        bounds = Bounds(seconds=SECONDS, allow_private=True, **more)  # type: ignore[arg-type]
        link = RecursiveLink(session, FirstOf([directory]), bounds, wire=client, breakers=breakers)
        yield link, national


def query(handle: str = HANDLE) -> Query:
    return Query(Identifier.parse(handle), anonymous())


async def test_found_through_the_prefix_record(foreign: Remote) -> None:
    async with linked({"0.NA/86.1000.1": (site(foreign.port),)}) as (link, national):
        answer = await link.resolve(query())
        assert answer is not None
        assert (answer.outcome, answer.source) == (Outcome.FOUND, Source.RECURSIVE)
        assert answer.via == (f"hdl+tcp://127.0.0.1:{foreign.port}",)
        assert "product.example.com" in answer.values
        assert national.asked == ["0.NA/86.1000.1"]
        missing = await link.resolve(query("86.1000.1/NONE"))
        assert missing is not None
        assert missing.outcome is Outcome.NOT_FOUND


async def test_filters(foreign: Remote) -> None:
    async with linked({"0.NA/86.1000.1": (site(foreign.port),)}) as (link, _):
        answer = await link.resolve(Query(IDENTIFIER, anonymous(), types=frozenset({"url"})))
        assert answer is not None
        assert [v["type"] for v in msgspec.json.decode(answer.values)] == ["URL"]


async def test_the_prefix_above(foreign: Remote) -> None:
    async with linked({"0.NA/86.1000": (site(foreign.port),)}) as (link, national):
        assert (await link.resolve(query())) is not None
        assert national.asked == ["0.NA/86.1000.1", "0.NA/86.1000"]


async def test_a_long_prefix_is_looked_for_whole(foreign: Remote) -> None:
    """However many labels a client writes, few records are asked for."""
    whole = "20.500.12345.1.2.3"
    async with linked({}) as (link, national):
        assert await link.resolve(query(f"{whole}/X")) is None
        assert national.asked == [
            f"0.NA/{name}" for name in (whole, "20.500.12345", "20.500", "20")
        ]


async def test_a_record_with_an_endless_name() -> None:
    async with linked({"0.NA/86.1000.1": (text("HS_SERV", "x" * 256),)}) as (link, national):
        with pytest.raises(RemoteUnavailable, match="no name"):
            await link.resolve(query())
        assert len(national.asked) == 1


async def test_values_out_of_bounds(foreign: Remote) -> None:
    foreign.records = lambda _: (WireValue(index=1, type="", data=b""),)
    async with linked({"0.NA/86.1000.1": (site(foreign.port),)}) as (link, _):
        with pytest.raises(RemoteUnavailable, match=r"values\[0\].type"):
            await link.resolve(query())


async def test_nobody_knows() -> None:
    async with linked({}) as (link, national):
        assert await link.resolve(query()) is None
        assert await link.resolve(query("88.118.1/X")) is None  # our own: not even asked for
        assert len(national.asked) == 3


async def test_service_handles_and_aliases(foreign: Remote) -> None:
    records = {
        "0.NA/86.1000.1": (text("HS_ALIAS", "0.NA/86.1000"),),
        "0.NA/86.1000": (text("HS_SERV", "0.SERV/city"),),
        "0.SERV/city": (site(foreign.port),),
    }
    async with linked(records) as (link, _):
        answer = await link.resolve(query())
        assert answer is not None
        assert answer.found


@pytest.mark.parametrize(
    "records",
    [
        {"0.NA/86.1000.1": (text("HS_SERV", "0.NA/86.1000.1"),)},
        {f"0.NA/86.1000.1{'x' * n}": (text("HS_SERV", f"0.NA/86.1000.1{'x' * (n + 1)}"),)
         for n in range(9)},
    ],
)  # fmt: skip
async def test_circles_and_chains_end(records: dict[str, tuple[WireValue, ...]]) -> None:
    async with linked(records) as (link, national):
        with pytest.raises(RemoteUnavailable):
            await link.resolve(query())
        assert len(national.asked) <= 4


@pytest.mark.parametrize("kind", [k for k in ConductKind if k is not ConductKind.HONEST])
async def test_remotes_that_err(foreign: Remote, kind: ConductKind) -> None:
    foreign.conduct = Conduct(kind=kind, seconds=30.0)
    async with linked({"0.NA/86.1000.1": (site(foreign.port),)}) as (link, _):
        began = time.monotonic()
        with pytest.raises(RemoteUnavailable):
            await link.resolve(query())
        assert time.monotonic() - began < SECONDS + 10


async def test_the_next_site_is_asked(foreign: Remote) -> None:
    sites = (site(1, index=1), site(foreign.port, index=2, primary=False))
    async with linked({"0.NA/86.1000.1": sites}) as (link, _):
        answer = await link.resolve(query())
        assert answer is not None
        assert len(answer.via) == 2


async def test_few_sites_are_asked() -> None:
    sites = tuple(site(port, index=port) for port in range(1, 20))
    async with linked({"0.NA/86.1000.1": sites}, services=2) as (link, _):
        with pytest.raises(RemoteUnavailable):
            await link.resolve(query())


async def test_private_addresses_are_not_asked(foreign: Remote) -> None:
    record = {"0.NA/86.1000.1": (site(foreign.port),)}
    async with linked(record) as (link, _):
        link._bounds = Bounds(seconds=SECONDS)  # the default, of production
        with pytest.raises(RemoteUnavailable, match="public"):
            await link.resolve(query())
        assert foreign.asked == []


async def test_who_keeps_failing_is_left_alone(foreign: Remote) -> None:
    foreign.conduct = Conduct(kind=ConductKind.GARBLED)
    calls = 0

    def count(handle: str) -> tuple[WireValue, ...] | None:
        nonlocal calls
        calls += 1
        return foreign_record(handle)

    foreign.records = count
    async with linked({"0.NA/86.1000.1": (site(foreign.port),)}) as (link, _):
        for _ in range(3):
            with pytest.raises(RemoteUnavailable):
                await link.resolve(query())
        foreign.conduct = Conduct()
        with pytest.raises(RemoteUnavailable, match="left alone"):
            await link.resolve(query())
        assert calls == 0


async def test_a_national_node_that_is_gone() -> None:
    client = WireClient()
    breakers = Breakers(time.monotonic)
    directory = WireDirectory(
        client, partial(fixed, Station("127.0.0.1", 1)), "88.118", breakers, seconds=1.0
    )
    with pytest.raises(NationalNodeUnavailable):
        await directory.refer(IDENTIFIER, None)


class _Silent:
    async def refer(self, identifier: Identifier, at: str | None) -> Referral | None:
        raise NationalNodeUnavailable("it is away")


async def test_the_wire_stands_in_for_http(foreign: Remote) -> None:
    """Where the national node's HTTP does not answer, its wire may; where neither does, it is told
    that it did not."""
    async with linked({"0.NA/86.1000.1": (site(foreign.port),)}) as (link, _):
        link._directory = FirstOf([_Silent(), link._directory])
        answer = await link.resolve(query())
        assert answer is not None
        with pytest.raises(NationalNodeUnavailable):
            await link.resolve(query("99.1.1/X"))


async def test_by_datagrams() -> None:
    """A service that speaks UDP alone, and whose record takes several datagrams."""
    loop = asyncio.get_running_loop()
    big = (WireValue(index=1, type="DESC", data=b"x" * 3000),)

    class Server(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: object) -> None:
            from node.sandbox.wire import _message
            from resolver.wire.body import Values
            from resolver.wire.code import ResponseCode
            from resolver.wire.fragment import split
            from resolver.wire.message import Message

            request = Message.parse(Envelope.parse(data), data[ENVELOPE.size :])
            answer = _message(request, ResponseCode.SUCCESS, Values(HANDLE, big).build()).build()
            for datagram in split(answer)[::-1]:
                self.transport.sendto(datagram, addr)  # type: ignore[attr-defined]

    transport, _ = await loop.create_datagram_endpoint(Server, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    try:
        station = Station("127.0.0.1", port, Protocol.UDP)
        told = await WireClient().resolve(station, HANDLE, 30.0)
        assert told.values == big
    finally:
        transport.close()


def test_urls_of_services() -> None:
    http, tcp, udp = (
        Listener(protocol, 2641) for protocol in (Protocol.HTTP, Protocol.TCP, Protocol.UDP)
    )
    assert Service("192.0.2.1", (udp, tcp)).url == "hdl+tcp://192.0.2.1:2641"
    assert Service("2001:db8::1", (udp,)).url == "hdl+udp://[2001:db8::1]:2641"
    assert Service("192.0.2.1", (tcp, http)).url == "http://192.0.2.1:2641"
    assert Service("192.0.2.1", ()).url is None
