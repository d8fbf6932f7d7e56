"""`biaoshi version`."""

from __future__ import annotations

import platform

from cyclopts import App

from node.version import VERSION


def add_to(app: App) -> None:
    app.command(version)


def version() -> None:
    """Print the version of the program and of Python."""
    print(f"biaoshi {VERSION} (Python {platform.python_version()})")
