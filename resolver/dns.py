"""Questions to the DNS, asked of the system's servers or of those that the settings name."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver
import msgspec

from registry.errors import RemoteUnavailable

PORT = 53
KEPT = 10_000  # answers, each as long as its ttl says
MAX_RECORDS = 32  # of one answer that are looked at


class Naptr(msgspec.Struct, frozen=True, order=True):
    """RFC 3403, in the order in which they are to be tried."""

    order: int
    preference: int
    flags: str
    service: str
    regexp: str
    ttl: int


class Srv(msgspec.Struct, frozen=True):
    """RFC 2782."""

    priority: int
    weight: int
    port: int
    target: str
    ttl: int


class Dns:
    """Safe to share between tasks. What does not exist is nothing; what does not answer raises
    RemoteUnavailable."""

    def __init__(self, servers: Sequence[tuple[str, int]], *, seconds: float) -> None:
        self._resolver = dns.asyncresolver.Resolver(configure=not servers)
        if servers:
            self._resolver.nameservers = [
                dns.nameserver.Do53Nameserver(address, port) for address, port in servers
            ]
        self._resolver.lifetime = seconds
        self._resolver.cache = dns.resolver.LRUCache(KEPT)

    async def naptr(self, name: str) -> list[Naptr]:
        found = await self._ask(name, dns.rdatatype.NAPTR)
        if found is None or found.rrset is None:
            return []
        return sorted(
            Naptr(
                record.order,
                record.preference,
                record.flags.decode(errors="replace").upper(),
                record.service.decode(errors="replace"),
                record.regexp.decode(errors="replace"),
                found.rrset.ttl,
            )
            for record in list(found)[:MAX_RECORDS]
        )

    async def srv(self, name: str) -> list[Srv]:
        found = await self._ask(name, dns.rdatatype.SRV)
        if found is None or found.rrset is None:
            return []
        return [
            Srv(
                record.priority,
                record.weight,
                record.port,
                record.target.to_text(omit_final_dot=True),
                found.rrset.ttl,
            )
            for record in list(found)[:MAX_RECORDS]
        ]

    async def addresses(self, name: str) -> list[str]:
        """IPv6 and IPv4, as text. An address is its own."""
        try:
            return [str(ipaddress.ip_address(name))]
        except ValueError:
            pass
        addresses = []
        for kind in (dns.rdatatype.AAAA, dns.rdatatype.A):
            found = await self._ask(name, kind)
            addresses += [record.address for record in found or ()]
        return addresses[:MAX_RECORDS]

    async def _ask(self, name: str, kind: dns.rdatatype.RdataType) -> dns.resolver.Answer | None:
        try:
            return await self._resolver.resolve(dns.name.from_text(name), kind)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer, dns.name.NameTooLong):
            return None
        except (dns.name.LabelTooLong, dns.name.EmptyLabel, dns.name.BadEscape):
            return None
        except (dns.exception.DNSException, OSError) as error:
            raise RemoteUnavailable(
                f"the DNS does not answer: {type(error).__name__}",
                field="handle",
                rule="dns-unavailable",
            ) from None
