"""`biaoshi recount`: a day's sums from its journal, or all identifiers, held against the ledger."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from metrics.closing.audit import Audit, audit
from metrics.closing.census import census
from metrics.closing.census.census import Census
from metrics.counting.reason import Reason
from metrics.year.numbers import TITLES
from node.cli.access import Json
from node.cli.console import at_node
from node.cli.difference import difference_table
from node.cli.option import flag
from node.cli.serve import Config
from node.cli.terminal import console, print_json, table
from registry.errors import InvalidInput

Day = Annotated[str, Parameter(help="The day, as 2026-12-31; the open day up to now.")]


def add_to(app: App) -> None:
    app.command(recount)


async def recount(
    day: Day | None = None,
    /,
    *,
    full: Annotated[bool, flag("Count all identifiers instead, whenever registered.")] = False,
    config: Config = None,
    json: Json = False,
) -> int:
    """Recount a day from its journal. It ends with 1 where the ledger says something else.

    With --full all identifiers are counted and held against the ledger, which reads the whole
    table; nobody has to wait for it. The close of a day looks at what that day touched.
    """
    if full == (day is not None):
        raise InvalidInput("name a day, or say --full", field="day", rule="one-of-two")
    async with at_node(config) as (_, database):
        if day is None:
            taken = await census.take(database)
            print_json(msgspec.to_builtins(taken)) if json else _print_census(taken)
            return int(bool(taken.differences))
        found = await audit(database, day_of(day))
    if json:
        print_json(_plain(found))
    else:
        _print(found)
    return 0 if found.sound else 1


def day_of(text: str) -> date:
    """Raises InvalidInput."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{text} is no day such as 2026-12-31", field="day") from None


def _print(found: Audit) -> None:
    shown = table("去向 What became of it", "账本 Ledger", "重算 Recount", "")
    for reason in Reason:
        ledger, again = found.ledger.get(reason, 0), found.recount.get(reason, 0)
        if ledger or again:
            title = TITLES.get(reason, "计入解析量")
            shown.add_row(
                f"{title} {reason.label}",
                f"{ledger:,}",
                f"{again:,}",
                "" if ledger == again else "不符 differs",
            )
    for column in shown.columns[1:3]:
        column.justify = "right"
    out = console()
    state = "已结账 closed" if found.closed else "未结账 open"
    out.print(f"{found.day}  {state}")
    if shown.rows:
        out.print(shown)
    else:
        out.print("没有解析请求 No requests.")
    if found.missing > 0:
        out.print(
            f"当日日志缺 {found.missing:,} 条，无从核对：已过保存期，或被删除 "
            f"{found.missing:,} records of this day's journal are here no more: their time of "
            "keeping is over, or somebody removed them."
        )
    elif found.journal is False:
        out.print("日志与结账时公布的哈希不符 The journal is not the one that was stated.")
    if found.missing <= 0 and (found.cells_differ or found.sources_differ):
        numbers = f"{found.cells_differ:,} / {found.sources_differ:,}"
        out.print(f"分项与来源不符 Cells and sources that differ: {numbers}")
    elif found.sound:
        out.print("账本与日志一致 The ledger is what the journal says.")


def _print_census(found: Census) -> None:
    out = console()
    until = "账本尚无已结账的日子 no day is closed yet"
    if found.through is not None:
        until = f"账本至 ledger through {found.through}"
    out.print(f"{found.rows:,} 个标识，{found.prefixes:,} 个前缀；{until}")
    if found.differences:
        out.print(difference_table(found.differences))
    else:
        out.print("账本与标识记录一致 The ledger is what the records say.")


def _plain(found: Audit) -> dict[str, object]:
    return {
        "day": found.day,
        "closed": found.closed,
        "ledger": {reason.label: number for reason, number in sorted(found.ledger.items())},
        "recount": {reason.label: number for reason, number in sorted(found.recount.items())},
        "cells_differ": found.cells_differ,
        "sources_differ": found.sources_differ,
        "journal": found.journal,
        "missing": found.missing,
        "sound": found.sound,
    }
