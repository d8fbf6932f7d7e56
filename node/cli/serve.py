"""`biaoshi serve`: a node on real servers."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import uvloop
from cyclopts import App, Parameter
from cyclopts.validators import Number
from msgspec.structs import replace

from node.serve import log_as_json
from node.serve import serve as serve_node
from node.settings import Settings, load
from node.supervision.command import supervise

Config = Annotated[
    Path | None,
    Parameter(help="TOML file with settings; BIAOSHI_… in the environment goes before it."),
]


def add_to(app: App) -> None:
    app.command(serve)


def serve(
    *,
    config: Config = None,
    workers: Annotated[
        int | None,
        Parameter(
            validator=Number(gte=0, lte=64),
            help="Processes that answer, with a keeper beside them; 0: one process does all.",
        ),
    ] = None,
) -> None:
    """Serve until SIGINT or SIGTERM, with PostgreSQL and Redis by URL.

    `biaoshi settings` lists the settings; `biaoshi migrate` prepares the database first. The log
    goes to standard error as JSON lines. With workers, SIGHUP replaces one process after the other,
    with the settings of then.
    """

    def read() -> Settings:
        settings = load(config, os.environ)
        return settings if workers is None else replace(settings, workers=workers)

    settings = read()
    log_as_json(settings.log_level)
    try:
        uvloop.run(supervise(settings, read) if settings.workers else serve_node(settings))
    except asyncio.CancelledError:
        return  # a signal asked for it, and everything was closed in order
