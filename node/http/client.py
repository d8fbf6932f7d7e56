"""Who is at the other end: the client's address and whether the way to it is safe."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

from aiohttp import web

from node.settings import InvalidSettings

UNKNOWN = "unknown"

Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"

# Some proxies write the client's port too.
_WITH_PORT = re.compile(r"\[([^\]]+)\](?::[0-9]+)?|([0-9.]+):[0-9]+")


class Clients:
    """Reads the socket's peer and, where that is a trusted proxy, what the proxy says."""

    def __init__(self, trusted_proxies: Sequence[str], *, credentials_over_http: bool) -> None:
        try:
            self._trusted = tuple(ipaddress.ip_network(text) for text in trusted_proxies)
        except ValueError as error:
            raise InvalidSettings(f"trusted_proxies: {error}") from None
        self._credentials_over_http = credentials_over_http

    def address(self, request: web.Request) -> str:
        """The socket's peer, or the last hop of X-Forwarded-For that no trusted proxy added.

        Never the first entry of a header that anyone can send. What is no address ends the search:
        the last trusted hop then stands for whoever is behind it.
        """
        return self.behind(request.remote or "", _listed(request, "X-Forwarded-For"))

    def behind(self, peer: str, hops: Sequence[str]) -> str:
        """The same, of a socket's peer and the entries that came with the request."""
        known = _address(peer)
        if known is None:
            return peer or UNKNOWN
        for hop in reversed(hops):
            if not self._is_trusted(known):
                break
            before = _address(hop)
            if before is None:
                break
            known = before
        return str(known)

    def takes_credentials(self, request: web.Request) -> bool:
        """Whether a key or password may travel this way: over TLS, from loopback, through a
        trusted proxy that does not say it was asked without TLS, or anyhow where the settings say
        so."""
        if request.secure:
            return True
        return self.takes(request.remote or "", _listed(request, "X-Forwarded-Proto"))

    def takes(self, peer: str, protocols: Sequence[str]) -> bool:
        """The same for a socket without TLS, of its peer and what the proxies before it say."""
        if self._credentials_over_http:
            return True
        known = _address(peer)
        if known is None:
            return False
        if self._is_trusted(known):
            return all(protocol.lower() == "https" for protocol in protocols)
        return known.is_loopback

    def told(self, request: web.Request, name: str) -> str:
        """A header that a trusted proxy sends of the client; empty where the peer is none."""
        known = _address(request.remote or "")
        if known is None or not self._is_trusted(known):
            return ""
        return request.headers.get(name, "").strip()

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def _listed(request: web.Request, name: str) -> list[str]:
    """The members of a list header. A proxy may add a line of its own instead of a member."""
    lines = request.headers.getall(name, [])
    return [hop for line in lines for hop in listed(line)]


def listed(line: str) -> list[str]:
    """The members of one line of a list header."""
    return [part.strip() for part in line.split(",") if part.strip()]


@lru_cache(maxsize=4096)
def _address(text: str) -> Address | None:
    """An IP address, with or without a port. An IPv4 address as a dual-stack socket writes it
    (::ffff:192.0.2.1) is that IPv4 address."""
    found = _WITH_PORT.fullmatch(text)
    try:
        address = ipaddress.ip_address(found[1] or found[2] if found else text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
