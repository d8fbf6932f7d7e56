"""Differences between sums and what they are sums of, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from metrics.closing.acceptance.difference import Difference, Subject
from node.cli.terminal import table

TITLES = {
    Subject.REQUESTS: "解析请求 requests",
    Subject.LIVE: "有效标识 live identifiers",
    Subject.NEW: "当日新标识 new identifiers",
    Subject.EVER: "历史标识总数 identifiers ever",
}


def difference_table(differences: Sequence[Difference]) -> Table:
    shown = table("项目 What", "前缀 Prefix", "应有 Stated", "实有 There", "差 Difference")
    for one in differences:
        change = one.there - one.stated
        shown.add_row(
            TITLES[one.subject], one.prefix, f"{one.stated:,}", f"{one.there:,}", f"{change:+,}"
        )
    for column in shown.columns[2:]:
        column.justify = "right"
    return shown
