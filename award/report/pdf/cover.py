"""The first page: what this is, what it comes to, and what it rests on."""

from __future__ import annotations

from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Spacer, Table, TableStyle

from award.assessment.assessment import Total
from award.evidence.prometheus import SHANGHAI
from award.evidence.witness import Agreement
from award.money import yuan
from award.policy.judgement import Amount
from award.report.pdf.grid import NOTE, SUBHEADING, TITLE, box, grid, note, short
from award.report.pdf.page import INNER
from award.report.pdf.prose import AMBER, BLUE, BOLD, GREEN, GREY, RED, Prose, Style
from award.report.pdf.qr import Qr
from award.report.report import Report, sha256

AGREEMENT = {Agreement.WITHIN: GREEN, Agreement.BEYOND: RED, Agreement.NONE: AMBER}


def cover(report: Report) -> list[Flowable]:
    return [
        Spacer(1, 14 * mm),
        Prose("工业互联网标识解析二级节点", Style(size=13, leading=20, colour=GREY)),
        Prose(_title(report), TITLE),
        Prose(
            f"{report.assessment.policy_title}\n{report.assessment.policy_clause}",
            Style(size=10.5, leading=17, colour=GREY, after=12),
        ),
        _particulars(report),
        _sum(report),
        *_warnings(report),
        _seal(report),
        note(report.assessment.remark),
    ]


def _title(report: Report) -> str:
    kind = "奖励评估报告（草稿）" if report.draft else "奖励认证报告"
    return f"{report.year} 年度{kind}"


def _particulars(report: Report) -> Table:
    issue = report.issue
    moment = issue.at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
    rows = [
        ["节点", f"{report.node.name}（前缀 {report.node.prefix}）"],
        ["申报单位", report.company.name],
        ["报告编号", f"{issue.number}　第 {issue.revision} 版"],
        ["出具时间", f"{moment}（北京时间）　评估日 {report.on}"],
    ]
    if issue.replaces:
        rows.append(["更正说明", f"本版更正：{issue.reason}　取代摘要为 {issue.replaces} 的前版"])
    return grid([], rows, [1, 5.2])


def _sum(report: Report) -> Table:
    total = report.assessment.judgement.total
    low, high = report.assessment.strictest, report.assessment.lenient
    return box(
        [
            Prose("最高可奖励金额", SUBHEADING.but(before=0, room=0)),
            Prose(money(total), Style(font=BOLD, size=24, leading=34, colour=BLUE)),
            Prose(
                f"最严口径 {money(low)}　·　最宽口径 {money(high)}",
                Style(size=9.5, leading=15, colour=GREY),
            ),
            *([short(total.reason, NOTE.but(after=0))] if total.reason else []),
        ]
    )


def _warnings(report: Report) -> list[Flowable]:
    check = report.cross_check
    said = f"独立交叉核对：{check.agreement.chinese}。"
    if check.agreement is Agreement.NONE:
        said += "本报告的计数仅出自节点自身的日志与台账，没有 Prometheus 作独立印证。"
    else:
        differences = "，".join(
            f"{one.title}相差 {one.difference:.2%}" for one in check.comparisons
        )
        said += f"{differences}（容许 {check.tolerance:.0%}）。"
    found: list[Flowable] = [box([Prose(said, Style(after=0))], AGREEMENT[check.agreement])]
    if report.demo:
        words = "演示数据：计数出自演示环境，不是运营节点的业务，不得用于申报。"
        found.append(box([Prose(words, Style(colour=RED, after=0))], RED))
    elif report.draft:
        words = "草稿：未经认证签发，不得用于申报。"
        found.append(box([Prose(words, Style(colour=AMBER, after=0))], AMBER))
    return found


def _seal(report: Report) -> Table:
    """The QR code, and what it says in letters."""
    lines = qr_text(report)
    text = [
        Prose("核验码", SUBHEADING.but(before=0, room=0)),
        Prose(lines, Style(size=7.5, leading=11.5, after=3)),
        note("在仅装有本软件的机器上离线核验：biaoshi verify 报告.zip"),
    ]
    size = 36 * mm
    made = Table([[Qr(lines, size), text]], [size + 8, INNER - size - 8], spaceAfter=6)
    made.setStyle(
        TableStyle([("VALIGN", (0, 0), (-1, -1), "MIDDLE"), ("LEFTPADDING", (0, 0), (0, 0), 0)])
    )
    return made


def qr_text(report: Report) -> str:
    """Number, digest, and the checkpoint the counts stand under."""
    lines = [f"{report.issue.number} r{report.issue.revision}", f"json {sha256(report.content)}"]
    counted = report.counted
    if counted is not None and counted.log is not None:
        lines += [counted.log.origin, str(counted.log.size), counted.log.root]
    return "\n".join(lines)


def money(one: Amount | Total) -> str:
    return yuan(one.value) if one.value is not None else f"待核实（至多 {yuan(one.potential)}）"
