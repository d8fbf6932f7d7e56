"""Where connections come in: the listening sockets of a process, opened and closed one by one."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from aiohttp import web

from node.http.server_log import server_log
from node.lane.site import LANE, LaneSite
from registry.errors import Unavailable

BACKLOG = 1024
KEEP_ALIVE = 75.0  # seconds


class CannotListen(Unavailable):
    kind = "cannot-listen"
    title = "The address cannot be listened on"


class Entrance:
    """Hands the connections of its sockets to one application. Made by `entrance`."""

    def __init__(self, runner: web.AppRunner) -> None:
        self._runner = runner
        self._sites: dict[int, web.SockSite] = {}

    async def open(self, listener: socket.socket) -> None:
        """Take connections from a socket as well, whoever else does. It stays the caller's."""
        site = self._site(listener.dup())
        await site.start()
        self._sites[listener.fileno()] = site

    def _site(self, listener: socket.socket) -> web.SockSite:
        desk = self._runner.app.get(LANE)
        if desk is None:
            return web.SockSite(self._runner, listener, backlog=BACKLOG)
        return LaneSite(self._runner, listener, desk, BACKLOG)

    async def close(self, listener: socket.socket) -> None:
        """Take no more of its connections; those that came stay."""
        site = self._sites.pop(listener.fileno(), None)
        if site is not None:
            await site.stop()

    async def close_all(self) -> None:
        for site in self._sites.values():
            await site.stop()
        self._sites.clear()


@asynccontextmanager
async def entrance(
    app: web.Application, *, drain_seconds: float, farewell_seconds: float = 0.0
) -> AsyncIterator[Entrance]:
    """The way into an application while the context lasts.

    At its end no more connections are taken. For `farewell_seconds` those that came go on, and
    every answer tells the client to open another one next time; then idle ones are closed, and
    requests under way get `drain_seconds` to end.
    """
    leaving = asyncio.Event()

    async def say_goodbye(_: web.Request, response: web.StreamResponse) -> None:
        if leaving.is_set():
            response.force_close()

    app.on_response_prepare.append(say_goodbye)
    runner = web.AppRunner(
        app,
        logger=server_log(),
        access_log=None,
        shutdown_timeout=drain_seconds,
        keepalive_timeout=KEEP_ALIVE,
    )
    await runner.setup()
    way_in = Entrance(runner)
    try:
        yield way_in
    finally:
        leaving.set()
        if LANE in app:
            app[LANE].close()
        await way_in.close_all()
        if farewell_seconds:
            await asyncio.sleep(farewell_seconds)
        await runner.cleanup()


def listener(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A listening socket; `::` takes IPv4 as well. Several that are `shared` divide the port's
    connections between them. Raises CannotListen."""
    try:
        return socket.create_server(
            (host, port),
            family=_family(host),
            backlog=BACKLOG,
            reuse_port=shared,
            dualstack_ipv6=host == "::" and socket.has_dualstack_ipv6(),
        )
    except OSError as error:
        raise cannot_listen(host, port, error) from None


def letterbox(host: str, port: int, *, octets: int, shared: bool = False) -> socket.socket:
    """A socket for datagrams, bound as a listener of the same port is; `octets` of them wait for
    the event loop. Raises CannotListen."""
    family = _family(host)
    made = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, octets)
        made.setblocking(False)
        made.bind((host, port))
    except OSError as error:
        made.close()
        raise cannot_listen(host, port, error) from None
    return made


@contextmanager
def probe(host: str, port: int) -> Iterator[int]:
    """Hold a port while the context lasts, without listening; for 0 some free one.
    Raises CannotListen."""
    with socket.socket(_family(host), socket.SOCK_STREAM) as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            held.bind((host, port))
        except OSError as error:
            raise cannot_listen(host, port, error) from None
        yield int(held.getsockname()[1])


def base_url(host: str, port: int) -> str:
    """The URL at which this machine reaches a listener."""
    local = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}  # noqa: S104
    return f"http://{local.get(host, f'[{host}]' if ':' in host else host)}:{port}"


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def cannot_listen(host: str, port: int, error: OSError) -> CannotListen:
    reason = os.strerror(error.errno or 0)
    return CannotListen(f"cannot listen on {host} port {port}: {reason}")
