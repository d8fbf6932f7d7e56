"""Where the command line writes: results to standard output, one-line failures to the other."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable
from datetime import datetime

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPED_COLUMNS = 110


def console() -> Console:
    """Standard output, for text as it is: what enterprises wrote is never taken for markup.
    Without a terminal there are no colours, and lines are rather long."""
    width = None if sys.stdout.isatty() or os.environ.get("COLUMNS") else PIPED_COLUMNS
    return Console(highlight=False, markup=False, emoji=False, width=width)


def table(*columns: str, title: str | None = None) -> Table:
    """An empty table as all of ours look."""
    made = Table(
        box=SIMPLE_HEAD,
        title=title,
        title_justify="left",
        title_style="bold",
        header_style="bold",
        pad_edge=False,
        show_edge=False,
    )
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def complain(sentence: str) -> None:
    """Say on standard error what went wrong, as one line whatever it holds."""
    print("biaoshi:", " ".join(sentence.split()), file=sys.stderr)


def stand_any_encoding() -> None:
    """A terminal that can't show a character gets a question mark, never a crash."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def facts(pairs: Iterable[tuple[str, object]]) -> Table:
    """One thing, a line for each of its facts that is known."""
    made = Table(box=None, show_header=False, pad_edge=False)
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in pairs:
        if value is not None and value != "":
            made.add_row(Text(name), Text(str(value)))
    return made


def moment(text: str | None) -> str:
    """A time as people here read it: to the minute, in this machine's zone."""
    if not text:
        return ""
    return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M")


def print_json(value: object) -> None:
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
