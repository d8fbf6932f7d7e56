"""The listening sockets of a node's processes, which all belong to the supervisor.

Every worker has one of the doors; the kernel divides the port's connections between them, by the
client's address and port. A door stays open while its worker is away: connections wait there, for
its successor or for a worker that covers for it.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass

from node.http.entrance import CannotListen, base_url, listener, probe
from node.settings import Settings, station_of
from node.wire.entrance import WireDoor, wire_door

# Children whose supervisor was killed close their doors when they notice, which is at once unless
# they are busy. Whoever starts meanwhile waits for that.
ORPHANS_SECONDS = 5.0
LOOK = 0.1  # seconds


@dataclass(frozen=True)
class Doors:
    http: tuple[socket.socket, ...]  # one for each worker
    wire: tuple[WireDoor, ...]  # one for each worker, where the Handle protocol is served
    metrics: tuple[socket.socket, ...]  # the keeper's, then one for each worker
    url: str


@contextmanager
def open_doors(settings: Settings) -> Iterator[Doors]:
    """All sockets of all processes while the context lasts. Raises CannotListen."""
    with ExitStack() as stack:

        def opened(host: str, port: int, *, shared: bool = False) -> socket.socket:
            return stack.enter_context(listener(host, port, shared=shared))

        # Sockets that share a port would also share it with another node's: so it is tried first.
        port = _unused(settings.host, settings.port)
        for text in settings.dns_listen:
            _unused(*station_of(text))  # its sockets are the workers' own
        http = tuple(opened(settings.host, port, shared=True) for _ in range(settings.workers))
        wire = tuple(stack.enter_context(door) for door in _wire_doors(settings))
        ports = _metrics_ports(settings)
        metrics = tuple(opened(settings.metrics_host, _unused(*at)) for at in ports)
        yield Doors(http, wire, metrics, base_url(settings.host, port))


def _wire_doors(settings: Settings) -> Iterator[AbstractContextManager[WireDoor]]:
    if settings.handle_port is None:
        return
    port = _unused(settings.host, settings.handle_port)
    for _ in range(settings.workers):
        yield wire_door(settings.host, port, shared=True)


def _metrics_ports(settings: Settings) -> Iterator[tuple[str, int]]:
    for number in range(settings.workers + 1):
        port = settings.metrics_port and settings.metrics_port + number
        yield settings.metrics_host, port


def _unused(host: str, port: int) -> int:
    """The port, or for 0 a free one. Raises CannotListen where others listen there, and go on."""
    end = time.monotonic() + ORPHANS_SECONDS
    while True:
        try:
            with probe(host, port) as found:
                return found
        except CannotListen:
            if time.monotonic() > end:
                raise
            time.sleep(LOOK)
