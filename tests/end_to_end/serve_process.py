"""A node in a process of its own, as `biaoshi serve` runs it: settings from the environment."""

from __future__ import annotations

import asyncio
import contextlib
import os

from node.serve import log_as_json, serve
from node.settings import load

if __name__ == "__main__":
    settings = load(None, os.environ)
    log_as_json(settings.log_level)
    with contextlib.suppress(asyncio.CancelledError):  # by SIGTERM
        asyncio.run(serve(settings))
