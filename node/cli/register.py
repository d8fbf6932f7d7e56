"""`biaoshi register`: registrations from a file."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from node.cli.access import USUAL, Access
from node.cli.client import NodeClient
from node.cli.option import flag
from node.cli.terminal import console, table
from node.cli.upload.line import InvalidFile, Source
from node.cli.upload.ndjson import Ndjson
from node.cli.upload.refusals import Refusals
from node.cli.upload.sending import Sending
from node.cli.upload.table import Table
from node.cli.upload.trial import Trial
from registry.errors import InvalidInput
from registry.prefix.prefix import PrefixState

OUTCOMES = {
    "created": "新增 created",
    "imported": "导入 imported",
    "unchanged": "内容一致 unchanged",
    "revived": "恢复 revived",
    "amended": "变更 amended",
    "withdrawn": "撤销 withdrawn",
    "fit": "校验通过 fit to be sent",
    "refused": "被拒 refused",
}


def add_to(app: App) -> None:
    app.command(register)


async def register(
    file: Annotated[Path, Parameter(help="A .csv with a header, or an .ndjson.")],
    /,
    *,
    prefix: Annotated[
        str | None,
        Parameter(help="Put before suffixes. Default: the enterprise's own, if it has just one."),
    ] = None,
    dry_run: Annotated[
        bool,
        flag(
            "Check the file by this node's rules, send nothing.",
        ),
    ] = False,
    access: Access = USUAL,
) -> int:
    """Register the identifiers of a file.

    CSV, in UTF-8 or GB 18030: the column 标识后缀 or suffix (else the first one) is the suffix,
    标识 or handle the whole identifier; 详情网址 or url becomes the value of type URL at index 1;
    any other column becomes a value of that type, from index 2000 up. NDJSON: each line is
    {"handle": "…", "values": […]}.

    Sending a file again is safe: what is there with the same content stays unchanged. Refused
    lines are written to FILE.refused.csv, and the exit status is then 1.
    """
    out = console()
    source = await open_source(file, prefix, access)
    total = sum(1 for _ in source.lines())  # the whole form is checked before anything is sent
    started = time.monotonic()
    with Refusals(file) as refusals, progress(out, total) as told:
        if dry_run:
            trial = Trial(refusals, told)
            trial.run(source)
            totals = trial.totals
        else:
            async with access.as_("enterprise") as client:
                totals = await _send(client, source, refusals, told)
    summarise(out, totals, time.monotonic() - started)
    if refusals.count:
        out.print(f"被拒的行见 Refused lines: {refusals.file}", soft_wrap=True)
    return 1 if refusals.count else 0


async def open_source(file: Path, prefix: str | None, access: Access) -> Source:
    kind = file.suffix.lower()
    if kind in (".ndjson", ".jsonl"):
        return Ndjson(file)
    if kind != ".csv":
        raise InvalidFile(file, "file-kind", "a file of registrations is named .csv or .ndjson")
    read = Table(file, prefix)
    if read.needs_prefix:
        async with access.as_("enterprise") as client:
            read.prefix = await own_prefix(client)
    return read


async def own_prefix(client: NodeClient) -> str:
    """The enterprise's prefix, if it has just one that is active."""
    found = await client.get("/v1/prefixes", state=int(PrefixState.ACTIVE))
    texts = [one["prefix"] for one in found["items"]]
    if len(texts) == 1:
        return str(texts[0])
    held = f"there are {', '.join(texts)}" if texts else "this enterprise has none that is active"
    raise InvalidInput(f"say with --prefix where the suffixes belong: {held}", field="prefix")


async def _send(
    client: NodeClient, source: Source, refusals: Refusals, told: Callable[[int], None]
) -> Counter[str]:
    sending = Sending(client, refusals, told)
    await sending.send(source)
    return sending.totals


@contextmanager
def progress(out: Console, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, nothing elsewhere; yields what tells it of lines done."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as bar:
        task = bar.add_task("", total=total)
        yield lambda done: bar.advance(task, done)


def summarise(out: Console, totals: Counter[str], seconds: float) -> None:
    shown = table("结果 Outcome", "数量 Number")
    shown.columns[1].justify = "right"
    for outcome, name in OUTCOMES.items():
        if outcome in totals:
            shown.add_row(name, f"{totals[outcome]:,}")
    out.print(shown)
    lines = sum(totals.values())
    rate = f", {lines / seconds:,.0f}/s" if seconds > 0.5 else ""
    out.print(f"共 {lines:,} 行，用时 {seconds:.1f} s。{lines:,} lines in {seconds:.1f} s{rate}.")
