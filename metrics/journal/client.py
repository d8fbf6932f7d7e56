"""Who asks: what the journal keeps of a client."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from metrics.journal.entry import Flag, Kind
from metrics.journal.robot import Robots
from registry.access.actor import Actor, Role

# How this program's own clients call themselves; `biaoshi-loadtest` for load tests.
OWN_AGENT = "biaoshi"
LOAD_AGENT = "biaoshi-loadtest"
KNOWN_CLIENTS = 65_536  # kept in memory
MAX_AGENT = 1024  # characters of a user agent that are looked at, which anybody may send
_NO_ADDRESS = bytes(16)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Caller(NamedTuple):
    """A client as it stands in a record."""

    hashes: bytes  # 16 bytes of the client, then 16 of its address
    kind: Kind
    party: int  # the enterprise whose key was used; 0 for none
    flags: int


class Clientele:
    """Makes callers, and remembers those seen lately.

    The client is the key where one is used, else the address with the user agent. Wire clients
    have no user agent: None, which unlike an empty one makes nobody a robot.
    """

    def __init__(self, key: bytes, robots: Robots, own_networks: Sequence[str] = ()) -> None:
        """`key` is that of clients. `own_networks` (CIDR) are those of health checks and of the
        national node's probes. Raises ValueError for what is no network."""
        self._key = key
        self._robots = robots
        self._own = tuple(ipaddress.ip_network(text) for text in own_networks)
        self._anonymous = lru_cache(KNOWN_CLIENTS)(self._make_anonymous)
        self._known = lru_cache(KNOWN_CLIENTS)(self._make_known)

    def caller(self, address: str, agent: str | None, actor: Actor | None = None) -> Caller:
        """The client at an address; `actor` None is anonymous."""
        if actor is None or actor.anonymous:
            return self._anonymous(address, agent and agent[:MAX_AGENT])
        return self._known(address, actor.name, actor.role, actor.enterprise_id or 0)

    def _make_anonymous(self, address: str, agent: str | None) -> Caller:
        told = "" if agent is None else agent
        client = self._hash(f"address\0{address}\0{told}")
        return Caller(client + packed_address(address), self._kind(address, agent), 0, 0)

    def _make_known(self, address: str, name: str, role: Role | None, party: int) -> Caller:
        kind = Kind.OPERATOR if role is Role.OPERATOR else Kind.EXTERNAL
        if kind is Kind.EXTERNAL and self._is_own(address):
            kind = Kind.PROBE
        hashes = self._hash(f"key\0{name}") + packed_address(address)
        return Caller(hashes, kind, party, Flag.KEYED)

    def _kind(self, address: str, agent: str | None) -> Kind:
        if self._is_own(address):
            return Kind.PROBE
        if agent is None:
            return Kind.EXTERNAL
        if agent.startswith(OWN_AGENT):
            return Kind.LOAD_TEST if agent.startswith(LOAD_AGENT) else Kind.CONSOLE
        return Kind.ROBOT if self._robots.names(agent) else Kind.EXTERNAL

    def _is_own(self, address: str) -> bool:
        if not self._own:
            return False
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._own)

    def _hash(self, text: str) -> bytes:
        encoded = text.encode("utf-8", "surrogateescape")
        return hashlib.blake2b(encoded, digest_size=16, key=self._key).digest()


def packed_address(text: str) -> bytes:
    """An address in 16 bytes, IPv4 as ::ffff:a.b.c.d; zero for what is no address."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return _NO_ADDRESS
    if isinstance(address, ipaddress.IPv4Address):
        return b"\0" * 10 + b"\xff\xff" + address.packed
    return address.packed


def shown_address(packed: bytes) -> str:
    """The address as people write it; empty where there was none."""
    if packed == _NO_ADDRESS:
        return ""
    address = ipaddress.IPv6Address(packed)
    return str(address.ipv4_mapped or address)
