"""The counts: registrations, the chain from received to counted, the witness, series as plots."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from itertools import accumulate

from reportlab.platypus import Flowable

from award.evidence.certified import CertifiedYear, Day, Provisional, days_of, every_day
from award.evidence.prometheus import SHANGHAI
from award.evidence.witness import CrossCheck
from award.report.pdf.chart import Chart, Plot
from award.report.pdf.grid import body, box, grid, heading, note, subheading
from award.report.pdf.prose import AMBER, GREEN, Prose, Style
from award.report.report import Report

METHODS = {
    "single": "逐个注册",
    "batch": "批量请求",
    "stream": "流式注册",
    "block": "序列号段",
    "upload": "文件上传",
    "import": "迁入",
}


def counts(report: Report) -> list[Flowable]:
    return [heading("三、认证计数"), *_certified(report), *_provisional(report.provisional)]


def _certified(report: Report) -> list[Flowable]:
    year = report.counted
    if year is None:
        return [body(f"没有 {report.year} 年的认证计数。")]
    if year.through is None:
        said = f"{year.year} 年尚无已结账的日期，因此没有可认证的计数。每日零点（北京时间）后结账。"
        return [body(said)]
    until = f"截至 {year.through} 已结账"
    return [
        body(f"{year.year} 年（北京时间自然年），{until}；计数规则版本 {year.definitions}。"),
        *_registrations(year),
        *_chain(year),
        *_months(year),
        *_plots(report, year),
    ]


def _provisional(found: Provisional | None) -> list[Flowable]:
    """The open day, apart from all that is certified."""
    if found is None:
        return []
    until = f"{found.until.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"
    rows = [
        ["新增标识注册量（个）", f"{found.registrations:,}"],
        ["收到的解析请求（次）", f"{found.received:,}"],
        ["成功响应（次）", f"{found.answered:,}"],
        ["剔除后（次）", f"{found.counted:,}"],
    ]
    return [
        subheading(f"暂计：{found.day}（当日尚未结账）"),
        box(
            [
                Prose(
                    f"以下为截至 {until}（北京时间）的暂计数，未经结账核对，未写入声明日志，"
                    "不计入认证计数，也不参与本报告的任何结论与金额。",
                    Style(colour=AMBER, after=0),
                )
            ],
            AMBER,
        ),
        grid(["项目", "暂计"], rows, [4, 1.5], right=[1]),
    ]


def _registrations(year: CertifiedYear) -> list[Flowable]:
    found = year.registrations
    rows = [
        ["新增标识注册量（每个标识终身只计一次）", f"{found.gross:,}"],
        ["减：其中至年末已注销", f"{found.deleted:,}"],
        ["净增", f"{found.net:,}"],
        ["新增中运营单位及关联方注册", f"{found.related:,}"],
        ["新增，不含关联方", f"{found.unrelated:,}"],
        ["恢复（注销后重新注册，不计新增）", f"{found.revived:,}"],
        ["迁入（自其他节点，不计新增）", f"{found.imported:,}"],
    ]
    if found.resolved is not None:
        rows.append(["新增中至少被解析一次", f"{found.resolved:,}"])
    methods = [[METHODS.get(name, name), f"{number:,}"] for name, number in found.by_method.items()]
    made: list[Flowable] = [
        subheading("新增标识注册量"),
        grid(["项目", "个"], rows, [4, 1.5], right=[1], strong=[0, 2]),
    ]
    if methods:
        made.append(grid(["注册方式", "新增（个）"], methods, [4, 1.5], right=[1]))
    return made


def _chain(year: CertifiedYear) -> list[Flowable]:
    found = year.resolutions
    rows = [["收到的解析请求", f"{found.received:,}", f"{found.received:,}"]]
    left = found.received
    for one in found.exclusions:
        left -= one.number
        rows.append([f"减：{one.title}", f"{one.number:,}", f"{left:,}"])
    rows.append(["计入解析量", f"{found.counted:,}", f"{found.counted:,}"])
    different = (
        ""
        if found.identifiers is None
        else f"年内有解析计入的不同标识共 {found.identifiers:,} 个。"
    )
    return [
        subheading("解析量：自收到至计入"),
        grid(["项目", "次", "余"], rows, [3.2, 1.5, 1.5], right=[1, 2],
             strong=[0, len(rows) - 1]),
        note(
            f"其中单日解析成功响应量的全年合计（外部请求且已应答）为 {found.answered:,} 次。"
            f"{different}"
        ),
    ]  # fmt: skip


def _months(year: CertifiedYear) -> list[Flowable]:
    rows, sums = [], [0, 0, 0, 0]
    for month in range(1, 13):
        days = [one for one in year.days if one.day.month == month]
        numbers = [
            sum(of(one) for one in days)
            for of in (_registered, lambda one: one.received, lambda one: one.answered, _counted)
        ]
        sums = [before + number for before, number in zip(sums, numbers, strict=True)]
        rows.append([f"{month} 月", *(f"{number:,}" for number in numbers)])
    rows.append(["合计", *(f"{number:,}" for number in sums)])
    head = ["月份", "新增注册（个）", "收到请求（次）", "成功响应（次）", "计入解析（次）"]
    return [
        subheading("逐月"),
        grid(head, rows, [0.8, 1.5, 1.5, 1.5, 1.5], right=[1, 2, 3, 4], strong=[12]),
    ]


def _plots(report: Report, year: CertifiedYear) -> list[Flowable]:
    registered = list(accumulate(_daily(year, _registered)))
    counted = _daily(year, _counted)
    last = year.through or date(year.year, 1, 1)
    labels = _labels(year.year, last)
    months = [sum(_registered(one) for one in year.days if one.day.month == month)
              for month in range(1, 13)]  # fmt: skip
    names = [f"{month} 月" for month in range(1, 13)]
    return [
        subheading("逐日与逐月序列", room=160),
        Chart(Plot("逐月新增标识注册量（个）", names, months, bars=True)),
        Chart(
            Plot(
                "新增标识注册量累计（个）",
                labels,
                registered,
                *_limit(report.thresholds.get("registrations"), 1, "须超过"),
            )
        ),
        Chart(
            Plot(
                "逐日计入解析量（次）",
                labels,
                counted,
                *_limit(report.thresholds.get("resolutions"), days_of(year.year), "日均须超过"),
                colour=GREEN,
            )
        ),
    ]


def _limit(threshold: int | None, parts: int, said: str) -> tuple[float | None, str]:
    """A threshold as a line in a plot, where the policy has one."""
    if threshold is None:
        return None, ""
    return threshold / parts, f"{said} {threshold // parts:,}"


def _registered(day: Day) -> int:
    return day.registrations


def _counted(day: Day) -> int:
    return day.counted


def _daily(year: CertifiedYear, of: Callable[[Day], int]) -> list[int]:
    """Every closed day; those without service are zero."""
    if year.through is None:
        return []
    known = {one.day: of(one) for one in year.days}
    return [known.get(day, 0) for day in every_day(year.year, year.through)]


def _labels(year: int, last: date) -> list[str]:
    """The month's name in its middle."""
    return [f"{day.month} 月" if day.day == 15 else "" for day in every_day(year, last)]


def witness(report: Report) -> list[Flowable]:
    check = report.cross_check
    made: list[Flowable] = [heading("四、独立交叉核对"), body(f"{check.agreement.chinese}。")]
    if check.witness is None:
        made.append(note("未提供监测系统（Prometheus）。计数不受影响，但没有第二个来源可比。"))
        return made
    return [*made, *_compared(check)]


def _compared(check: CrossCheck) -> Iterator[Flowable]:
    assert check.witness is not None
    rows = [
        [one.title, f"{one.certified:,}", f"{one.witnessed:,}", f"{one.difference:.4%}",
         "在容许范围内" if one.within else "超出"]
        for one in check.comparisons
    ]  # fmt: skip
    head = ["数量", "认证计数", "Prometheus", "相差", f"容许 {check.tolerance:.0%}"]
    yield grid(head, rows, [1.6, 1.4, 1.4, 1, 1.2], right=[1, 2, 3])
    days = [one.day for one in check.witness.days]
    labels = [f"{day.month} 月" if day.day == 15 else "" for day in days]
    seen = [one.resolutions or 0 for one in check.witness.days]
    yield Chart(Plot("Prometheus 所见逐日解析请求（次）", labels, seen, colour=GREEN), 110)
    silent = f"，其中 {check.witness.silent} 天没有样本" if check.witness.silent else ""
    yield note(
        f"来源 {check.witness.source}，{check.witness.first} 至 {check.witness.last}{silent}。"
        "所比为各工作进程自身的请求计数器，不是台账导出的累计数。"
    )
    for query in check.witness.queries:
        yield note(query)
