"""Referrals: which services answer for an identifier that does not live here."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from registry.identifier import Identifier
from registry.prefix.prefix import Listener, PrefixState, Routing
from registry.prefix.prefix import Protocol as Wire
from registry.record.catalogue import Catalogue

IN_SERVICE = (PrefixState.ACTIVE, PrefixState.STOPPED)


@dataclass(frozen=True, slots=True)
class Service:
    """A resolver's address (IPv4 or IPv6 text) and its listeners."""

    address: str
    listeners: tuple[Listener, ...]

    @classmethod
    def of(cls, routing: Routing) -> Service:
        return cls(routing.address, routing.listeners)

    @property
    def http_url(self) -> str | None:
        """Where it answers over HTTP; None where it does not."""
        for listener in self.listeners:
            if listener.protocol is Wire.HTTP:
                v6 = ipaddress.ip_address(self.address).version == 6
                host = f"[{self.address}]" if v6 else self.address
                return f"http://{host}:{listener.port}"
        return None


@dataclass(frozen=True, slots=True)
class Referral:
    """Either the services that answer, or the directory to ask next."""

    services: tuple[Service, ...] = ()
    next: str | None = None


class Directory(Protocol):
    """Something that knows who answers for an identifier."""

    async def refer(self, identifier: Identifier, at: str | None) -> Referral | None:
        """The referral, or None where nobody is known. `at` is an earlier referral's `next`.

        Raises NationalNodeUnavailable where the directory does not answer.
        """


class OwnPrefixes:
    """The directory of this node's own prefixes that enterprises serve themselves. It needs no
    national node, so their identifiers resolve while that is down."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def refer(self, identifier: Identifier, at: str | None) -> Referral | None:
        if at is not None:
            return None
        found = await self._catalogue.find(identifier)
        if found.holding is None or found.holding.routing is None:
            return None
        if found.holding.state not in IN_SERVICE:
            return None  # nobody has approved of asking there
        return Referral(services=(Service.of(found.holding.routing),))


class FirstOf:
    """Directories in the order in which they are asked."""

    def __init__(self, directories: Sequence[Directory]) -> None:
        self._directories = tuple(directories)

    async def refer(self, identifier: Identifier, at: str | None) -> Referral | None:
        for directory in self._directories:
            referral = await directory.refer(identifier, at)
            if referral is not None:
                return referral
        return None
