"""The command `biaoshi`."""

from __future__ import annotations


def main() -> None:
    """Run the command line and exit with its status."""
    # Imported here, because the demonstration uses this package's client without its commands.
    from node.cli.program import execute

    raise SystemExit(execute())
