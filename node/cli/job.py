"""`biaoshi block`, `biaoshi upload` and `biaoshi job`: long work that the node does by itself."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import stamina
from cyclopts import App, Parameter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from node.cli.access import USUAL, Access, Json
from node.cli.client import NodeClient, NodeUnreachable
from node.cli.option import flag, repeated
from node.cli.register import own_prefix
from node.cli.terminal import console, facts, moment, print_json, table
from registry.errors import InvalidInput
from registry.job.job import JobState

FAILED = 1
LOOK = 0.5  # seconds between two looks at a job
ATTEMPTS, PATIENCE = 10, 120.0  # of a node that is away, seconds

STATES = {
    JobState.QUEUED: "等待 queued",
    JobState.RUNNING: "进行中 running",
    JobState.DONE: "完成 done",
    JobState.FAILED: "失败 failed",
    JobState.CANCELLED: "已取消 cancelled",
}
KINDS = {"block": "号段 block", "upload": "文件 upload"}

Number = Annotated[int, Parameter(help="The job's number.")]
Prefix = Annotated[str | None, Parameter(help="Default: the enterprise's own, if it has just one.")]
Detach = Annotated[bool, flag("Do not wait for the job to end.")]
Template = Annotated[str | None, Parameter(help="The version of a data template of the prefix.")]
Revive = Annotated[bool, flag("Bring withdrawn identifiers back.")]


def add_to(app: App) -> None:
    app.command(block)
    app.command(upload)
    group = App(name="job", help="Blocks and uploads: how far they are.")
    for command in (list_, show, watch, cancel, verdicts):
        group.command(command, name=command.__name__.rstrip("_"))
    app.command(group)


async def block(
    pattern: Annotated[str, Parameter(help="Such as SN-{serial:08d}.")],
    count: Annotated[int, Parameter(help="How many serials.")],
    /,
    *,
    prefix: Prefix = None,
    start: Annotated[int | None, Parameter(help="Default: the next serial that is free.")] = None,
    value: Annotated[tuple[str, ...], repeated("A value of all of them, as INDEX:TYPE=TEXT.")] = (),
    template: Template = None,
    attribute: Annotated[tuple[str, ...], repeated("An attribute, as IDTYPE=TEXT.")] = (),
    revive: Revive = False,
    detach: Detach = False,
    access: Access = USUAL,
    json: Json = False,
) -> int:
    """Register a block of serial numbers.

    The node does the work by itself, whatever becomes of this command; a block may be asked for
    again, what is there with the same content stays unchanged.
    """
    wish: dict[str, Any] = {
        "pattern": pattern,
        "count": count,
        "start": start,
        "values": [_value(text) for text in value],
        "revive": revive,
    }
    if template is not None or attribute:
        wish |= {"template": template, "attributes": dict(map(_attribute, attribute))}
    async with access.as_("enterprise") as client:
        path = f"/v1/prefixes/{prefix or await own_prefix(client)}/blocks"
        once = secrets.token_hex(16)
        job = await _insistently(lambda: client.call("POST", path, wish, once=once))
        return await _follow(client, job, detach=detach, json=json)


async def upload(
    file: Annotated[Path, Parameter(help="A .csv or .xlsx whose first row names the columns.")],
    /,
    *,
    prefix: Prefix = None,
    column: Annotated[
        tuple[str, ...],
        repeated(
            "What a column is, as NAME=suffix, NAME=handle, NAME=INDEX:TYPE, NAME=@IDTYPE for an "
            "attribute of the template. As soon as one is said, the others become nothing."
        ),
    ] = (),
    template: Template = None,
    sheet: Annotated[str | None, Parameter(help="Of a workbook. Default: the first.")] = None,
    revive: Revive = False,
    detach: Detach = False,
    access: Access = USUAL,
    json: Json = False,
) -> int:
    """Send a file of registrations to the node, which works through it by itself.

    CSV in UTF-8 or GB 18030, or XLSX. Columns are taken as `biaoshi register` takes them, unless
    --column says what they are. Afterwards `biaoshi job verdicts` has every row's verdict.
    """
    options: dict[str, Any] = {"template": template, "sheet": sheet, "revive": revive}
    if column:
        options["columns"] = dict(map(_column, column))
    async with access.as_("enterprise") as client:
        path = f"/v1/prefixes/{prefix or await own_prefix(client)}/uploads"
        once = secrets.token_hex(16)
        job = await _insistently(lambda: client.send_file(path, file, options, once=once))
        return await _follow(client, job, detach=detach, json=json)


async def list_(
    *,
    state: Annotated[JobState | None, Parameter(help="Only those in this state.")] = None,
    access: Access = USUAL,
    json: Json = False,
) -> None:
    """List jobs, the newest first."""
    query = {} if state is None else {"state": str(state)}
    async with access.as_("enterprise") as client:
        found = (await client.get("/v1/jobs", **query))["items"]
    if json:
        return print_json(found)
    shown = table("编号 Job", "类型 Kind", "内容 Name", "状态 State", "进度 Done", "时间 Requested")
    for job in found:
        shown.add_row(
            str(job["job_id"]),
            KINDS.get(job["kind"], job["kind"]),
            job["name"],
            STATES.get(job["state"], job["state"]),
            f"{job['done']:,} / {job['total']:,}",
            moment(job["requested_at"]),
        )
    console().print(shown)
    return None


async def show(number: Number, /, *, access: Access = USUAL, json: Json = False) -> None:
    """Show how far a job is."""
    async with access.as_("enterprise") as client:
        job = await client.get(f"/v1/jobs/{number}")
    print_json(job) if json else _summarise(console(), job)


async def watch(number: Number, /, *, access: Access = USUAL, json: Json = False) -> int:
    """Wait for a job to end."""
    async with access.as_("enterprise") as client:
        job = await client.get(f"/v1/jobs/{number}")
        return await _follow(client, job, detach=False, json=json)


async def cancel(number: Number, /, *, access: Access = USUAL) -> None:
    """Cancel a job. What it registered stays."""
    async with access.as_("enterprise") as client:
        _summarise(console(), await client.post(f"/v1/jobs/{number}/cancel"))


async def verdicts(
    number: Number,
    file: Annotated[Path | None, Parameter(help="Default: job-<number>.verdicts.csv")] = None,
    /,
    *,
    access: Access = USUAL,
) -> None:
    """Download what became of every line of a job, as CSV."""
    target = file or Path(f"job-{number}.verdicts.csv")
    async with access.as_("enterprise") as client:
        await client.download(f"/v1/jobs/{number}/verdicts.csv", target)
    console().print(f"结果已写入 Written to {target}", soft_wrap=True)


async def _follow(client: NodeClient, job: dict[str, Any], *, detach: bool, json: bool) -> int:
    """Wait for a job, unless nobody wants to, and tell what came of it; the exit status."""
    out = console()
    number = job["job_id"]
    if not json:
        out.print(
            f"任务 {number} 已受理，即使本命令结束也会继续。Job {number} is the node's now, and "
            f"goes on without this command: biaoshi job watch {number}",
            soft_wrap=True,
        )
    if not detach:
        with _progress(out, hidden=json) as tell:
            while not JobState(job["state"]).final:
                await asyncio.sleep(LOOK)
                job = await _insistently(lambda: client.get(f"/v1/jobs/{number}"))
                tell(job)
    print_json(job) if json else _summarise(out, job)
    fine = job["state"] in (JobState.DONE, JobState.QUEUED, JobState.RUNNING)
    return 0 if fine and not job["refused"] else FAILED


async def _insistently(ask: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """Ask again while the node is away: it may just be starting anew."""
    async for attempt in stamina.retry_context(
        on=NodeUnreachable, attempts=ATTEMPTS, timeout=PATIENCE, wait_initial=0.2, wait_max=15
    ):
        with attempt:
            return await ask()
    raise AssertionError("unreachable: the last attempt returns or raises")


@contextmanager
def _progress(out: Console, *, hidden: bool) -> Iterator[Callable[[dict[str, Any]], None]]:
    """A bar on a terminal, nothing elsewhere; yields what tells it how the job is."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    silent = hidden or not out.is_terminal
    with Progress(*columns, console=out, transient=True, disable=silent) as bar:
        task = bar.add_task("", total=None)
        yield lambda job: bar.update(task, completed=job["done"], total=job["total"] or None)


def _summarise(out: Console, job: dict[str, Any]) -> None:
    error = job["error"]
    out.print(
        facts(
            (
                ("编号 Job", job["job_id"]),
                ("类型 Kind", KINDS.get(job["kind"], job["kind"])),
                ("内容 Name", job["name"]),
                ("状态 State", STATES.get(job["state"], job["state"])),
                ("原因 Reason", error["detail"] if error else None),
                ("进度 Done", f"{job['done']:,} / {job['total']:,}"),
                ("新增 created", f"{job['created']:,}"),
                ("内容一致 unchanged", f"{job['unchanged']:,}" if job["unchanged"] else None),
                ("恢复 revived", f"{job['revived']:,}" if job["revived"] else None),
                ("被拒 refused", f"{job['refused']:,}" if job["refused"] else None),
            )
        )
    )


def _value(text: str) -> dict[str, Any]:
    index, colon, rest = text.partition(":")
    kind, sign, data = rest.partition("=")
    if not (colon and sign and index.isdecimal()):
        raise InvalidInput(f"{text} is no value, such as 1:URL=https://…", field="value")
    return {"index": int(index), "type": kind, "data": data}


def _attribute(text: str) -> tuple[str, str]:
    name, sign, data = text.partition("=")
    if not sign:
        raise InvalidInput(f"{text} is no attribute, such as COLOUR=白", field="attribute")
    return name, data


def _column(text: str) -> tuple[str, dict[str, Any]]:
    name, sign, meaning = text.rpartition("=")
    index, colon, kind = meaning.partition(":")
    if sign and meaning in ("suffix", "handle", "ignored"):
        return name, {"role": meaning}
    if sign and meaning.startswith("@"):
        return name, {"role": "attribute", "attribute": meaning[1:]}
    if sign and colon and index.isdecimal():
        return name, {"role": "value", "index": int(index), "type": kind}
    raise InvalidInput(
        f"{text} says not what a column is: NAME=suffix, NAME=1:URL, NAME=@COLOUR", field="column"
    )
