"""`biaoshi serve`: a node on real servers."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import uvloop
from cyclopts import App, Parameter

from node.serve import log_as_json
from node.serve import serve as serve_node
from node.settings import load

Config = Annotated[
    Path | None,
    Parameter(help="TOML file with settings; BIAOSHI_… in the environment goes before it."),
]


def add_to(app: App) -> None:
    app.command(serve)


def serve(*, config: Config = None) -> None:
    """Serve until SIGINT or SIGTERM, with PostgreSQL and Redis by URL.

    `biaoshi settings` lists the settings; `biaoshi migrate` prepares the database first. The log
    goes to standard error as JSON lines.
    """
    settings = load(config, os.environ)
    log_as_json(settings.log_level)
    try:
        uvloop.run(serve_node(settings))
    except asyncio.CancelledError:
        return  # a signal asked for it, and everything was closed in order
