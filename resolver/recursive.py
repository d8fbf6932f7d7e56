"""The link to identifiers that live elsewhere: follow referrals to the service that answers, over
its Handle JSON API or over the Handle wire protocol.

Bounded in time, in the number of referrals followed and of services tried, and in the size of an
answer. No directory and no service is asked twice for one query, so a loop ends.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from registry.bounded import bounded
from registry.errors import InvalidRouting, RemoteUnavailable, TooLarge
from registry.identifier import Identifier, to_url_path
from registry.prefix.prefix import Routing
from registry.record.value import Value
from resolver.breaker import Breakers
from resolver.foreign import check_count, public_values
from resolver.query import Answer, Outcome, Query, Source, select
from resolver.referral import Directory, Referral, Service
from resolver.wire.code import ResponseCode
from resolver.wire.octets import Malformed
from resolver.wire.typed import stored
from resolver.wire_client import Station, Told, WireClient

MAX_ANSWER = 1024 * 1024  # bytes
FOUND, NOT_FOUND, VALUES_NOT_FOUND = 1, 100, 200
SHARE = 0.95  # of the time left: a service that uses up its own is told apart from all being slow


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far recursion goes for one query."""

    seconds: float = 5.0
    referrals: int = 4
    services: int = 3
    allow_private: bool = False  # whether services may have addresses inside private networks


class _Remote(msgspec.Struct, frozen=True, rename="camel"):
    """A Handle JSON answer."""

    response_code: int
    handle: str | None = None
    values: list[dict[str, Any]] = []


class RecursiveLink:
    """Asks a directory who answers, and that service. One that has failed several times in a row is
    left alone for a while."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        directory: Directory,
        bounds: Bounds,
        *,
        wire: WireClient | None = None,
        breakers: Breakers | None = None,
    ) -> None:
        self._session = session
        self._directory = directory
        self._bounds = bounds
        self._wire = wire or WireClient()
        self._breakers = Breakers(time.monotonic) if breakers is None else breakers

    async def resolve(self, query: Query) -> Answer | None:
        """None where nobody is known to answer; RemoteUnavailable where those known do not."""
        via: list[str] = []
        end = asyncio.get_running_loop().time() + self._bounds.seconds
        try:
            async with asyncio.timeout_at(end):
                referral = await self._refer(query.identifier, via)
                return await self._ask(query, referral.services, via, end) if referral else None
        except TimeoutError:
            raise RemoteUnavailable(
                f"no answer for {query.identifier} within {self._bounds.seconds:g} s",
                field="handle",
                rule="recursion-time",
            ) from None

    async def _refer(self, identifier: Identifier, via: list[str]) -> Referral | None:
        """Follow referrals from directory to directory until one names services."""
        at: str | None = None
        for _ in range(self._bounds.referrals):
            referral = await self._directory.refer(identifier, at)
            if referral is None or referral.next is None:
                return referral
            at = referral.next
            if at in via:
                raise RemoteUnavailable(
                    f"the referrals for {identifier} run in a circle",
                    field="handle",
                    rule="recursion-loop",
                )
            via.append(at)
        raise RemoteUnavailable(
            f"more than {self._bounds.referrals} referrals for {identifier}",
            field="handle",
            rule="recursion-depth",
        )

    async def _ask(
        self, query: Query, services: tuple[Service, ...], via: list[str], end: float
    ) -> Answer:
        """The answer of the first service that gives one. Each may use its share of the time."""
        problem = "it speaks no protocol this node knows"
        candidates = [service for service in services if service.url is not None]
        candidates = candidates[: self._bounds.services]
        for left, service in zip(range(len(candidates), 0, -1), candidates, strict=True):
            url = service.url
            if url is None or url in via:
                continue
            via.append(url)
            seconds = (end - asyncio.get_running_loop().time()) * SHARE / left
            try:
                self._check_address(service)
                return await self._guarded(query, service, url, tuple(via), seconds)
            except RemoteUnavailable as error:
                problem = error.detail
        raise RemoteUnavailable(
            f"the node of {query.identifier.prefix} cannot be asked: {problem}",
            field="handle",
            rule="remote-unavailable",
        )

    async def _guarded(
        self, query: Query, service: Service, url: str, via: tuple[str, ...], seconds: float
    ) -> Answer:
        """The service's answer, unless it has failed too often. Raises RemoteUnavailable."""
        if not self._breakers.admits(url):
            raise RemoteUnavailable("it has failed several times and is left alone for a while")
        try:
            if service.http_url is not None:
                answer = await self._fetch(query, service.http_url, via, seconds)
            else:
                answer = await self._consult(query, service, via, seconds)
        except RemoteUnavailable:
            self._breakers.failed(url)
            raise
        except BaseException:
            self._breakers.left(url)
            raise
        self._breakers.succeeded(url)
        return answer

    async def _consult(
        self, query: Query, service: Service, via: tuple[str, ...], seconds: float
    ) -> Answer:
        """The answer over the wire."""
        listener = service.wire_listener
        assert listener is not None  # else it would have no URL
        station = Station(service.address, listener.port, listener.protocol)
        told = await self._wire.resolve(station, query.identifier.text, seconds)
        text = query.identifier.text
        if told.code is ResponseCode.HANDLE_NOT_FOUND:
            return Answer(Outcome.NOT_FOUND, Source.RECURSIVE, text, via=via)
        if told.code is ResponseCode.VALUES_NOT_FOUND:
            return Answer(Outcome.NO_VALUES, Source.RECURSIVE, text, via=via)
        if told.code is not ResponseCode.SUCCESS:
            raise RemoteUnavailable(f"it answers with response code {int(told.code)}")
        _check_handle(query.identifier, told.handle)
        outcome, values = _selected(query, _public(told))
        return Answer(outcome, Source.RECURSIVE, text, values, via=via)

    def _check_address(self, service: Service) -> None:
        """A referral must not lead this node into its own network."""
        try:
            routing = Routing(service.address, service.listeners[:1])
            routing.check(allow_private=self._bounds.allow_private)
        except InvalidRouting:
            raise RemoteUnavailable(f"{service.address} is not a public address") from None

    async def _fetch(self, query: Query, base: str, via: tuple[str, ...], seconds: float) -> Answer:
        url = URL(f"{base}/api/handles/{to_url_path(query.identifier)}", encoded=True)
        remote = _decode(await self._get(url, seconds))
        if remote.response_code == NOT_FOUND:
            return Answer(Outcome.NOT_FOUND, Source.RECURSIVE, query.identifier.text, via=via)
        if remote.response_code not in (FOUND, VALUES_NOT_FOUND):
            raise RemoteUnavailable(f"it answers with response code {remote.response_code}")
        _check_handle(query.identifier, remote.handle)
        outcome, text = _selected(query, _values(remote))
        return Answer(outcome, Source.RECURSIVE, query.identifier.text, text, via=via)

    async def _get(self, url: URL, seconds: float) -> bytes:
        try:
            async with self._session.get(
                url,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=seconds),
                headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            ) as response:
                return await _bounded(response)
        except TimeoutError:
            raise RemoteUnavailable("it is too slow") from None
        except (aiohttp.ClientError, OSError) as error:
            raise RemoteUnavailable(f"{type(error).__name__}") from error


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    body = await bounded(response.content.iter_any(), MAX_ANSWER)
    if body is None:
        raise RemoteUnavailable(f"its answer is larger than {MAX_ANSWER} bytes")
    return body


def _decode(body: bytes) -> _Remote:
    try:
        return msgspec.json.decode(body, type=_Remote)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RemoteUnavailable("its answer is not the Handle JSON API's") from None


def _values(remote: _Remote) -> list[Value]:
    """The public values of another node's answer, in its own words but in our order of members."""
    check_count(len(remote.values))
    try:
        return public_values([msgspec.convert(value, Value) for value in remote.values])
    except msgspec.ValidationError:
        raise RemoteUnavailable("its values are not handle values") from None


def _public(told: Told) -> list[Value]:
    """The public values of an answer over the wire."""
    check_count(len(told.values))
    try:
        return public_values([stored(value) for value in told.values])
    except Malformed as error:
        raise RemoteUnavailable(f"its values are not handle values: {error.detail}") from None


def _selected(query: Query, values: list[Value]) -> tuple[Outcome, str]:
    try:
        return select(query, values)
    except TooLarge as error:
        raise RemoteUnavailable(f"its record is too large: {error.detail}") from None


def _check_handle(asked: Identifier, told: str | None) -> None:
    """A node that answers with another identifier's record is not believed."""
    if told is None or told.upper() != asked.text.upper():
        raise RemoteUnavailable("it answers with another identifier's record")
