"""`biaoshi close`: days that cannot be closed, at the node itself."""

from __future__ import annotations

from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from metrics.closing.acceptance import accepting, store
from node.cli.access import Json
from node.cli.console import at_node
from node.cli.difference import difference_table
from node.cli.recount import Day, day_of
from node.cli.serve import Config
from node.cli.terminal import console, print_json
from registry.access.actor import console as at_console


def add_to(app: App) -> None:
    group = App(name="close", help="Look after days that cannot be closed (operators).")
    for command in (alarms, accept):
        group.command(command)
    app.command(group)


async def alarms(*, config: Config = None, json: Json = False) -> int:
    """Show what keeps a day open. It ends with 1 where something does."""
    async with at_node(config) as (_, database), database.connection() as connection:
        found = await store.open_alarms(connection)
    if json:
        print_json(msgspec.to_builtins(found))
        return int(bool(found))
    for one in found:
        console().print(f"{one.day}")
        console().print(difference_table(one.differences))
    if not found:
        console().print("日结正常 Nothing keeps a day open.")
    return int(bool(found))


async def accept(
    day: Day,
    /,
    *,
    reason: Annotated[
        str, Parameter(help="Why, and what was found out; it is published with the difference.")
    ],
    config: Config = None,
) -> None:
    """Let a day be closed with the differences that `biaoshi close alarms` shows.

    First find out why they are there (`biaoshi recount DAY`). They and the reason stand in the
    day's statement in the certified log for good, and auditors are pointed at them. It holds for
    this day and these differences alone.
    """
    async with at_node(config) as (_, database):
        found = await accepting.accept(database, at_console(), day_of(day), reason)
    console().print(difference_table(found.differences))
    console().print(
        f"已接受 {found.day} 的上述差异，一分钟内结账，差异与理由写入当日声明。\n"
        "Accepted: the day is closed within a minute, and its statement says so."
    )
