"""Plots: bars for months, a line for days, with an axis that people can read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from reportlab.lib.colors import Color
from reportlab.platypus import Flowable

from award.report.pdf.prose import BLUE, GREY, INK, RED, REGULAR, RULE

LEFT, BOTTOM, TOP = 46.0, 18.0, 22.0


@dataclass(frozen=True, slots=True)
class Plot:
    title: str
    labels: Sequence[str]  # one for each number, "" where none is to stand
    numbers: Sequence[float]
    threshold: float | None = None
    threshold_label: str = ""
    bars: bool = False
    colour: Color = BLUE


class Chart(Flowable):
    """One plot over the whole width."""

    def __init__(self, plot: Plot, height: float = 132.0) -> None:
        super().__init__()
        self._plot = plot
        self._height = height

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        self.width, self.height = width, self._height
        return width, self._height

    def getSpaceBefore(self) -> float:
        return 6.0

    def getSpaceAfter(self) -> float:
        return 8.0

    def draw(self) -> None:
        plot, canvas = self._plot, self.canv
        canvas.setFont(REGULAR, 8.5)
        canvas.setFillColor(INK)
        canvas.drawString(0, self.height - 9, plot.title)
        if not plot.numbers:
            canvas.setFillColor(GREY)
            canvas.drawCentredString(self.width / 2, self.height / 2, "没有数据")
            return
        top = nice(max([*plot.numbers, plot.threshold or 0]))
        self._axis(top)
        if plot.bars:
            self._bars(top)
        else:
            self._line(top)
        if plot.threshold is not None:
            self._threshold(top, plot.threshold)

    def _axis(self, top: float) -> None:
        canvas = self.canv
        canvas.setFont(REGULAR, 7)
        for step in range(5):
            y = self._y(top * step / 4, top)
            canvas.setStrokeColor(RULE)
            canvas.setLineWidth(0.4)
            canvas.line(LEFT, y, self.width, y)
            canvas.setFillColor(GREY)
            canvas.drawRightString(LEFT - 5, y - 2.5, short(top * step / 4))
        each = self._each
        for at, label in enumerate(self._plot.labels):
            if label:
                canvas.drawCentredString(LEFT + each * (at + 0.5), 5, label)

    def _bars(self, top: float) -> None:
        canvas, each = self.canv, self._each
        canvas.setFillColor(self._plot.colour)
        for at, number in enumerate(self._plot.numbers):
            height = self._y(number, top) - BOTTOM
            if height > 0:
                canvas.rect(LEFT + each * (at + 0.2), BOTTOM, each * 0.6, height, stroke=0, fill=1)

    def _line(self, top: float) -> None:
        canvas, each = self.canv, self._each
        canvas.setStrokeColor(self._plot.colour)
        canvas.setLineWidth(0.9)
        path = canvas.beginPath()
        for at, number in enumerate(self._plot.numbers):
            point = LEFT + each * (at + 0.5), self._y(number, top)
            (path.lineTo if at else path.moveTo)(*point)
        canvas.drawPath(path)

    def _threshold(self, top: float, threshold: float) -> None:
        canvas, y = self.canv, self._y(threshold, top)
        canvas.setStrokeColor(RED)
        canvas.setLineWidth(0.7)
        canvas.setDash(3, 2)
        canvas.line(LEFT, y, self.width, y)
        at = self.height - 6  # beside the title: over the line it would be unreadable
        canvas.line(self.width - 150, at, self.width - 132, at)
        canvas.setDash()
        canvas.setFillColor(RED)
        canvas.setFont(REGULAR, 7.5)
        canvas.drawString(self.width - 128, at - 2.5, self._plot.threshold_label)

    @property
    def _each(self) -> float:
        """The width of one number."""
        return (self.width - LEFT) / len(self._plot.numbers)

    def _y(self, number: float, top: float) -> float:
        return BOTTOM + (self.height - BOTTOM - TOP) * number / top


def nice(most: float) -> float:
    """A round number at the top of an axis with four steps."""
    if most <= 4:
        return 4.0
    unit = 10 ** math.floor(math.log10(most))
    room = most * 1.05  # so that the threshold's label has its place
    return float(next(unit * step for step in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10, 12)
                      if unit * step >= room))  # fmt: skip


def short(number: float) -> str:
    """A number on an axis: 1.2 亿, 3 万, 500."""
    for unit, name in ((1e8, " 亿"), (1e4, " 万")):
        if number >= unit:
            return f"{number / unit:.4g}{name}"
    return f"{number:.4g}"
