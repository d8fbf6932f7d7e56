"""The Handle protocol's listeners as a whole: opened with the node, closed before it."""

from __future__ import annotations

import asyncio
import ipaddress
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import asyncpg
import structlog
from cryptography.hazmat.primitives.asymmetric import rsa

from node.keeper import Work
from node.wire.entrance import WireEntrance, wire_door
from node.wire.exchange import Exchanges
from node.wire.noting import NAME, Noting
from node.wire.parts import Parts
from node.wire.ready import Ready
from node.wire.reply import SITE_SERIAL
from node.wire.responder import Responder
from node.wire.tcp import Connections
from node.wiring import Wiring
from registry.database import DATABASE_AWAY
from registry.handshake.handshakes import Handshakes
from resolver.wire.code import Transport
from resolver.wire.key import public_key
from resolver.wire.site import ADMIN, QUERY, WireInterface, WireServer, WireSite

TIDY_SECONDS = 60.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Open:
    """The listeners are open: where, and who answers."""

    port: int
    connections: Connections
    parts: Parts


@asynccontextmanager
async def wire(wiring: Wiring) -> AsyncIterator[Open | None]:
    """Listen while the context lasts, where the settings give a port."""
    settings = wiring.settings
    if settings.handle_port is None:
        yield None
        return
    with wire_door(settings.host, settings.handle_port) as door:
        async with wire_entrance(wiring, door.port) as way_in:
            await way_in.open(door)
            yield Open(door.port, way_in.connections, way_in.parts)


@asynccontextmanager
async def wire_entrance(wiring: Wiring, port: int) -> AsyncIterator[WireEntrance]:
    """The way in for the Handle protocol while the context lasts. At its end no more is taken, and
    what has come gets time to be answered."""
    settings = wiring.settings
    parts = await _parts(wiring, port)
    noting = Noting(wiring)
    ready = Ready(wiring.records.cache, noting, case_sensitive=settings.case_sensitive)
    responder = Responder(parts, noting.told, udp_administration=settings.handle_udp_administration)
    way_in = WireEntrance(parts, responder, ready, settings.drain_seconds)
    try:
        async with _tidied(parts.handshakes), _beside(way_in.connections.run):
            yield way_in
    finally:
        await way_in.close()


async def _parts(wiring: Wiring, port: int) -> Parts:
    handshakes = Handshakes(wiring.database, wiring.form.sealing, os.urandom)
    key = await handshakes.server_key()
    site = _site(wiring, key, port)
    wiring.local.announce(site)
    exchanges = Exchanges(wiring.throttle)
    return Parts(wiring, handshakes, exchanges, key, site.build(), os.urandom)


def _site(wiring: Wiring, key: rsa.RSAPrivateKey, port: int) -> WireSite:
    """What this node says of itself: one site with one server."""
    settings = wiring.settings
    both = ADMIN | QUERY
    udp = both if settings.handle_udp_administration else QUERY
    # A port that is taken as it comes is nothing to announce.
    http = (WireInterface(both, Transport.HTTP, settings.port),) if settings.port else ()
    return WireSite(
        serial=SITE_SERIAL,
        attributes=(("desc", f"Biaoshi {settings.secondary_prefix}"),),
        servers=(
            WireServer(
                1,
                _address(settings.handle_address or settings.host),
                public_key(key).build(),
                (
                    WireInterface(both, Transport.TCP, port),
                    WireInterface(udp, Transport.UDP, port),
                    *http,
                ),
            ),
        ),
    )


def _address(text: str) -> bytes:
    """In 16 octets; loopback where the node listens on all addresses and was told none."""
    address = ipaddress.ip_address("127.0.0.1")
    with suppress(ValueError):
        address = ipaddress.ip_address(text)
    if address.is_unspecified:
        address = ipaddress.ip_address("127.0.0.1")
    return address.packed.rjust(16, b"\0")


@asynccontextmanager
async def _tidied(handshakes: Handshakes) -> AsyncIterator[None]:
    """Throw away what has expired, once a minute while the context lasts."""

    async def tidy() -> None:
        while True:
            await asyncio.sleep(TIDY_SECONDS)
            try:
                await handshakes.forget()
            except (asyncpg.PostgresError, *DATABASE_AWAY) as error:
                log.warning("tidying-failed", surface=NAME, error=type(error).__name__)

    async with _beside(tidy):
        yield


@asynccontextmanager
async def _beside(work: Work) -> AsyncIterator[None]:
    """Run work while the context lasts; what ends it ends the context too."""
    try:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(work())
            try:
                yield
            finally:
                task.cancel()
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
