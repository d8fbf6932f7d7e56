"""The page: margins, running head, number of pages, watermark."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, PageTemplate

from award.report.pdf.prose import BLUE, BOLD, GREY, REGULAR, RULE

WIDTH, HEIGHT = A4
MARGIN, TOP, BOTTOM = 20 * mm, 22 * mm, 20 * mm
INNER = WIDTH - 2 * MARGIN


class _Numbered(Canvas):
    """Knows how many pages there are: what stands on each is written when all are known."""

    def __init__(self, *arguments: Any, finish: Callable[..., None], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._finish = finish
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:
        self._pages.append(dict(self.__dict__))
        self._startPage()  # type: ignore[attr-defined]

    def save(self) -> None:
        for page in self._pages:
            self.__dict__.update(page)
            self._finish(self, len(self._pages))
            super().showPage()
        super().save()


def build(story: list[Flowable], *, title: str, author: str, head: str, watermark: str) -> bytes:
    """The document's bytes. Times and identities in it are fixed, so only the story counts."""
    out = BytesIO()
    document = BaseDocTemplate(
        out,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=TOP,
        bottomMargin=BOTTOM,
        title=title,
        author=author,
        creator="Biaoshi 标识",
        lang="zh-CN",
        invariant=1,
        pageCompression=1,
    )
    frame = Frame(MARGIN, BOTTOM, INNER, HEIGHT - TOP - BOTTOM, 0, 0, 0, 0, id="body")
    document.addPageTemplates([PageTemplate(id="page", frames=[frame])])

    def finish(canvas: Canvas, pages: int) -> None:
        _head_and_foot(canvas, head, pages)
        if watermark:
            _watermark(canvas, watermark)

    document.build(story, canvasmaker=lambda *a, **o: _Numbered(*a, finish=finish, **o))
    return out.getvalue()


def _head_and_foot(canvas: Canvas, head: str, pages: int) -> None:
    number = canvas.getPageNumber()
    canvas.setFont(REGULAR, 7.5)
    canvas.setFillColor(GREY)
    canvas.drawCentredString(WIDTH / 2, 11 * mm, f"第 {number} 页，共 {pages} 页")
    if number == 1:
        canvas.setFillColor(BLUE)
        canvas.rect(0, HEIGHT - 6 * mm, WIDTH, 6 * mm, stroke=0, fill=1)
        return
    canvas.drawString(MARGIN, HEIGHT - 14 * mm, head)
    canvas.setStrokeColor(RULE)
    canvas.setLineWidth(0.5)
    canvas.line(MARGIN, HEIGHT - 16 * mm, WIDTH - MARGIN, HEIGHT - 16 * mm)


def _watermark(canvas: Canvas, text: str) -> None:
    """Over the page, so that no table hides it."""
    canvas.saveState()
    canvas.setFont(BOLD, 64)
    canvas.setFillColor(GREY, alpha=0.16)
    canvas.translate(WIDTH / 2, HEIGHT / 2)
    canvas.rotate(40)
    canvas.drawCentredString(0, 0, text)
    canvas.restoreState()
