"""Panels as these dashboards have them: one look, one data source."""

from __future__ import annotations

from string import ascii_uppercase

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    prometheus,
    stat,
    timeseries,
)
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BigValueColorMode,
    BigValueGraphMode,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import DataSourceRef, Threshold, ThresholdsMode

SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")

Query = tuple[str, str]  # expression, legend


def board(uid: str, title: str, about: str, since: str) -> dashboard.Dashboard:
    """An empty dashboard whose data source can be chosen."""
    return (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(about)
        .tags(["biaoshi", "标识解析"])
        .timezone("Asia/Shanghai")
        .refresh("30s")
        .time(since, "now")
        .readonly()
        .with_variable(
            dashboard.DatasourceVariable("source").label("数据源 Data source").type("prometheus")
        )
    )


def row(title: str) -> dashboard.Row:
    return dashboard.Row(title)


def graph(
    title: str,
    *queries: Query,
    unit: str = "short",
    about: str = "",
    span: int = 12,
    stacked: bool = False,
) -> timeseries.Panel:
    """Lines over time."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .span(span)
        .height(8)
        .unit(unit)
        .min(0)
        .line_width(1)
        .fill_opacity(60 if stacked else 8)
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
        )
    )
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
    for letter, (expression, legend) in zip(ascii_uppercase, queries, strict=False):
        panel = panel.with_target(_query(expression, legend, letter).range())
    return panel


def number(
    title: str,
    expression: str,
    *,
    unit: str = "short",
    about: str = "",
    span: int = 4,
    steps: tuple[tuple[float, str], ...] = (),
    lowest: str = "green",
) -> stat.Panel:
    """One number of now, coloured from each step on."""
    return (
        stat.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .span(span)
        .height(4)
        .unit(unit)
        .graph_mode(BigValueGraphMode.NONE)
        .color_mode(BigValueColorMode.VALUE)
        .reduce_options(_last())
        .thresholds(_thresholds(steps, lowest))
        .with_target(_query(expression, "").instant())
    )


def bars(
    title: str, expression: str, legend: str, *, about: str = "", span: int = 12
) -> bargauge.Panel:
    """A bar for each series of now."""
    return (
        bargauge.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .span(span)
        .height(8)
        .unit("short")
        .min(0)
        .display_mode(BarGaugeDisplayMode.BASIC)
        .reduce_options(_last())
        .thresholds(_thresholds((), "blue"))
        .with_target(_query(expression, legend).instant())
    )


def _query(expression: str, legend: str, letter: str = "A") -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(letter)


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)


def _thresholds(steps: tuple[tuple[float, str], ...], lowest: str) -> dashboard.ThresholdsConfig:
    found = [Threshold(value=None, color=lowest)]
    found += [Threshold(value=value, color=colour) for value, colour in steps]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(found)
