"""The national node as a directory for recursion."""

from __future__ import annotations

from node.uplink.client import NationalNodeClient
from node.uplink.messages import RoutingItem
from registry.errors import NationalNodeRefused
from registry.identifier import Identifier
from registry.prefix.prefix import Listener, Protocol
from resolver.referral import Referral, Service


class NationalDirectory:
    """Asks the national node who answers for an identifier."""

    def __init__(self, client: NationalNodeClient) -> None:
        self._client = client

    async def refer(self, identifier: Identifier, at: str | None) -> Referral | None:
        try:
            referral = await self._client.resolve(identifier.text, at=at)
        except NationalNodeRefused:
            return None  # it knows the identifier for none
        if referral is None:
            return None
        return Referral(tuple(_service(item) for item in referral.services), referral.next)


def _service(item: RoutingItem) -> Service:
    listeners = tuple(Listener(Protocol(port.protocol.value), port.port) for port in item.ports)
    return Service(item.ip, listeners)
