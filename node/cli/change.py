"""`biaoshi amend` and `biaoshi withdraw`: changes of the identifiers of a file."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from node.cli.access import USUAL, Access
from node.cli.option import flag
from node.cli.register import open_source, progress, summarise
from node.cli.terminal import console
from node.cli.upload.line import Line, Source
from node.cli.upload.refusals import Refusals
from node.cli.upload.sending import Sending

FileOfChanges = Annotated[Path, Parameter(help="A .csv with a header, or an .ndjson.")]
Prefix = Annotated[
    str | None,
    Parameter(help="Put before suffixes. Default: the enterprise's own, if it has just one."),
]
DryRun = Annotated[bool, flag("Let the node judge every line, change nothing.")]


def add_to(app: App) -> None:
    app.command(amend)
    app.command(withdraw)


async def amend(
    file: FileOfChanges,
    /,
    *,
    prefix: Prefix = None,
    dry_run: DryRun = False,
    access: Access = USUAL,
) -> int:
    """Change values of the identifiers of a file, by their index.

    NDJSON: each line is {"handle": "…", "values": […], "remove": [indexes]}. CSV: as for
    `biaoshi register`; the values of a row are set, others stay.

    Sending a file again is safe: what is so already stays unchanged. Refused lines are written to
    FILE.refused.csv, and the exit status is then 1.
    """
    source = await open_source(file, prefix, access)
    return await _send("/v1/amendments", file, source, dry_run, access)


async def withdraw(
    file: FileOfChanges,
    /,
    *,
    prefix: Prefix = None,
    dry_run: DryRun = False,
    access: Access = USUAL,
) -> int:
    """Withdraw the identifiers of a file. They no longer resolve, and stay taken.

    NDJSON: each line is {"handle": "…"}. CSV: as for `biaoshi register`, where the suffix or
    handle is all that counts.

    Sending a file again is safe: what was withdrawn before stays unchanged. Refused lines are
    written to FILE.refused.csv, and the exit status is then 1.
    """
    source = Handles(await open_source(file, prefix, access))
    return await _send("/v1/withdrawals", file, source, dry_run, access)


@dataclass(frozen=True, slots=True)
class Handles:
    """The identifiers of a file, and nothing else that stands there."""

    source: Source

    def lines(self) -> Iterator[Line]:
        for line in self.source.lines():
            yield Line(line.number, {"handle": line.handle})


async def _send(path: str, file: Path, source: Source, dry_run: bool, access: Access) -> int:
    out = console()
    total = sum(1 for _ in source.lines())  # the whole form is checked before anything is sent
    started = time.monotonic()
    with Refusals(file) as refusals, progress(out, total) as told:
        async with access.as_("enterprise") as client:
            asked = f"{path}?dry_run=true" if dry_run else path
            sending = Sending(client, refusals, told, path=asked, in_flight=1)
            await sending.send(source)
    if dry_run:
        out.print("试运行，未作任何变更。Dry run: nothing was changed.")
    summarise(out, sending.totals, time.monotonic() - started)
    if refusals.count:
        out.print(f"被拒的行见 Refused lines: {refusals.file}", soft_wrap=True)
    return 1 if refusals.count else 0
