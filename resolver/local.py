"""The link to this node's own records."""

from __future__ import annotations

import ipaddress

import msgspec

from registry.errors import PrefixNotFound
from registry.identifier import Identifier, bare_prefix
from registry.prefix.prefix import Holding, Routing
from registry.record.catalogue import Catalogue
from registry.record.typed_data import Admin
from registry.record.value import Data, Value
from resolver.query import Answer, Outcome, Query, Source, select
from resolver.records import Records
from resolver.wire.code import Transport
from resolver.wire.site import QUERY, WireInterface, WireServer, WireSite
from resolver.wire.typed import site_from_wire

PREFIX_RECORDS = "0.NA"
SITE_INDEX, FIRST_ADMIN_INDEX = 1, 100


class LocalLink:
    """Answers for the prefixes homed here, and for those prefixes' own records (0.NA/<prefix>)."""

    def __init__(self, catalogue: Catalogue, records: Records) -> None:
        self._catalogue = catalogue
        self._records = records
        self._site: WireSite | None = None

    def announce(self, site: WireSite) -> None:
        """Name this node's own site in the records of the prefixes that live here."""
        self._site = site

    async def resolve(self, query: Query) -> Answer | None:
        if query.identifier.canonical_prefix == PREFIX_RECORDS:
            return await self._prefix_record(query)
        if not query.plain:
            return await self._for_reader(query)
        sight = await self._records.see(query.identifier)
        if not sight.hosted:
            return None
        text, held = query.identifier.text, sight.held
        if held is None:
            return _absent(query, sight.known, sight.prefix_id)
        outcome = Outcome.NO_VALUES if held.values == b"[]" else Outcome.FOUND
        return Answer(
            outcome,
            Source.LOCAL,
            text,
            held.values.decode(),
            held.tag,
            stale=sight.stale,
            prefix_id=sight.prefix_id,
        )

    async def alone(self, query: Query) -> Answer:
        """The answer where no other node is to be asked. Raises PrefixNotFound for what does not
        live here."""
        answer = await self.resolve(query)
        if answer is None:
            raise PrefixNotFound(
                f"the prefix {query.identifier.prefix} does not live here",
                field="handle",
                rule="prefix-not-found",
            )
        return answer

    async def _for_reader(self, query: Query) -> Answer | None:
        """The answer for a reader with rights of its own, or with a filter."""
        view = await self._catalogue.view(query.actor, query.identifier)
        if view is None:
            found = await self._catalogue.find(query.identifier)
            if found.holding is None or not found.holding.hosted:
                return None
            return _absent(query, found.row is not None, found.holding.prefix_id)
        if not view.holding.hosted:
            return None
        if view.hidden and not query.public_only and query.actor.anonymous:
            stored = await self._catalogue.identity_values(query.identifier.text)
            if any(query.wants(value) and not value.public for value in stored):
                return Answer(
                    Outcome.HIDDEN,
                    Source.LOCAL,
                    query.identifier.text,
                    prefix_id=view.holding.prefix_id,
                )
        outcome, values = select(query, view.listed)
        return Answer(
            outcome,
            Source.LOCAL,
            query.identifier.text,
            values,
            view.row.tag,
            prefix_id=view.holding.prefix_id,
        )

    async def _prefix_record(self, query: Query) -> Answer | None:
        """What this node itself says of a prefix: who serves it, and who administers it."""
        prefix = bare_prefix(query.identifier.suffix)
        if prefix is None:
            return None
        # Any suffix will do: only the prefix is of interest.
        found = await self._catalogue.find(Identifier(prefix.text, "-"))
        if found.holding is None:
            return None
        said = [*_sites(found.holding, self._site), *_administrators(found.holding)]
        outcome, values = select(query, said)
        return Answer(outcome, Source.LOCAL, query.identifier.text, values)


def _absent(query: Query, known: bool, prefix_id: int) -> Answer:
    outcome = Outcome.WITHDRAWN if known else Outcome.NOT_FOUND
    return Answer(outcome, Source.LOCAL, query.identifier.text, prefix_id=prefix_id)


def _sites(holding: Holding, own: WireSite | None) -> list[Value]:
    """Our site where the records live here, else the enterprise's own resolver."""
    site = own if holding.hosted else None
    if holding.routing is not None:
        site = _site_of(holding.routing)
    if site is None:
        return []
    data = Data("site", site_from_wire(site))
    return [Value(index=SITE_INDEX, type="HS_SITE", data=data, ttl=86_400)]


def _site_of(routing: Routing) -> WireSite:
    interfaces = tuple(
        WireInterface(QUERY, Transport[listener.protocol.value], listener.port)
        for listener in routing.listeners
    )
    address = ipaddress.ip_address(routing.address).packed.rjust(16, b"\0")
    return WireSite(servers=(WireServer(1, address, b"", interfaces),))


def _administrators(holding: Holding) -> list[Value]:
    return [
        Value(
            index=index,
            type="HS_ADMIN",
            data=Data("admin", _plain(admin)),
            ttl=86_400,
        )
        for index, admin in enumerate(holding.administrators, FIRST_ADMIN_INDEX)
    ]


def _plain(admin: Admin) -> object:
    return msgspec.to_builtins(admin)
