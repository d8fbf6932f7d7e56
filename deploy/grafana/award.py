"""补助进度 Award progress: how far the year is from what the award asks for."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from deploy.grafana.panel import bars, board, graph, number, row

DAY = 86400  # seconds
PLAIN = "text"  # the colour of a number that is neither good nor bad


def award() -> dashboard.Dashboard:
    found = board(
        "biaoshi-award",
        "标识解析二级节点 · 补助进度 Award progress",
        "年度两项指标的进度及其构成，供日常查看；认定以认证日志为准。"
        "How far the year's two numbers are, and what they consist of, for every day; the "
        "certified log decides.",
        "now-30d",
    )
    for part in (_progress, _registrations, _resolutions, _proof):
        found = part(found)
    return found


def _progress(found: dashboard.Dashboard) -> dashboard.Dashboard:
    found = found.with_row(row("年度进度 The year"))
    for kind, title in (
        ("registrations", "新增标识注册量 New identifiers"),
        ("resolutions", "解析量 Resolutions"),
    ):
        reached = f'max(biaoshi_year_count{{kind="{kind}"}})'
        threshold = f'max(biaoshi_year_threshold_count{{kind="{kind}"}})'
        for panel in (
            number(
                title, reached, about="本年（北京时间）累计。This year, in Shanghai.", lowest="blue"
            ),
            number(
                "须超过 To be exceeded",
                threshold,
                about="政策门槛，须超过；解析量为日均门槛乘以全年天数。What the policy asks for.",
                lowest=PLAIN,
            ),
            number(
                "进度 Progress",
                f"{reached} / {threshold}",
                unit="percentunit",
                steps=((0.5, "orange"), (1.0, "green")),
                lowest="red",
            ),
        ):
            found = found.with_panel(panel)
    return found.with_panel(
        graph(
            "进度与时间 Progress against time",
            ("biaoshi:year:ratio", "{{kind}}"),
            ("biaoshi:year:elapsed_ratio", "全年已过 of the year"),
            about="低于“全年已过”即为落后。Below the line of time, the year is behind.",
            unit="percentunit",
            span=24,
        )
    )


def _registrations(found: dashboard.Dashboard) -> dashboard.Dashboard:
    found = found.with_row(row("新增标识 New identifiers"))
    for panel in (
        graph(
            "每日新增 New per day",
            (f"sum(rate(biaoshi_registered_identifiers_total[1h])) * {DAY}", "新增 new"),
            about="按最近一小时的速率折算。The last hour's rate, by the day.",
        ),
        bars(
            "累计，按方式 Of all years, by method",
            "biaoshi:registered_identifiers:total",
            "{{method}}",
            about="不含导入。Without imports.",
        ),
        number(
            "导入 Imported",
            "max(biaoshi_imported_identifiers_total)",
            about="自其他节点迁入，不计为新增。Brought over from other nodes: not new.",
            span=6,
            lowest=PLAIN,
        ),
        number(
            "恢复 Revived",
            "max(biaoshi_revived_identifiers_total)",
            about="注销后再次注册，不计为新增。Registered again: not new.",
            span=6,
            lowest=PLAIN,
        ),
        number("注销 Withdrawn", "max(biaoshi_withdrawn_identifiers_total)", span=6, lowest=PLAIN),
        number("有效前缀 Active prefixes", "max(biaoshi_active_prefixes)", span=6, lowest=PLAIN),
    ):
        found = found.with_panel(panel)
    return found


def _resolutions(found: dashboard.Dashboard) -> dashboard.Dashboard:
    found = found.with_row(row("解析 Resolutions"))
    for panel in (
        bars(
            "从收到到计入 From received to counted",
            "biaoshi:journalled_resolutions:total",
            "{{reason}}",
            about="每次请求恰属一类，各类之和即收到的总数。"
            "Each request is under exactly one; their sum is what was received.",
        ),
        graph(
            "每日构成 What a day consists of",
            (
                f"sum by (reason) (rate(biaoshi_journalled_resolutions_total[1h])) * {DAY}",
                "{{reason}}",
            ),
            about="按最近一小时的速率折算。The last hour's rate, by the day.",
            stacked=True,
        ),
        number(
            "计入占比 Share counted",
            'sum(biaoshi:journalled_resolutions:total{reason="counted"})'
            " / sum(biaoshi:journalled_resolutions:total)",
            unit="percentunit",
            span=8,
            lowest="blue",
        ),
        graph(
            "进程计数与台账 Processes against the ledger",
            ("sum(rate(biaoshi_resolutions_total[1h]))", "进程 processes"),
            ("sum(rate(biaoshi_journalled_resolutions_total[1h]))", "台账 ledger"),
            about="两条独立的计数途径，应当接近。Two ways of counting, which should agree.",
            unit="reqps",
            span=16,
        ),
    ):
        found = found.with_panel(panel)
    return found


def _proof(found: dashboard.Dashboard) -> dashboard.Dashboard:
    found = found.with_row(row("证明 Proof"))
    for panel in (
        bars(
            "认证日志条目 Entries of the certified log",
            "max by (kind) (biaoshi_log_size_count)",
            "{{kind}}",
            about="登记日志的条目数即新增标识数。The size of the registrations log is the count.",
        ),
        number(
            "未公布 Unpublished",
            "sum(max by (kind) (biaoshi_log_unpublished_items))",
            about="尚无联署检查点覆盖的条目。Entries that no cosigned checkpoint covers.",
            steps=((10_000, "orange"),),
            span=6,
        ),
        number(
            "日结逾期 Close overdue",
            "max(biaoshi_close_overdue_seconds)",
            unit="s",
            steps=((3600, "orange"), (7200, "red")),
            span=6,
        ),
    ):
        found = found.with_panel(panel)
    return found
