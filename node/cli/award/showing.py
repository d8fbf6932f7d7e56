"""How an assessment looks on a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from award.assessment.assessment import Assessment, Effect, Total
from award.assessment.forecast import ASSUMPTIONS, Crossing, Forecast
from award.evidence.certified import CertifiedYear
from award.evidence.witness import Agreement, CrossCheck
from award.money import yuan
from award.policy.finding import Finding, Verdict
from award.policy.judgement import Amount
from award.policy.reading import Reading
from node.cli.terminal import facts, table

STYLES = {
    Verdict.MET: "green",
    Verdict.NOT_MET: "red",
    Verdict.UNKNOWN: "yellow",
    Verdict.NOT_IN_FORCE: "red",
}
AGREEMENT = {Agreement.WITHIN: "green", Agreement.BEYOND: "red", Agreement.NONE: "yellow"}


def show(
    out: Console, found: Assessment, counted: CertifiedYear | None, check: CrossCheck | None
) -> None:
    out.print(Text(f"{found.policy_title}\n{found.policy_clause}", "bold"))
    out.print(Text(f"{found.year} 年度 · 评估日 {found.on}\n", "dim"))
    if counted is not None:
        out.print(counts(counted))
    if check is not None:
        out.print(agreement(check))
    out.print(findings(found.judgement.findings))
    out.print(amounts(found.judgement.amounts, found.judgement.total))
    out.print(totals(found))
    out.print(effects(found.effects))
    out.print(Text(found.remark, "dim"))


def findings(found: Iterable[Finding]) -> Table:
    shown = table("条款", "条件", "结论", "理由", title="\n逐条结论")
    shown.columns[0].no_wrap = shown.columns[2].no_wrap = True
    for one in found:
        style = STYLES[one.verdict]
        shown.add_row(one.article, one.title, Text(one.verdict.chinese, style), one.reason)
    return shown


def amounts(found: Iterable[Amount], total: Amount) -> Table:
    shown = table("项目", "计算", "金额", title="\n金额及其推导")
    shown.columns[2].justify = "right"
    for one in (*found, total):
        style = "bold" if one is total else ""
        shown.add_row(Text(one.title, style), Text(_why(one)), Text(money(one), style))
        for step in one.steps:
            amount = "" if step.amount is None else yuan(step.amount)
            shown.add_row("", Text(f"  {step.text}", "dim"), Text(amount, "dim"))
    return shown


def totals(found: Assessment) -> Table:
    shown = table("口径", "最高可奖励金额", "其中另取的理解", title="\n三种口径")
    shown.columns[1].justify = "right"
    primary = Total(found.judgement.total.value, found.judgement.total.potential, ())
    for name, one in (("主要", primary), ("最严", found.strictest), ("最宽", found.lenient)):
        shown.add_row(name, Text(money(one)), "、".join(one.readings))
    return shown


def effects(found: Iterable[Effect]) -> Table:
    shown = table("理解", "问题", "主要取法", "另一取法", "另取则合计", title="\n各条理解的影响")
    shown.columns[4].justify = "right"
    for one in found:
        changed = money(one) if one.matters else Text("不变", "dim")
        reading = one.reading
        shown.add_row(reading.id, reading.question, reading.primary, reading.other, changed)
    return shown


def counts(year: CertifiedYear) -> Group:
    registrations, resolutions = year.registrations, year.resolutions
    until = f"截至 {year.through}" if year.through else "尚无已结账日"
    pairs = [
        ("新增标识注册量", f"{registrations.gross:,}（注销后净增 {registrations.net:,}）"),
        ("收到的解析请求", f"{resolutions.received:,}"),
        ("成功响应量", f"{resolutions.answered:,}"),
        ("剔除后计入解析量", f"{resolutions.counted:,}"),
    ]
    demo = "（演示数据）" if year.demo else ""
    return Group(Text(f"认证计数 {until}{demo}", "bold"), facts(pairs))


def agreement(check: CrossCheck) -> Group:
    lines = [Text(f"\n独立交叉核对：{check.agreement.chinese}", AGREEMENT[check.agreement])]
    for one in check.comparisons:
        lines.append(
            Text(
                f"{one.title}：认证 {one.certified:,}，Prometheus {one.witnessed:,}，"
                f"相差 {one.difference:.2%}（容许 {check.tolerance:.0%}）"
            )
        )
    return Group(*lines)


def forecasts(found: Iterable[Forecast]) -> Group:
    shown = table("数量", "截至目前", "预计全年", "95% 区间", "阈值（须超过）", "预计超过之日",
                  title="\n年终预测")  # fmt: skip
    for one in found:
        shown.add_row(
            one.title,
            f"{one.so_far:,}",
            f"{one.expected:,}",
            f"{one.low:,} – {one.high:,}",
            f"{one.threshold:,}",
            crossing(one.crossing),
        )
    return Group(shown, *(Text(f"· {line}", "dim") for line in ASSUMPTIONS))


def crossing(found: Crossing) -> str:
    if found.certain:
        return f"已于 {found.expected} 超过"
    if found.earliest is None:
        return "本年内不会超过"
    latest = found.latest or "本年内未必超过"
    expected = found.expected or "年内预计不超过"
    return f"{expected}（最早 {found.earliest}，最晚 {latest}）"


def readings(known: Iterable[Reading]) -> Table:
    shown = table("理解", "问题", "主要取法", "另一取法")
    for one in known:
        shown.add_row(one.id, one.question, one.primary, one.other)
    return shown


def money(one: Amount | Total | Effect) -> str:
    value = one.total if isinstance(one, Effect) else one.value
    if value is not None:
        return yuan(value)
    return f"待核实（至多 {yuan(one.potential)}）"


def difference(before: Decimal | None, after: Decimal | None) -> str:
    if before is None or after is None:
        return "待核实"
    change = after - before
    return "不变" if not change else f"{'+' if change > 0 else '−'}{yuan(abs(change))}"


def _why(one: Amount) -> str:
    """The reason, unless the last step has said it."""
    return "" if one.steps and one.steps[-1].text == one.reason else one.reason
