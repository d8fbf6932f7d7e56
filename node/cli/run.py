"""`biaoshi run`: the whole node on this machine, with its tour."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter
from cyclopts.validators import Number
from rich.console import Console

from node.cli import showing
from node.cli.option import flag
from node.cli.terminal import complain, console
from node.demo.cast import LABEL, Cast
from node.demo.demonstration import Demonstration
from node.demo.tour import Step, Tour
from node.run import Ports, Running
from node.run import run as run_node
from registry.access.actor import Role
from registry.access.actor import console as at_console
from registry.access.key import KeyWish
from registry.errors import BiaoshiError

Port = Annotated[int, Parameter(validator=Number(gte=0, lte=65535))]


def add_to(app: App) -> None:
    app.command(run)


def run(
    *,
    data: Annotated[Path, Parameter(help="Folder for everything that is kept.")] = Path(".data"),
    port: Annotated[Port, Parameter(help="HTTP port of the node; 0 takes a free one.")] = 8000,
    national_port: Annotated[
        Port, Parameter(help="Port of the sandbox national node; 0 takes a free one.")
    ] = 8001,
    management_port: Annotated[
        Port, Parameter(help="Port for the sandbox's faults and reviews; 0 takes a free one.")
    ] = 8002,
    foreign_port: Annotated[
        Port, Parameter(help="Port of another city's node; 0 takes a free one.")
    ] = 8003,
    handle_port: Annotated[
        Port, Parameter(help="Port of the Handle protocol, TCP and UDP; 0 takes a free one.")
    ] = 2641,
    once: Annotated[
        bool,
        flag(
            "Take the tour, stop, and exit 0 if all went well.",
        ),
    ] = False,
    review_seconds: Annotated[
        float,
        Parameter(
            validator=Number(gte=0, lte=3600),
            help="How long the sandbox national node reviews a prefix.",
        ),
    ] = 0.8,
) -> int:
    """Run a node with everything it needs, and show on real data what it does.

    PostgreSQL, a sandbox national node and the node start on this machine; nothing else need be
    installed. A short tour follows, then the node serves until Ctrl-C. All data are kept in the
    data folder, and running again goes on with them.
    """
    folder = data.absolute()
    guide = Guide(console(), review_seconds=review_seconds, once=once, started=time.monotonic())
    ports = Ports(
        node=port,
        national=national_port,
        management=management_port,
        foreign=foreign_port,
        handle=handle_port,
    )
    finished = run_node(folder, ports, review_seconds, guide.show)
    guide.say_stopped(interrupted=not finished)
    return 0 if finished or not once else 1


class Guide:
    """Shows a running node on the terminal."""

    def __init__(self, out: Console, *, review_seconds: float, once: bool, started: float) -> None:
        self._out = out
        self._review_seconds = review_seconds
        self._once = once
        self._started = started

    async def show(self, running: Running) -> None:
        """The tour, then (unless it is for once) the addresses, until cancelled."""
        up = time.monotonic() - self._started
        self._out.print(showing.greeting(running.url, up))
        cast = Cast(_demonstration(running), lambda demo: demo.save(running.folder))
        cast.learn()  # the addresses may have changed, however far the tour comes
        await self._let_operator_in(cast, running)
        try:
            await self._walk(cast, running.folder)
        except BiaoshiError as error:
            if self._once:
                raise
            complain(f"the tour ended early: {error.detail}")
        if self._once:
            self._out.print(showing.kept(running.folder))
            return
        showing.addresses(self._out, cast.demo, running.folder)
        await asyncio.Event().wait()

    async def _let_operator_in(self, cast: Cast, running: Running) -> None:
        """The first operator's key has nobody to ask for it, so it is made at the console."""
        if not await cast.holds(cast.demo.operator_key):
            wish = KeyWish(role=Role.OPERATOR, label=LABEL)
            made = await running.node.wiring.keyring.create(at_console(), wish)
            cast.learn(operator_key=made.secret)

    async def _walk(self, cast: Cast, folder: Path) -> None:
        tour = Tour(cast, self._review_seconds, folder)
        steps: list[Step] = []
        try:
            with self._out.status("演示进行中 Taking the tour"):
                async for step in tour.steps():
                    steps.append(step)
        finally:
            if steps:
                self._out.print(showing.steps_taken(steps))
        self._out.print(showing.product(tour.local))
        self._out.print(showing.product(tour.foreign))

    def say_stopped(self, *, interrupted: bool) -> None:
        if interrupted:
            self._out.print(showing.STOPPED)


def _demonstration(running: Running) -> Demonstration:
    """What is known of the demonstration, with the addresses of now."""
    known = Demonstration.load(running.folder) or Demonstration(base_url=running.url)
    return msgspec.structs.replace(
        known,
        base_url=running.url,
        national_node_url=running.sandbox.url,
        management_url=running.sandbox.management_url,
        foreign_url=running.sandbox.foreign_url,
        foreign_example=running.sandbox.foreign_example,
    )
