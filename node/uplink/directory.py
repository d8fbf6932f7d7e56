"""The national node as a directory for recursion."""

from __future__ import annotations

from node.uplink.client import NationalNodeClient, concerns_content
from node.uplink.messages import RoutingItem
from registry.errors import NationalNodeRefused, NationalNodeUnavailable
from registry.identifier import Identifier, Prefix
from registry.prefix.prefix import Listener, Protocol
from resolver.referral import Referral, Service


class NationalDirectory:
    """Asks the national node who answers for an identifier that is not under this node's own
    secondary prefix: for those the national node would only refer back to here."""

    def __init__(self, client: NationalNodeClient, secondary: str) -> None:
        self._client = client
        self._secondary = Prefix(secondary)

    async def refer(self, identifier: Identifier, at: str | None) -> Referral | None:
        if Prefix(identifier.prefix).is_under(self._secondary):
            return None
        try:
            referral = await self._client.resolve(identifier.text, at=at)
        except NationalNodeUnavailable as error:
            raise _silent(error.detail) from error
        except NationalNodeRefused as error:
            if concerns_content(error):
                return None  # it knows the identifier for none
            raise _silent(f"It refuses this node's requests: {error.detail}") from error
        if referral is None:
            return None
        return Referral(tuple(_service(item) for item in referral.services), referral.next)


def _service(item: RoutingItem) -> Service:
    listeners = tuple(Listener(Protocol(port.protocol.value), port.port) for port in item.ports)
    return Service(item.ip, listeners)


def _silent(reason: str) -> NationalNodeUnavailable:
    return NationalNodeUnavailable(reason, field="handle", rule="national-node-unavailable")
