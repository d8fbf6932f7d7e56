"""Headings, paragraphs and tables as all pages have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from reportlab.platypus import Flowable, Table, TableStyle

from award.policy.finding import Verdict
from award.report.pdf.page import INNER
from award.report.pdf.prose import (
    AMBER,
    BLUE,
    BOLD,
    GREEN,
    GREY,
    PALE,
    RED,
    RULE,
    Prose,
    Style,
)

TITLE = Style(font=BOLD, size=22, leading=32, colour=BLUE)
HEADING = Style(font=BOLD, size=14, leading=22, colour=BLUE, before=16, after=6, room=110)
SUBHEADING = Style(font=BOLD, size=10.5, leading=17, before=10, after=3, room=80)
BODY = Style(after=4)
NOTE = Style(size=8, leading=12.5, colour=GREY, after=3)
CELL = Style(size=8.5, leading=12.5)
CELL_HEAD = CELL.but(font=BOLD, colour=BLUE)
NUMBER = CELL.but(align="right")
STRONG = CELL.but(font=BOLD)
CODE = Style(size=7.5, leading=10.5)

VERDICTS = {
    Verdict.MET: GREEN,
    Verdict.NOT_MET: RED,
    Verdict.UNKNOWN: AMBER,
    Verdict.NOT_IN_FORCE: RED,
}

CELL_LIMIT, CELL_LINES = 600, 45  # characters and lines of a cell

Cell: TypeAlias = str | Flowable | list[Flowable]


def heading(text: str) -> Prose:
    return Prose(text, HEADING)


def subheading(text: str, room: float = SUBHEADING.room) -> Prose:
    return Prose(text, SUBHEADING.but(room=room))


def body(text: str) -> Prose:
    return Prose(text, BODY)


def note(text: str) -> Prose:
    return Prose(text, NOTE)


def verdict(found: Verdict) -> Prose:
    return Prose(found.chinese, CELL.but(font=BOLD, colour=VERDICTS[found]))


def grid(
    head: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    shares: Sequence[float],
    *,
    right: Sequence[int] = (),
    strong: Sequence[int] = (),
) -> Table:
    """A table over the whole width. `shares` divide it, `right` are columns of numbers, `strong`
    rows that stand out."""
    cells: list[list[Any]] = []
    if head:
        cells.append([Prose(text, _head(at in right)) for at, text in enumerate(head)])
    for number, row in enumerate(rows):
        cells.append([_cell(cell, at in right, number in strong) for at, cell in enumerate(row)])
    widths = [INNER * share / sum(shares) for share in shares]
    made = Table(cells, widths, repeatRows=1 if head else 0, spaceBefore=3, spaceAfter=8)
    style: list[Any] = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, RULE),
        ("LEFTPADDING", (0, 0), (-1, -1), 4),
        ("RIGHTPADDING", (0, 0), (-1, -1), 4),
        ("TOPPADDING", (0, 0), (-1, -1), 2.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3.5),
    ]
    if head:
        style += [("BACKGROUND", (0, 0), (-1, 0), PALE), ("LINEABOVE", (0, 0), (-1, 0), 0.8, BLUE)]
    for number in strong:
        at = number + (1 if head else 0)
        style.append(("BACKGROUND", (0, at), (-1, at), PALE))
    made.setStyle(TableStyle(style))
    return made


def box(content: list[Flowable], colour: object = BLUE) -> Table:
    """Set off from the text by a rule at its left."""
    made = Table([[content]], [INNER], spaceBefore=6, spaceAfter=8)
    made.setStyle(
        TableStyle(
            [
                ("BACKGROUND", (0, 0), (-1, -1), PALE),
                ("LINEBEFORE", (0, 0), (0, -1), 3, colour),
                ("LEFTPADDING", (0, 0), (-1, -1), 12),
                ("RIGHTPADDING", (0, 0), (-1, -1), 10),
                ("TOPPADDING", (0, 0), (-1, -1), 7),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 8),
            ]
        )
    )
    return made


def _head(number: bool) -> Style:
    return CELL_HEAD.but(align="right") if number else CELL_HEAD


def _cell(cell: Cell, number: bool, strong: bool) -> Flowable | list[Flowable]:
    if not isinstance(cell, str):
        return cell
    style = STRONG if strong else CELL
    return short(cell, style.but(align="right") if number else style)


def short(text: str, style: Style) -> Prose:
    """For a cell, which must not grow longer than a page."""
    kept = text if len(text) <= CELL_LIMIT else f"{text[:CELL_LIMIT]}…（全文见 report.json）"
    lines = kept.split("\n")
    return Prose("\n".join(lines[:CELL_LINES]), style)
