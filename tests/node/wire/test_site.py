"""What the node says of itself and of its prefixes, and that others find their way by it."""

from __future__ import annotations

import time
from functools import partial

import aiohttp

from registry.access.actor import anonymous
from registry.identifier import Identifier
from registry.prefix.prefix import Listener, Protocol, Routing
from resolver.breaker import Breakers
from resolver.query import Query
from resolver.recursive import Bounds, RecursiveLink
from resolver.wire.body import Text, Values
from resolver.wire.code import OpCode, ResponseCode, Transport
from resolver.wire.site import WireSite
from resolver.wire_client import Station, WireClient, fixed
from resolver.wire_directory import WireDirectory
from tests.node.handle_json.peer import owner_of
from tests.node.live import Live
from tests.node.wire.peer import Peer


async def test_the_site(seeded: Peer) -> None:
    for handle in ("/", "", "88.118.8"):
        answer = await seeded.ask(OpCode.GET_SITE_INFO, Text(handle).build())
        site = WireSite.parse(answer.body)
        assert site.primary
        (server,) = site.servers
        assert str(server.ip) == "127.0.0.1"
        told = {Transport(one.protocol): (one.port, one.admin) for one in server.interfaces}
        assert told[Transport.TCP] == (seeded.open.port, True)
        assert told[Transport.UDP] == (seeded.open.port, False)


async def test_a_prefix_names_its_site(seeded: Peer) -> None:
    answer = await seeded.resolve("0.NA/88.118.8", types=("HS_SITE",))
    (value,) = Values.parse(answer.body).values
    site = await seeded.ask(OpCode.GET_SITE_INFO, Text("/").build())
    assert WireSite.parse(value.data) == WireSite.parse(site.body)


async def test_others_find_their_way_by_it(live: Live, seeded: Peer) -> None:
    """Another node of this program, whose directory this one is."""
    client, breakers = WireClient(), Breakers(time.monotonic)
    stations = partial(fixed, Station("127.0.0.1", seeded.open.port))
    directory = WireDirectory(client, stations, "88.999", breakers, seconds=30.0)
    referral = await directory.refer(Identifier("88.118.8", "P000007"), None)
    assert referral is not None
    (service,) = referral.services
    assert Listener(Protocol.TCP, seeded.open.port) in service.listeners
    async with aiohttp.ClientSession() as session:
        bounds = Bounds(seconds=30.0, allow_private=True)
        link = RecursiveLink(session, _Wire(directory), bounds, wire=client, breakers=breakers)
        answer = await link.resolve(Query(Identifier("88.118.8", "p000007"), anonymous()))
    assert answer is not None
    assert answer.found
    assert answer.via == (f"hdl+tcp://127.0.0.1:{seeded.open.port}",)


class _Wire:
    """A directory whose services are known for their wire alone."""

    def __init__(self, directory: WireDirectory) -> None:
        self._directory = directory

    async def refer(self, identifier: Identifier, at: str | None):  # type: ignore[no-untyped-def]
        from dataclasses import replace

        referral = await self._directory.refer(identifier, at)
        assert referral is not None
        services = tuple(
            replace(one, listeners=tuple(x for x in one.listeners if x.protocol is Protocol.TCP))
            for one in referral.services
        )
        return replace(referral, services=services)


async def test_a_prefix_that_its_enterprise_serves(live: Live, seeded: Peer) -> None:
    wiring = live.node.wiring
    routing = Routing("8.8.8.8", (Listener(Protocol.TCP, 2641), Listener(Protocol.UDP, 2641)))
    await wiring.prefixes.route(owner_of(1), "88.118.9", routing)
    answer = await seeded.resolve("0.NA/88.118.9", types=("HS_SITE",))
    assert answer.response_code == ResponseCode.SUCCESS
    (value,) = Values.parse(answer.body).values
    (server,) = WireSite.parse(value.data).servers
    assert str(server.ip) == "8.8.8.8"
    assert [one.port for one in server.interfaces] == [2641, 2641]
    made = await seeded.create("88.118.9/A")
    assert made.response_code == ResponseCode.SERVER_NOT_RESP
