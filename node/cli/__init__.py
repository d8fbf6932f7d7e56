"""The command `biaoshi`."""

from __future__ import annotations

INTERRUPTED = 130


def main() -> None:
    """Run the command line and exit with its status."""
    # Imported here, because the demonstration uses this package's client without its commands.
    try:
        from node.cli.program import execute

        status = execute()
    except KeyboardInterrupt:  # while the program was still being read
        status = INTERRUPTED
    raise SystemExit(status)
