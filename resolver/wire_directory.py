"""The national node's referrals over the Handle wire protocol: prefix records with HS_SITE values.

0.NA/<prefix> says which sites serve a prefix (HS_SITE), or names a service whose record does
(HS_SERV), or another name of the record (HS_ALIAS). An unknown prefix is looked for under the one
above it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence

from registry.errors import NationalNodeUnavailable, RemoteUnavailable
from registry.identifier import Identifier, Prefix
from registry.prefix.prefix import Listener, Protocol
from resolver.breaker import Breakers
from resolver.referral import Referral, Service
from resolver.wire.code import ResponseCode, Transport
from resolver.wire.octets import Malformed
from resolver.wire.site import WireServer, WireSite
from resolver.wire.value import WireValue
from resolver.wire_client import Station, WireClient

SITE, SERVICE, ALIAS = "HS_SITE", "HS_SERV", "HS_ALIAS"
TYPES = (SITE, SERVICE, ALIAS)
MAX_HOPS = 4  # from record to record, by service or alias
MAX_PREFIXES = 4  # that are looked for: the whole one and those above it, the longest left out
MAX_HANDLE = 255  # bytes of a record's name
MAX_SITES = 3
_PROTOCOLS = {
    Transport.TCP: Protocol.TCP,
    Transport.UDP: Protocol.UDP,
    Transport.HTTP: Protocol.HTTP,
}


class WireDirectory:
    """Asks the first of its servers that answers; NationalNodeUnavailable where none does."""

    def __init__(
        self,
        client: WireClient,
        stations: Callable[[], Awaitable[Sequence[Station]]],
        secondary: str,
        breakers: Breakers,
        *,
        seconds: float,
    ) -> None:
        self._client = client
        self._stations = stations
        self._secondary = Prefix(secondary)
        self._breakers = breakers
        self._seconds = seconds

    async def refer(self, identifier: Identifier, at: str | None) -> Referral | None:
        """None for prefixes under this node's own: the national node would only refer back."""
        if at is not None or Prefix(identifier.prefix).is_under(self._secondary):
            return None
        for prefix in _upwards(identifier.prefix):
            services = await self._services(f"0.NA/{prefix}", identifier)
            if services is not None:
                return Referral(services)
        return None

    async def _services(self, handle: str, identifier: Identifier) -> tuple[Service, ...] | None:
        """Who serves, by this record or by those it leads to; None where there is none."""
        seen: set[str] = set()
        for _ in range(MAX_HOPS):
            if handle.upper() in seen:
                raise _astray(f"the records for {identifier} run in a circle", "recursion-loop")
            seen.add(handle.upper())
            values = await self._ask(handle)
            if values is None:
                return None
            sites = [value for value in values if value.type.upper() == SITE][:MAX_SITES]
            if sites:
                return _served(sites, identifier)
            onward = next((one for one in values if one.type.upper() in (SERVICE, ALIAS)), None)
            if onward is None:
                return None
            handle = onward.data[: MAX_HANDLE + 1].decode(errors="replace")
            if len(onward.data) > MAX_HANDLE:
                raise _astray(f"a record for {identifier} has no name", "referral-name")
        raise _astray(f"more than {MAX_HOPS} records for {identifier}", "recursion-depth")

    async def _ask(self, handle: str) -> tuple[WireValue, ...] | None:
        problem = "its servers are not known"
        try:
            stations = await self._stations()
        except RemoteUnavailable as error:
            raise _silent(error.detail) from None
        for left, station in zip(range(len(stations), 0, -1), stations, strict=True):
            try:
                return await self._ask_one(station, handle, self._seconds / left)
            except NationalNodeUnavailable as error:
                problem = error.detail
        raise _silent(problem)

    async def _ask_one(
        self, station: Station, handle: str, seconds: float
    ) -> tuple[WireValue, ...] | None:
        name = station.url
        if not self._breakers.admits(name):
            raise _silent("it has failed several times and is left alone for a while")
        try:
            told = await self._client.resolve(station, handle, seconds, types=TYPES)
        except RemoteUnavailable as error:
            self._breakers.failed(name)
            raise _silent(error.detail) from None
        except BaseException:
            self._breakers.left(name)
            raise
        self._breakers.succeeded(name)
        if told.code is ResponseCode.SUCCESS and told.handle.upper() == handle.upper():
            return told.values
        if told.code in (ResponseCode.HANDLE_NOT_FOUND, ResponseCode.VALUES_NOT_FOUND):
            return None
        raise _silent(f"it answers with response code {int(told.code)}")


def _served(sites: list[WireValue], identifier: Identifier) -> tuple[Service, ...]:
    """The server of each site that has the identifier, primary sites first."""
    try:
        parsed = [WireSite.parse(value.data) for value in sites]
        parsed.sort(key=lambda site: not site.primary)
        return tuple(_service(site.server_of(identifier.text)) for site in parsed)
    except Malformed as error:
        raise _silent(f"its sites cannot be read: {error.detail}") from None


def _service(server: WireServer) -> Service:
    listeners = tuple(
        Listener(_PROTOCOLS[Transport(interface.protocol)], interface.port)
        for interface in server.interfaces
        if interface.query and interface.protocol in set(_PROTOCOLS)
        if 0 < interface.port < 65536
    )
    return Service(str(server.ip), listeners)


def _upwards(prefix: str) -> Iterator[str]:
    """A prefix and those above it. Of a long one those near the root: there are most of them."""
    labels = prefix.split(".")
    yield prefix
    for size in range(min(len(labels), MAX_PREFIXES) - 1, 0, -1):
        yield ".".join(labels[:size])


def _silent(reason: str) -> NationalNodeUnavailable:
    return NationalNodeUnavailable(reason, field="handle", rule="national-node-unavailable")


def _astray(reason: str, rule: str) -> RemoteUnavailable:
    return RemoteUnavailable(reason, field="handle", rule=rule)
