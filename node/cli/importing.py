"""`biaoshi import`: identifiers that were registered at another node."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from node.cli.access import USUAL, Access
from node.cli.client import NodeClient
from node.cli.option import flag
from node.cli.register import OUTCOMES, progress, summarise
from node.cli.terminal import console
from node.cli.upload.line import Line
from node.cli.upload.ndjson import Ndjson
from node.cli.upload.refusals import Refusals
from node.v1.stream import NDJSON
from registry.errors import Unavailable


class ImportBroken(Unavailable):
    kind = "import-broken"
    title = "The import stopped half-way"


def add_to(app: App) -> None:
    app.command(import_, name="import")


async def import_(
    file: Annotated[
        Path, Parameter(help="An .ndjson, as `biaoshi export --dates` of the other node writes it.")
    ],
    /,
    *,
    node: Annotated[
        str, Parameter(name="--from", help="The node they were registered at, such as 88.300.")
    ],
    dry_run: Annotated[bool, flag("Let this node judge every line, write nothing.")] = False,
    access: Access = USUAL,
) -> int:
    """Bring identifiers over from another node (operators).

    Each line is {"handle": "…", "values": […], "registered_at": "2024-05-06T07:08:09Z"}. They are
    counted as imported, never as new registrations, and keep their time. What exists here is left
    alone. Sending a file again is safe. Refused lines are written to FILE.refused.csv, and the exit
    status is then 1.
    """
    out = console()
    total = sum(1 for _ in Ndjson(file).lines())  # the whole form is checked before it is sent
    started = time.monotonic()
    async with access.as_("operator") as client:
        with Refusals(file) as refusals, progress(out, total) as told:
            query = {"from": node, "dry_run": str(dry_run).lower()}
            totals = await _send(client, file, query, refusals, told)
    if dry_run:
        out.print("试运行，未写入任何标识。Dry run: nothing was written.")
    summarise(out, totals, time.monotonic() - started)
    if refusals.count:
        out.print(f"被拒的行见 Refused lines: {refusals.file}", soft_wrap=True)
    return 1 if refusals.count else 0


async def _send(
    client: NodeClient, file: Path, query: dict[str, str], refusals: Refusals, told: Any
) -> Counter[str]:
    """What became of the lines. Raises ImportBroken where not all were judged."""
    done = 0
    async with aclosing(client.stream("/v1/imports", file, NDJSON, **query)) as verdicts:
        async for verdict in verdicts:
            problem = verdict.get("problem") or {}
            if verdict["type"] == "refused":
                line = Line(verdict["line"], {"handle": verdict["handle"]})
                refusals.add(line, problem.get("rule"), problem["detail"])
            elif verdict["type"] == "committed":
                told(verdict["line"] - done)
                done = verdict["line"]
            elif verdict["type"] == "summary":
                totals = verdict["totals"]
                return Counter({name: totals[name] for name in OUTCOMES if totals.get(name)})
            else:
                raise _broken(problem.get("detail") or problem.get("title", ""), done)
    raise _broken("its answer ends too early", done)


def _broken(why: str, done: int) -> ImportBroken:
    return ImportBroken(
        f"the node gave up after line {done}: {why}. Give the same command again: what was "
        "imported stays as it is"
    )
