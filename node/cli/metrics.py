"""`biaoshi metrics`: the numbers of a year, for operators and the bureau."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter
from rich.table import Table

from metrics.journal.journal import digest_of
from metrics.year.book import YearBook
from metrics.year.numbers import YearNumbers
from node.cli.access import USUAL, Access, Json
from node.cli.console import at_node
from node.cli.option import flag
from node.cli.terminal import console, facts, print_json, table
from node.recorder import journal_keys
from registry.sealing import SealingKey

METHODS = {
    "single": "单个",
    "batch": "批量",
    "stream": "流式",
    "block": "号段",
    "upload": "文件上传",
}


def add_to(app: App) -> None:
    app.command(metrics)


async def metrics(
    year: Annotated[int, Parameter(help="The calendar year, in Beijing time.")],
    /,
    *,
    look_through: Annotated[
        bool, flag("Look through all identifiers: which were resolved, which are rows of numbers.")
    ] = False,
    config: Annotated[
        Path | None,
        Parameter(
            help="Settings of a node: read directly in its database, however many there are."
        ),
    ] = None,
    access: Access = USUAL,
    json: Json = False,
) -> None:
    """Show a year's numbers, from the days that are closed.

    With the exclusions between received and counted, and what a person should look at. Years of
    many millions of identifiers are looked through with --config, on the node's own machine.
    """
    if config is not None:
        told = msgspec.to_builtins(await _at_console(config, year, look_through))
    else:
        async with access.as_("operator") as client:
            told = await client.get(f"/v1/metrics/{year}", look_through=str(look_through).lower())
    if json:
        return print_json(told)
    return _print(msgspec.convert(told, YearNumbers))


async def _at_console(config: Path, year: int, look_through: bool) -> YearNumbers:
    async with at_node(config) as (settings, database):
        sealing = SealingKey.load(Path(settings.sealing_key_file))
        keys = await journal_keys(database, sealing)
        book = YearBook(database, partial(digest_of, keys.identifiers))
        return await book.numbers(year, look_through=look_through)


def _print(told: YearNumbers) -> None:
    out = console()
    if told.through is None:
        return out.print(f"{told.year} 年还没有已结账的日子。No day of {told.year} is closed yet.")
    state = "全年 the whole year" if told.complete else f"至 through {told.through}"
    out.print(f"{told.year} 年，{state}\n")
    out.print(_registrations(told))
    out.print()
    out.print(_chain(told))
    out.print()
    if told.enterprises:
        out.print(_enterprises(told))
        out.print()
    for one in told.flags:
        out.print(f"! {one.text}")
    rules = told.rules
    return out.print(
        f"{'' if not told.flags else chr(10)}口径 rules: {rules.definitions}；"
        f"重复窗口 {rules.window_seconds} 秒；爬虫名单 {rules.robots}，"
        f"SHA-256 {rules.robots_sha256[:16]}…；{rules.time_zone}"
    )


def _registrations(told: YearNumbers) -> Table:
    found = told.registrations
    methods = "，".join(
        f"{METHODS.get(name, name)} {number:,}" for name, number in found.by_method.items()
    )
    resolved = "未查 not looked through" if found.resolved is None else f"{found.resolved:,}"
    return facts(
        [
            ("新增标识注册量 new registrations", f"{found.gross:,}"),
            ("其中年内已注销 of these deleted", f"{found.deleted:,}"),
            ("净增 net", f"{found.net:,}"),
            ("不含关联方 without related parties", f"{found.unrelated:,}"),
            ("新增中年内至少被解析一次 new and resolved at least once", resolved),
            ("按方式 by method", methods),
            ("迁入（不计入新增）imported", f"{found.imported:,}"),
            ("恢复（不计入新增）revived", f"{found.revived:,}"),
            ("标识注册总量 all live identifiers", f"{found.total:,}"),
        ]
    )


def _chain(told: YearNumbers) -> Table:
    found = told.resolutions
    shown = table("解析 Resolutions", "")
    shown.columns[1].justify = "right"
    shown.add_row("收到的请求 received", f"{found.received:,}")
    for link in found.chain:
        if link.requests:
            shown.add_row(f"− {link.title} {link.reason}", f"{link.requests:,}")
    shown.add_row("= 计入解析量 counted", f"{found.counted:,}", style="bold")
    shown.add_row("日均解析量 daily mean", f"{Decimal(found.daily_mean):,}")
    shown.add_row("不含关联方 without related parties", f"{found.unrelated:,}")
    shown.add_row("外部成功响应量 external, found and answered", f"{found.answered:,}")
    shown.add_row("有解析计入的不同标识 different identifiers", f"{found.identifiers:,}")
    return shown


def _enterprises(told: YearNumbers) -> Table:
    shown = table("企业 Enterprise", "行业 Industry", "新增 New", "计入解析 Counted", "")
    for column in shown.columns[2:4]:
        column.justify = "right"
    for share in told.enterprises[:20]:
        related = "关联方 related" if share.related else ""
        shown.add_row(
            share.name, share.industry, f"{share.created:,}", f"{share.counted:,}", related
        )
    if len(told.enterprises) > 20:
        shown.add_row(f"另有 and {len(told.enterprises) - 20} 家")
    return shown
