"""`/ntn/v1/resolve`: which service answers for an identifier."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from node.sandbox.answer import success
from node.sandbox.controls import Controls
from node.sandbox.filing import in_force
from node.sandbox.settings import Application, KnownNode
from node.sandbox.store import SandboxStore
from node.uplink.messages import Referral, RoutingItem
from registry.errors import InvalidIdentifier

MAX_IDENTIFIER = 255  # bytes


class Referrals:
    """Looks among detours, then prefixes filed here, then other nodes known."""

    def __init__(
        self,
        applications: tuple[Application, ...],
        known: tuple[KnownNode, ...],
        store: SandboxStore,
        controls: Controls,
        clock: Callable[[], float],
    ) -> None:
        self._node_routing = {one.app_id: one.routing for one in applications}
        self._known = {one.prefix: one for one in known}
        self._store = store
        self._controls = controls
        self._clock = clock

    def routes(self) -> list[web.RouteDef]:
        """The second is where chains of referrals lead, each hop under an address of its own."""
        return [
            web.get("/ntn/v1/resolve", self._resolve, allow_head=False),
            web.get(r"/hop/{hop:\d{1,9}}/ntn/v1/resolve", self._resolve, allow_head=False),
        ]

    async def _resolve(self, request: web.Request) -> web.Response:
        identifier = _identifier(request.query.get("id", ""))
        hop = int(request.match_info.get("hop", 0))
        astray = self._detour(identifier, hop, str(request.url.origin()))
        return success(astray or self._referral(identifier))

    def _detour(self, identifier: str, hop: int, our_url: str) -> Referral | None:
        prefix = _prefix(identifier)
        detour = self._controls.detours.get(prefix)
        path = detour.next_hop(hop) if detour else None
        if path is None:
            return None
        return Referral(identifier=identifier, prefix=prefix, next=our_url + path)

    def services(self, prefix: str) -> tuple[RoutingItem, ...]:
        """Who answers for a prefix; nobody where it is not known."""
        referral = self._referral(prefix)
        return () if referral is None else referral.services

    def _referral(self, identifier: str) -> Referral | None:
        prefix = _prefix(identifier)
        services = self._filed(prefix)
        if services:
            return Referral(identifier=identifier, prefix=prefix, services=services)
        node = self._known_node(prefix)
        if node is None:
            return None
        return Referral(identifier=identifier, prefix=node.prefix, services=node.services)

    def _filed(self, prefix: str) -> tuple[RoutingItem, ...]:
        """The routing in force: the enterprise's own resolver, or the node that hosts it."""
        history = self._store.history(prefix)
        filing = in_force(history, self._clock())
        if filing is None:
            return ()
        return filing.routing or self._node_routing.get(history[-1].app_id, ())

    def _known_node(self, prefix: str) -> KnownNode | None:
        """The node of the longest known prefix that `prefix` is, or is under."""
        while prefix:
            if prefix in self._known:
                return self._known[prefix]
            prefix = prefix.rpartition(".")[0]
        return None


def _prefix(identifier: str) -> str:
    return identifier.partition("/")[0]


def _identifier(text: str) -> str:
    if not text or len(text.encode()) > MAX_IDENTIFIER:
        raise InvalidIdentifier(
            f"An identifier has 1 to {MAX_IDENTIFIER} bytes", field="id", rule="length"
        )
    return text
