"""The document: its parts in their order."""

from __future__ import annotations

from reportlab.platypus import Flowable, PageBreak

from award.report.pdf import annex, counts, result
from award.report.pdf.cover import cover
from award.report.pdf.fonts import register
from award.report.pdf.page import build
from award.report.report import Report

DEMO, DRAFT = "演示数据", "草稿"


def render(report: Report) -> bytes:
    """report.pdf. Takes a second or so: not for an event loop."""
    register()
    story: list[Flowable] = [
        *cover(report),
        PageBreak(),
        *result.amounts(report),
        *result.forecast(report),
        *result.clauses(report),
        *counts.counts(report),
        *counts.witness(report),
        *annex.shares(report),
        *annex.definitions(report),
        *annex.verification(report),
        *annex.facts(report),
    ]
    issue = report.issue
    name = f"{issue.number} 第 {issue.revision} 版"
    return build(
        story,
        title=f"{report.year} 年度奖励报告 {name}",
        author=report.node.name,
        head=f"{report.node.name}　{report.year} 年度　{name}",
        watermark=DEMO if report.demo else DRAFT if report.draft else "",
    )
