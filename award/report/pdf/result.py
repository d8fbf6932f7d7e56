"""What the law says: clause by clause, amount by amount, reading by reading."""

from __future__ import annotations

from reportlab.platypus import Flowable

from award.assessment.assessment import Assessment, Effect
from award.assessment.forecast import ASSUMPTIONS, Crossing, Forecast
from award.money import yuan
from award.policy.judgement import Amount, Step
from award.report.pdf.cover import money
from award.report.pdf.grid import Cell, body, grid, heading, note, short, subheading, verdict
from award.report.pdf.prose import GREY, Style
from award.report.report import Report

QUOTE = Style(size=7.5, leading=11.5, colour=GREY)
REASON = Style(size=8.5, leading=12.5)


def amounts(report: Report) -> list[Flowable]:
    found = report.assessment
    rows: list[list[Cell]] = []
    strong = []
    for one in (*found.judgement.amounts, found.judgement.total):
        strong.append(len(rows))
        rows.append([one.title, short(_why(one), REASON), money(one)])
        rows += [["", step.text, _step(step)]
                 for step in one.steps]  # fmt: skip
    return [
        heading("一、金额及其推导"),
        grid(["项目", "计算", "金额"], rows, [1.5, 3.6, 1.6], right=[2], strong=strong),
        *_totals(found),
    ]


def _step(step: Step) -> str:
    return "" if step.amount is None else yuan(step.amount)


def _totals(found: Assessment) -> list[Flowable]:
    names = {effect.reading.id: number for number, effect in enumerate(found.effects, start=1)}

    def others(readings: tuple[str, ...]) -> str:
        numbers = sorted(names[one] for one in readings)
        return "第 " + "、".join(str(one) for one in numbers) + " 条取另一理解" if numbers else "—"

    rows = [
        ["主要口径", money(found.judgement.total), "各条均取文义最自然的理解"],
        ["最严口径", money(found.strictest), others(found.strictest.readings)],
        ["最宽口径", money(found.lenient), others(found.lenient.readings)],
    ]
    return [
        subheading("三种口径"),
        body(
            "条文有多处可作不同理解，且影响金额。下表的最严、最宽口径取遍全部组合；各条的影响见其后。"
        ),
        grid(
            ["口径", "最高可奖励金额", "理解的取法"], rows, [1.2, 1.8, 3.7], right=[1], strong=[0]
        ),
        subheading("各条理解的影响"),
        _effects(found.effects),
    ]


def _effects(effects: tuple[Effect, ...]) -> Flowable:
    rows = []
    for number, one in enumerate(effects, start=1):
        total = (
            yuan(one.total) if one.total is not None else f"待核实（至多 {yuan(one.potential)}）"
        )
        reading = one.reading
        said = f"{reading.question}\n主要：{reading.primary}\n另一：{reading.other}"
        rows.append([str(number), said, total if one.matters else "不变"])
    return grid(["条", "问题与两种理解", "仅此条另取时的合计"], rows, [0.4, 4.6, 1.7], right=[2])


def clauses(report: Report) -> list[Flowable]:
    rows: list[list[Cell]] = []
    for one in report.assessment.judgement.findings:
        told: list[Flowable] = [
            short(f"{one.article}　{one.quote}", QUOTE),
            short(one.reason, REASON),
        ]
        if one.evidence:
            told.append(short("依据：" + "；".join(one.evidence), QUOTE))
        rows.append([one.title, told, verdict(one.verdict)])
    return [
        heading("二、逐条结论"),
        note(
            "“符合”“不符合”“待核实”“不在有效期”是四种不同的结论；以“（大意）”开头的是条文大意，其余为原文。"
        ),
        grid(["条件", "条文与理由", "结论"], rows, [1.5, 4.4, 0.9]),
    ]


def forecast(report: Report) -> list[Flowable]:
    if not report.forecast:
        return []
    rows = [_forecast_row(one) for one in report.forecast]
    head = ["数量", "截至目前", "预计全年（95% 区间）", "须超过", "预计超过之日"]
    return [
        subheading("年终预测"),
        grid(head, rows, [1.3, 1.2, 2.2, 1.2, 1.9], right=[1, 2, 3]),
        *(note(f"· {line}") for line in ASSUMPTIONS),
    ]


def _forecast_row(one: Forecast) -> list[str]:
    return [
        one.title,
        f"{one.so_far:,}",
        f"{one.expected:,}\n{one.low:,} 至 {one.high:,}",
        f"{one.threshold:,}",
        _crossing(one.crossing),
    ]


def _crossing(found: Crossing) -> str:
    if found.certain:
        return f"已于 {found.expected} 超过"
    if found.earliest is None:
        return "本年内不会超过"
    last = f"最晚 {found.latest}" if found.latest else "本年内未必超过"
    return f"{found.expected or '年内预计不超过'}\n最早 {found.earliest}\n{last}"


def _why(one: Amount) -> str:
    return "" if one.steps and one.steps[-1].text == one.reason else one.reason
