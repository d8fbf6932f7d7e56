"""A QR code, drawn as squares."""

from __future__ import annotations

import segno
from reportlab.platypus import Flowable

from award.report.pdf.prose import INK

QUIET = 2  # modules


class Qr(Flowable):
    """Of a text, so many points wide."""

    def __init__(self, text: str, size: float) -> None:
        super().__init__()
        self._code = segno.make(text, error="m", micro=False, boost_error=False)
        self._size = size

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        self.width = self.height = self._size
        return self._size, self._size

    def draw(self) -> None:
        rows = [list(row) for row in self._code.matrix_iter(scale=1, border=QUIET)]
        side = self._size / len(rows)
        self.canv.setFillColor(INK)
        for y, row in enumerate(rows):
            x = 0
            while x < len(row):  # one rectangle for neighbours: no hair lines between them
                end = x
                while end < len(row) and row[end]:
                    end += 1
                if end > x:
                    top = self._size - (y + 1) * side
                    self.canv.rect(x * side, top, (end - x) * side, side, stroke=0, fill=1)
                x = end + 1
