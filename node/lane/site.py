"""A listening socket whose connections are lanes."""

from __future__ import annotations

import asyncio
import socket

from aiohttp import web

from node.lane.desk import Desk
from node.lane.intake import Intake
from node.lane.protocol import lanes
from node.wiring import Wiring

LANE = web.AppKey("lane", Desk)


class LaneSite(web.SockSite):
    """Hands what the lane does not answer to the runner's application."""

    __slots__ = ("_desk",)

    def __init__(
        self, runner: web.AppRunner, sock: socket.socket, desk: Desk, backlog: int
    ) -> None:
        super().__init__(runner, sock, backlog=backlog)
        self._desk = desk

    async def start(self) -> None:
        await web.BaseSite.start(self)
        server = self._runner.server
        assert server is not None  # the runner was set up before its sites
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lanes(self._desk, server), sock=self._sock, backlog=self._backlog
        )


def desk_of(wiring: Wiring) -> Desk:
    intake = Intake(
        wiring.keyring,
        wiring.singles,
        wiring.clients,
        wiring.throttle,
        wiring.instruments,
        wiring.now,
        failures=wiring.settings.failures_per_minute,
    )
    return Desk(
        wiring.records,
        wiring.clients,
        wiring.instruments,
        wiring.recorder,
        intake,
        case_sensitive=wiring.form.case_sensitive,
    )
