"""One listening address that can go down and come up again at the same port."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

MAX_BODY = 1024 * 1024  # bytes
LAST_ANSWERS = 0.5  # seconds that requests under way have when the listener goes down


class Listener:
    """Owns a runner while up. A new application is made for each time it comes up."""

    def __init__(self, make: Callable[[], web.Application], host: str, port: int) -> None:
        self._make = make
        self._host = host
        self._port = port
        self._runner: web.AppRunner | None = None

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104
        return f"http://[{host}]:{self._port}" if ":" in host else f"http://{host}:{self._port}"

    @property
    def is_up(self) -> bool:
        return self._runner is not None

    async def up(self) -> None:
        """OSError when the port is taken; a free port taken the first time is kept from then on."""
        if self._runner is not None:
            return
        runner = web.AppRunner(self._make(), access_log=None, shutdown_timeout=LAST_ANSWERS)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except OSError:
            await runner.cleanup()
            raise
        self._port = runner.addresses[0][1]
        self._runner = runner

    async def down(self) -> None:
        """Close the port and every connection."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
