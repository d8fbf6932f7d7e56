"""A live node that answers DNS on loopback, and a client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import dns.asyncquery
import dns.message
import dns.name
import msgspec
import pytest
import uvloop
from dns.rcode import Rcode
from dns.rrset import RRset

from node.dns.surface import dns_front
from node.settings import Settings
from tests.node.handle_json.peer import register, value
from tests.node.live import Enterprise, Live

PATIENCE = 30.0  # seconds
ZONE = "id.example."


@dataclass(frozen=True)
class Client:
    host: str
    port: int

    async def ask(self, name: str, kind: str = "TXT", **more: object) -> dns.message.Message:
        """The answer to a question for a name below the zone."""
        full = dns.name.from_text(name, dns.name.from_text(ZONE))
        return await self.send(dns.message.make_query(full, kind, **more))

    async def send(
        self, query: dns.message.Message, *, tcp: bool = False, cut: bool = False
    ) -> dns.message.Message:
        """The answer by UDP; by TCP, if asked, or where it was cut off unless that is wanted."""
        if not tcp:
            answer = await dns.asyncquery.udp(query, self.host, PATIENCE, self.port)
            if cut or not answer.flags & dns.flags.TC:
                return answer
        return await dns.asyncquery.tcp(query, self.host, PATIENCE, self.port)

    async def texts(self, name: str, kind: str = "TXT") -> list[str]:
        answer = await self.ask(name, kind)
        assert answer.rcode() == Rcode.NOERROR
        return sorted(rdata.to_text() for rrset in answer.answer for rdata in rrset)


def denial(answer: dns.message.Message) -> tuple[str, str]:
    """The response code, and the record whose ttl says how long that may be remembered."""
    assert not answer.answer
    rrset: RRset
    (rrset,) = answer.authority
    assert rrset.name.to_text() == ZONE
    assert rrset.ttl == rrset[0].minimum
    return answer.rcode().name, rrset.rdtype.name


@pytest.fixture(scope="session")
def event_loop_policy() -> uvloop.EventLoopPolicy:
    """The loop that serves in production: its transports are not asyncio's."""
    return uvloop.EventLoopPolicy()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(
        settings,
        dns_zone=ZONE,
        dns_listen=("127.0.0.1:0", "[::1]:0"),
        dns_name_servers=("ns1.id.example 192.0.2.1 2001:db8::1", "ns.elsewhere.example"),
        dns_answers_per_second=10_000,
    )


@pytest.fixture
async def clients(live: Live) -> AsyncIterator[list[Client]]:
    async with dns_front(live.node.wiring) as addresses:
        yield [Client(*address) for address in addresses]


@pytest.fixture
def client(clients: list[Client]) -> Client:
    return clients[0]


@pytest.fixture
def under(owner: Enterprise) -> str:
    """The prefix as the names of its identifiers end."""
    return ".".join(reversed(owner.prefix.split(".")))


@pytest.fixture
async def sn1(live: Live, owner: Enterprise, under: str) -> str:
    """The name of a record with values of several kinds."""
    await register(
        live.node.wiring,
        owner.enterprise_id,
        f"{owner.prefix}/SN1",
        value(1, "URL", "https://example.com/1"),
        value(2, "URL.MANUAL", "https://example.com/manual", ttl=60),
        value(3, "POWER", "12W"),
        value(4, "PRICE", "secret", permissions="1100"),
    )
    return f"sn1.{under}"
