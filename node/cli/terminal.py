"""Where the command line writes: results to standard output, one-line failures to the other."""

from __future__ import annotations

import io
import os
import sys

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

PIPED_COLUMNS = 110


def console() -> Console:
    """Standard output. Without a terminal there are no colours, and lines are rather long."""
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPED_COLUMNS
    return Console(highlight=False, width=width)


def table(*columns: str, title: str | None = None) -> Table:
    """An empty table as all of ours look."""
    made = Table(
        box=SIMPLE_HEAD,
        title=escape(title) if title else None,
        title_justify="left",
        title_style="bold",
        header_style="bold",
        pad_edge=False,
    )
    for column in columns:
        made.add_column(escape(column), overflow="fold")
    return made


def complain(sentence: str) -> None:
    """Say on standard error what went wrong, as one line whatever it holds."""
    print("biaoshi:", " ".join(sentence.split()), file=sys.stderr)


def stand_any_encoding() -> None:
    """A terminal that can't show a character gets a question mark, never a crash."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
