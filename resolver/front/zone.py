"""The zone that is served: its name, its name servers, and how long answers may be kept."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import dns.exception
import dns.name
import dns.rrset
from dns.rdatatype import RdataType

LASTING: Final = 86_400  # seconds that name servers and their addresses may be kept
# Nobody can transfer the zone, so nobody compares its serial number; nor looks how often.
_SERIAL, _REFRESH, _RETRY, _EXPIRE = 1, 86_400, 7_200, 604_800


class NoZone(ValueError):
    """The settings make no zone; the text says which and why."""


@dataclass(frozen=True)
class Zone:
    """`seconds` is the longest that a record may be kept elsewhere, `absent` how long it may be
    remembered that there is none."""

    origin: dns.name.Name
    servers: tuple[dns.name.Name, ...]
    hosts: dict[dns.name.Name, tuple[str, ...]]  # addresses of those whose names are in the zone
    contact: dns.name.Name
    seconds: int
    absent: int

    @classmethod
    def of(
        cls, zone: str, servers: Sequence[str], contact: str, *, seconds: int, absent: int
    ) -> Zone:
        """`servers` are names of hosts, each with its addresses behind it where it is in the zone;
        `contact` is a mail address, hostmaster's at the zone where it is empty. Raises NoZone."""
        origin = _name("dns_zone", zone)
        hosts = dict(_host(text) for text in servers)
        if not hosts:
            raise NoZone("dns_name_servers: a zone has one at least")
        for name, addresses in hosts.items():
            if bool(addresses) != name.is_subdomain(origin):
                raise NoZone("dns_name_servers: addresses belong behind those in the zone, alone")
        within = {name: addresses for name, addresses in hosts.items() if addresses}
        return cls(origin, tuple(hosts), within, _mailbox(contact, origin), seconds, absent)

    @cached_property
    def soa(self) -> dns.rrset.RRset:
        numbers = f"{_SERIAL} {_REFRESH} {_RETRY} {_EXPIRE} {self.absent}"
        text = f"{self.servers[0]} {self.contact} {numbers}"
        return dns.rrset.from_text(self.origin, self.absent, "IN", "SOA", text)

    @cached_property
    def ns(self) -> dns.rrset.RRset:
        texts = [name.to_text() for name in self.servers]
        return dns.rrset.from_text_list(self.origin, LASTING, "IN", "NS", texts)

    def addresses(self, host: dns.name.Name, kind: RdataType) -> dns.rrset.RRset | None:
        """The A or AAAA records of a name server in the zone, if it has any."""
        version = {RdataType.A: 4, RdataType.AAAA: 6}.get(kind)
        held = self.hosts.get(host, ())
        texts = [text for text in held if ipaddress.ip_address(text).version == version]
        return dns.rrset.from_text_list(host, LASTING, "IN", kind, texts) if texts else None

    @property
    def glue(self) -> list[dns.rrset.RRset]:
        made = (
            self.addresses(host, kind)
            for host in self.hosts
            for kind in (RdataType.A, RdataType.AAAA)
        )
        return [rrset for rrset in made if rrset is not None]


def _host(text: str) -> tuple[dns.name.Name, tuple[str, ...]]:
    name, *addresses = text.split() or [""]
    try:
        return _name("dns_name_servers", name), tuple(
            str(ipaddress.ip_address(address)) for address in addresses
        )
    except ValueError as error:
        if isinstance(error, NoZone):
            raise
        raise NoZone(f"dns_name_servers: {error}") from None


def _name(setting: str, text: str) -> dns.name.Name:
    try:
        name = dns.name.from_text(text)
    except (dns.exception.DNSException, UnicodeError) as error:
        raise NoZone(f"{setting}: {text!r} is no name: {error}") from None
    if name == dns.name.root:
        raise NoZone(f"{setting}: the root is not meant")
    return name


def _mailbox(contact: str, origin: dns.name.Name) -> dns.name.Name:
    """A mail address as a name (RFC 1035 §3.3.12)."""
    if not contact:
        return dns.name.Name([b"hostmaster", *origin.labels])
    local, at, domain = contact.rpartition("@")
    if not at or not local or not local.isascii():
        raise NoZone("dns_contact: a mail address, such as hostmaster@city.example")
    try:
        return dns.name.Name([local.encode(), *_name("dns_contact", domain).labels])
    except dns.exception.DNSException as error:
        raise NoZone(f"dns_contact: {error}") from None
