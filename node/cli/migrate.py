"""`biaoshi migrate`: the database's schema, and for a new node its sealing key."""

from __future__ import annotations

import os

from cyclopts import App

from node import foundation
from node.cli.serve import Config
from node.cli.terminal import console
from node.settings import load


def add_to(app: App) -> None:
    app.command(migrate)


async def migrate(*, config: Config = None) -> None:
    """Bring the database up to date; safe to run again, and from several hosts at once.

    For a new database it also makes the sealing key, unless its file is there.
    """
    settings = load(config, os.environ)
    ran = await foundation.prepare(settings)
    out = console()
    for name in ran:
        out.print(f"已执行 ran {name}")
    if not ran:
        out.print("数据库已是最新。The database is up to date.")
