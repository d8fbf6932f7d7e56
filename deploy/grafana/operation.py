"""运行 Operation: whether the node answers, how fast, and what is behind."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from deploy.grafana.panel import board, graph, number, row

RATE = "$__rate_interval"


def operation() -> dashboard.Dashboard:
    found = board(
        "biaoshi-operation",
        "标识解析二级节点 · 运行 Operation",
        "服务是否正常、响应快慢、各环节滞后。"
        "Whether the node answers, how fast, and what is behind.",
        "now-6h",
    )
    for part in (_now, _requests, _resolutions, _registrations, _behind, _processes):
        found = part(found)
    return found


def _now(found: dashboard.Dashboard) -> dashboard.Dashboard:
    for panel in (
        number(
            "进程 Processes",
            'sum(up{job="biaoshi"})',
            about="可抓取指标的进程数。Processes whose metrics can be had.",
            steps=((1, "green"),),
            lowest="red",
        ),
        number(
            "主守 Keeper",
            "sum(biaoshi_keeper_up)",
            about="应恰好为 1。There should be exactly one.",
            steps=((1, "green"), (2, "red")),
            lowest="red",
        ),
        number("请求 Requests", f"sum(rate(biaoshi_requests_total[{RATE}]))", unit="reqps"),
        number(
            "错误率 Errors",
            f'(sum(rate(biaoshi_requests_total{{outcome="5xx"}}[{RATE}])) or vector(0))'
            f" / sum(rate(biaoshi_requests_total[{RATE}]))",
            unit="percentunit",
            about="5xx 响应占比。The share of answers that are 5xx.",
            steps=((0.01, "orange"), (0.05, "red")),
        ),
        number(
            "待上报 Owed upward",
            "max(biaoshi_outbox_items)",
            about="等待上报国家顶级节点的事项。What the national node is still owed.",
            steps=((10, "orange"), (100, "red")),
        ),
        number(
            "日结告警 Close alarms",
            "max(biaoshi_close_alarms_count)",
            about="核对不符而未能日结的天数。Days whose sums disagree.",
            steps=((1, "red"),),
        ),
    ):
        found = found.with_panel(panel)
    return found


def _requests(found: dashboard.Dashboard) -> dashboard.Dashboard:
    quantiles = [
        (
            f"histogram_quantile({quantile}, sum by (le)"
            f" (rate(biaoshi_request_seconds_bucket[{RATE}])))",
            name,
        )
        for quantile, name in ((0.5, "P50"), (0.95, "P95"), (0.99, "P99"))
    ]
    found = found.with_row(row("请求 Requests"))
    for panel in (
        graph(
            "请求速率，按接口 Rate by surface",
            (f"sum by (surface) (rate(biaoshi_requests_total[{RATE}]))", "{{surface}}"),
            unit="reqps",
            stacked=True,
        ),
        graph(
            "响应，按结果 Answers by outcome",
            (f"sum by (outcome) (rate(biaoshi_requests_total[{RATE}]))", "{{outcome}}"),
            unit="reqps",
            stacked=True,
        ),
        graph("响应时间 Latency", *quantiles, unit="s"),
        graph(
            "P99，按操作 P99 by operation",
            (
                "topk(8, histogram_quantile(0.99, sum by (operation, le)"
                f" (rate(biaoshi_request_seconds_bucket[{RATE}]))))",
                "{{operation}}",
            ),
            unit="s",
        ),
    ):
        found = found.with_panel(panel)
    return found


def _resolutions(found: dashboard.Dashboard) -> dashboard.Dashboard:
    found = found.with_row(row("解析 Resolution"))
    for panel in (
        graph(
            "解析速率，按结果 Rate by outcome",
            (f"sum by (outcome) (rate(biaoshi_resolutions_total[{RATE}]))", "{{outcome}}"),
            unit="reqps",
            stacked=True,
        ),
        graph(
            "解析速率，按来源 Rate by source",
            (f"sum by (source) (rate(biaoshi_resolutions_total[{RATE}]))", "{{source}}"),
            unit="reqps",
        ),
    ):
        found = found.with_panel(panel)
    return found


def _registrations(found: dashboard.Dashboard) -> dashboard.Dashboard:
    found = found.with_row(row("注册 Registration"))
    verdicts = f"sum by (outcome) (rate(biaoshi_registration_verdicts_total[{RATE}]))"
    for panel in (
        graph(
            "注册结果 Verdicts",
            (verdicts, "{{outcome}}"),
            about="各接口收到的标识的处理结果。What became of the identifiers that were sent.",
            stacked=True,
        ),
        graph(
            "新增标识，按方式 New identifiers by method",
            ("biaoshi:registered_identifiers:total", "{{method}}"),
            about="数据库累计值，重启不归零。From the database: it survives restarts.",
            stacked=True,
        ),
    ):
        found = found.with_panel(panel)
    return found


def _behind(found: dashboard.Dashboard) -> dashboard.Dashboard:
    found = found.with_row(row("滞后 What is behind"))
    for panel in (
        graph(
            "计数与认证日志 Counting and certified log",
            ("max(biaoshi_journal_lag_seconds)", "解析计数 counting"),
            ("max by (kind) (biaoshi_log_lag_seconds)", "认证日志 log: {{kind}}"),
            ("max(biaoshi_standing_age_seconds)", "计数快照 standing"),
            unit="s",
        ),
        graph(
            "距上次联署 Since the last cosigned checkpoint",
            ("max by (kind) (biaoshi_checkpoint_age_seconds)", "{{kind}}"),
            about="没有新条目时自然增长。It grows while there is nothing new to publish.",
            unit="s",
        ),
        graph(
            "认证日志待处理条目 Entries that wait",
            ("max by (kind) (biaoshi_log_waiting_items)", "待排序 to be sequenced: {{kind}}"),
            ("max by (kind) (biaoshi_log_unpublished_items)", "待公布 unpublished: {{kind}}"),
        ),
        graph(
            "丢失的解析记录 Lost records",
            (
                "sum by (instance) (increase(biaoshi_journal_lost_records_total[10m]))",
                "{{instance}}",
            ),
            about="磁盘无空间而未能记录的应答，10 分钟增量，应恒为 0。"
            "Answers that were not written down for want of disk, in ten minutes: always 0.",
        ),
        graph(
            "认证日志状态 Certified log kept",
            ("min(biaoshi_log_up)", "1 正常 kept · 0 停止 refused"),
            about="为 0 时登记照常，叶子等待入册；原因见主守进程的 /readyz。"
            "At 0 registrations go on and their leaves wait; the keeper's /readyz says why.",
        ),
        graph(
            "上报与日结 Uplink and day close",
            ("max(biaoshi_outbox_oldest_seconds)", "最早待上报 oldest filing"),
            ("max(biaoshi_close_overdue_seconds)", "日结逾期 close overdue"),
            unit="s",
        ),
    ):
        found = found.with_panel(panel)
    return found


def _processes(found: dashboard.Dashboard) -> dashboard.Dashboard:
    found = found.with_row(row("进程 Processes"))
    which = "{{process}} {{instance}}"
    for panel in (
        graph(
            "处理器 Processor",
            (f"rate(biaoshi_process_cpu_seconds_total[{RATE}])", which),
            about="1 表示占满一个核。1 is one core.",
            unit="none",
            span=8,
        ),
        graph(
            "内存 Memory", ("biaoshi_process_resident_memory_bytes", which), unit="bytes", span=8
        ),
        graph("打开的文件 Open files", ("biaoshi_process_open_fds", which), span=8),
    ):
        found = found.with_panel(panel)
    return found
