"""Referrals: which services answer for an identifier that does not live here."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from registry.errors import NationalNodeUnavailable
from registry.identifier import Identifier
from registry.prefix.prefix import Listener, PrefixState, Routing
from registry.prefix.prefix import Protocol as Wire
from registry.record.catalogue import Catalogue
from resolver.wire_client import Station

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

    @property
    def wire_listener(self) -> Listener | None:
        """Where it answers over the Handle wire protocol: by TCP where it does, else by UDP."""
        for protocol in (Wire.TCP, Wire.UDP):
            for listener in self.listeners:
                if listener.protocol is protocol:
                    return listener
        return None

    @property
    def url(self) -> str | None:
        """Names the way it is asked, by HTTP where it can be; None where there is none."""
        listener = self.wire_listener
        if self.http_url is not None or listener is None:
            return self.http_url
        return Station(self.address, listener.port, listener.protocol).url


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
    """Directories in the order in which they are asked. Where one does not answer, those after it
    may know; if they don't, it is told that it did not."""

    def __init__(self, directories: Sequence[Directory]) -> None:
        self._directories = tuple(directories)

    async def refer(self, identifier: Identifier, at: str | None) -> Referral | None:
        silent: NationalNodeUnavailable | None = None
        for directory in self._directories:
            try:
                referral = await directory.refer(identifier, at)
            except NationalNodeUnavailable as error:
                silent = error
                continue
            if referral is not None:
                return referral
        if silent is not None:
            raise silent
        return None
