"""`biaoshi journal`: the journal of resolutions, at the node itself."""

from __future__ import annotations

import csv
import sys
from typing import Annotated

from cyclopts import App, Parameter

from metrics.closing import store as closing
from metrics.closing.excerpt import COLUMNS, excerpt
from metrics.counting import store as counting
from metrics.counting.day import end_of, moment, start_of
from metrics.journal import store
from node.cli.access import Json
from node.cli.console import at_node
from node.cli.recount import Day, day_of
from node.cli.serve import Config
from node.cli.terminal import console, print_json, table

ME = "console"


def add_to(app: App) -> None:
    group = App(name="journal", help="Look into the journal of resolutions (operators).")
    for command in (status, export, release):
        group.command(command)
    app.command(group)


async def status(*, config: Config = None, json: Json = False) -> None:
    """Show the writers that are not done with, and how far counting has come."""
    async with at_node(config) as (_, database), database.connection() as connection:
        state = await counting.state(connection)
        writers = await store.unsettled(connection)
        size = await store.size(connection)
    if json:
        return print_json(
            {
                "open_day": state.open_day,
                "counted_until": moment(state.counted_until),
                "writers": writers,
                **size,
            }
        )
    shown = table(
        "写入者 Writer", "主机 Host", "进程 Process", "已入库 Shipped", "已计 Counted", ""
    )
    for one in writers:
        ended = "已结束 ended" if one["ended"] else ""
        numbers = (f"{one['shipped']:,}", f"{one['counted']:,}")
        shown.add_row(str(one["writer"]), one["host"], str(one["process"]), *numbers, ended)
    out = console()
    until = moment(state.counted_until).strftime("%Y-%m-%d %H:%M:%S")
    out.print(f"当前日 open day {state.open_day}, 已计至 counted until {until}")
    out.print(f"{size['records']:,} 条记录 records, {size['bytes']:,} 字节 bytes")
    return out.print(shown if writers else "没有写入者 No writers.")


async def export(
    day: Day,
    /,
    *,
    prefix: Annotated[str | None, Parameter(help="Only requests under this prefix.")] = None,
    source: Annotated[str | None, Parameter(help="Only requests from this address.")] = None,
    config: Config = None,
) -> None:
    """Write a day's records to standard output as CSV, in order of each process.

    Identifiers and clients stand there as hashes. Addresses may be persons': who gets the file is
    yours to answer for.
    """
    chosen = day_of(day)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    async with at_node(config) as (_, database), database.connection() as connection:
        async for row in excerpt(
            connection, start_of(chosen), end_of(chosen), prefix=prefix, source=source
        ):
            writer.writerow(row)


async def release(
    year: Annotated[int, Parameter(help="The year whose award was paid and audited.")],
    /,
    *,
    config: Config = None,
) -> None:
    """Let a year's journals go 180 days after they were written."""
    async with at_node(config) as (_, database):
        await database.transaction(lambda tx: closing.release(tx, year, ME))
    console().print(f"{year} 年的日志满 180 天后删除。Its journals go after 180 days.")
