"""The way to identifiers of other nodes: where they live, how they are asked, what is kept."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import aiohttp
from redis.asyncio import Redis

from node.settings import Settings, station_of
from node.uplink.client import NationalNodeClient
from node.uplink.directory import NationalDirectory
from registry.record.catalogue import Catalogue
from resolver.breaker import Breakers
from resolver.chain import Link
from resolver.discovery import Discovery
from resolver.dns import Dns
from resolver.elsewhere import Elsewhere
from resolver.fallback import Fallback
from resolver.recursive import Bounds, RecursiveLink
from resolver.referral import Directory, FirstOf, OwnPrefixes
from resolver.wire_client import Station, WireClient, fixed
from resolver.wire_directory import WireDirectory


def recursion(
    settings: Settings,
    session: aiohttp.ClientSession,
    catalogue: Catalogue,
    national: NationalNodeClient | None,
    redis: Redis | None,
    dns: Dns,
) -> Link:
    """The link of the chain that answers for other nodes."""
    directories: list[Directory] = [OwnPrefixes(catalogue)]
    if national is not None:
        directories.append(NationalDirectory(national, settings.secondary_prefix))
    client, breakers = WireClient(), Breakers(time.monotonic)
    stations = _stations(settings, dns)
    if stations is not None:
        seconds = settings.recursion_seconds / 2  # the rest is for whom it refers to
        directories.append(
            WireDirectory(client, stations, settings.secondary_prefix, breakers, seconds=seconds)
        )
    bounds = Bounds(
        seconds=settings.recursion_seconds,
        referrals=settings.recursion_referrals,
        allow_private=settings.allow_private_addresses,
    )
    directory = FirstOf(directories)
    asking = RecursiveLink(session, directory, bounds, wire=client, breakers=breakers)
    link = Fallback(asking, time.monotonic, seconds=settings.recursion_stale_seconds)
    if not settings.recursion_kept_seconds:
        return link
    return Elsewhere(link, redis, time.time, seconds=settings.recursion_kept_seconds)


def _stations(settings: Settings, dns: Dns) -> Callable[[], Awaitable[Sequence[Station]]] | None:
    """Where the national node answers over the wire; None where nobody has said."""
    if settings.national_node_handle is not None:
        return partial(fixed, Station(*station_of(settings.national_node_handle)))
    if settings.national_node_domain is not None:
        chance = random.SystemRandom()
        return Discovery(dns, settings.national_node_domain, time.monotonic, chance).stations
    return None
