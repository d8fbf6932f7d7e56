"""Prefixes allocated by this node, with the states in which the field's own API numbers them."""

from __future__ import annotations

import ipaddress
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from registry.enterprise.enterprise import EnterpriseState, require_active
from registry.errors import InvalidRouting, PrefixElsewhere, PrefixNotActive
from registry.record.typed_data import Admin, Port

MAX_ADMINISTRATORS = 20
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052


class PrefixState(IntEnum):
    """前缀状态.

    waiting ── approve ──> under review ── national node ──> active <── resume ── stopped
       └──────── reject ───────> rejected <──┘                 └──────── stop ──────>┘
    """

    STOPPED = 0
    ACTIVE = 1
    TO_BE_DELETED = 2
    REJECTED = 3
    WAITING = 4
    UNDER_REVIEW = 5


class Hosting(IntEnum):
    """托管状态: whether this node holds the records, or the enterprise's own resolver does."""

    NOT_HOSTED = 1
    REQUESTED = 2
    REJECTED = 3
    HOSTED = 4


class Protocol(StrEnum):
    TCP = "TCP"
    UDP = "UDP"
    HTTP = "HTTP"


class Listener(msgspec.Struct, frozen=True):
    """A protocol the resolver speaks, and on which port."""

    protocol: Protocol
    port: Port


class Routing(msgspec.Struct, frozen=True):
    """Where an enterprise's own resolver answers: one IP address, up to three listeners."""

    address: Annotated[str, Meta(max_length=45)]
    listeners: Annotated[tuple[Listener, ...], Meta(min_length=1, max_length=3)]

    def check(self, *, allow_private: bool) -> None:
        """Raise InvalidRouting unless this is a public IP address and each protocol stands once."""
        try:
            address = ipaddress.ip_address(self.address)
        except ValueError:
            raise InvalidRouting(
                "the address is an IPv4 or IPv6 address",
                field="routing.address",
                rule="routing-address",
            ) from None
        # The node will send requests there: an address inside its own network would let an
        # enterprise reach what it should not.
        if not allow_private and not _public(address):
            raise InvalidRouting(
                "the address must be reachable from the public network",
                field="routing.address",
                rule="routing-private",
            )
        if len({listener.protocol for listener in self.listeners}) < len(self.listeners):
            raise InvalidRouting(
                "each protocol stands at most once",
                field="routing.listeners",
                rule="routing-protocols",
            )


def _public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether this is one host's address in the public network; for an IPv6 address that stands
    for an IPv4 one (mapped, 6to4, NAT64), whether that one is."""
    if isinstance(address, ipaddress.IPv6Address):
        within = address.ipv4_mapped or address.sixtofour
        if address in NAT64:
            within = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if within is not None:
            return _public(within)
    return address.is_global and not address.is_multicast


class Prefix(msgspec.Struct, frozen=True, kw_only=True):
    """A prefix as its enterprise and operators see it."""

    prefix: str
    enterprise_id: int
    state: PrefixState
    hosting: Hosting
    routing: Routing | None
    administrators: list[Admin]
    note: str | None
    filed: bool  # the national node has taken the latest filing
    requested_at: datetime
    reviewed_by: str | None
    reviewed_at: datetime | None
    activated_at: datetime | None


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """A prefix with what decides whether something may be registered under it."""

    prefix_id: int
    prefix: str
    enterprise_id: int
    enterprise_state: EnterpriseState
    state: PrefixState
    hosting: Hosting
    routing: Routing | None
    administrators: tuple[Admin, ...]

    @property
    def hosted(self) -> bool:
        return self.hosting is Hosting.HOSTED

    def require_open(self) -> None:
        """Raise unless identifiers may be registered under this prefix here and now."""
        require_active(self.enterprise_state)
        if self.state is not PrefixState.ACTIVE:
            raise PrefixNotActive(
                f"the prefix {self.prefix} is {self.state.name.lower().replace('_', ' ')}",
                field="handle",
                rule="prefix-not-active",
            )
        if not self.hosted:
            raise PrefixElsewhere(
                f"the records of {self.prefix} are on the enterprise's own resolver",
                field="handle",
                rule="prefix-not-hosted",
            )
