"""Who is at the other end: the client's address and whether the way to it is safe."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from aiohttp import web

from node.settings import InvalidSettings

UNKNOWN = "unknown"


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

        Never the first entry of a header that anyone can send.
        """
        peer = request.remote or UNKNOWN
        if not self._is_trusted(peer):
            return peer
        hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",")]
        for hop in reversed([hop for hop in hops if hop]):
            if not self._is_trusted(hop):
                return hop
        return peer

    def takes_credentials(self, request: web.Request) -> bool:
        """Whether a key or password may travel this way: over TLS, from loopback, through a
        trusted proxy that speaks TLS, or anyhow where the settings say so."""
        if request.secure or self._credentials_over_http:
            return True
        peer = request.remote or UNKNOWN
        if self._is_trusted(peer):
            return request.headers.get("X-Forwarded-Proto", "https").lower() == "https"
        try:
            return ipaddress.ip_address(peer).is_loopback
        except ValueError:
            return False

    def _is_trusted(self, text: str) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        return any(address in network for network in self._trusted)
