"""Text set line by line: Chinese breaks anywhere, numbers and words never, and no line begins with
a closing mark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from reportlab.lib.colors import Color, HexColor
from reportlab.pdfbase import pdfmetrics
from reportlab.platypus import Flowable

REGULAR, BOLD = "NotoSansSC", "NotoSansSC-Bold"
INK, GREY, BLUE = HexColor(0x1B1F24), HexColor(0x6B7280), HexColor(0x1F3A5F)
GREEN, RED, AMBER = HexColor(0x1A7F4B), HexColor(0xB42318), HexColor(0xA15C07)
PALE, RULE = HexColor(0xF3F6FA), HexColor(0xCBD5E1)

MISSING = "〓"  # the printer's mark for a character the font does not have
_PIECE = re.compile(r"[A-Za-z0-9.,:/%+\-_=@#&*~()\[\]{}<>'\"^|!?;–−]+|\s+|.", re.DOTALL)
_CLOSING = set("，。；：、！？”’）》〉】〕％…·%")
_OPENING = set("“‘（《〈【〔")


@dataclass(frozen=True, slots=True)
class Style:
    font: str = REGULAR
    size: float = 9.5
    leading: float = 15.0
    colour: Color = INK
    align: str = "left"
    before: float = 0.0
    after: float = 0.0
    indent: float = 0.0
    room: float = 0.0  # that must be left below a heading, else it goes to the next page

    def but(self, **changes: object) -> Style:
        return replace(self, **changes)  # type: ignore[arg-type]


class Prose(Flowable):
    """A paragraph. `\\n` ends a line."""

    def __init__(self, text: str, style: Style) -> None:
        super().__init__()
        self._text = drawable(text, style.font)
        self._style = style
        self._lines: list[str] = []

    def getSpaceBefore(self) -> float:
        return self._style.before

    def getSpaceAfter(self) -> float:
        return self._style.after

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        style = self._style
        self.width = width
        self._lines = list(broken(self._text, style.font, style.size, width - style.indent))
        self.height = len(self._lines) * style.leading
        if style.room and height < self.height + style.room:
            return width, height + 1  # too high for what is left: a heading goes to the next page
        return width, self.height

    def split(self, width: float, height: float) -> list[Flowable]:
        fitting = int(height // self._style.leading)
        if fitting < 2 or fitting >= len(self._lines):
            return []
        first, rest = self._lines[:fitting], self._lines[fitting:]
        return [
            Prose("\n".join(first), self._style.but(after=0.0)),
            Prose("\n".join(rest), self._style.but(before=0.0)),
        ]

    def draw(self) -> None:
        style, canvas = self._style, self.canv
        canvas.setFont(style.font, style.size)
        canvas.setFillColor(style.colour)
        y = self.height - style.leading + (style.leading - style.size) / 2 + style.size * 0.12
        for line in self._lines:
            if style.align == "right":
                canvas.drawRightString(self.width, y, line)
            elif style.align == "centre":
                canvas.drawCentredString(self.width / 2, y, line)
            else:
                canvas.drawString(style.indent, y, line)
            y -= style.leading


def broken(text: str, font: str, size: float, width: float) -> Iterator[str]:
    """The lines that a text takes at a width."""
    for paragraph in text.split("\n"):
        line, used = "", 0.0
        for piece in _pieces(paragraph, font, size, width):
            extent = pdfmetrics.stringWidth(piece, font, size)
            if line and used + extent > width and piece not in _CLOSING:
                carried = line[-1] if line[-1] in _OPENING else ""
                yield line.removesuffix(carried).rstrip()
                line = carried + piece.lstrip()
                used = pdfmetrics.stringWidth(line, font, size)
            else:
                line, used = line + piece, used + extent
        yield line.rstrip()


def _pieces(paragraph: str, font: str, size: float, width: float) -> Iterator[str]:
    """What stays together; a word longer than a line is cut into characters."""
    for found in _PIECE.finditer(paragraph):
        piece = found[0]
        if len(piece) > 1 and pdfmetrics.stringWidth(piece, font, size) > width:
            yield from piece
        else:
            yield piece


def drawable(text: str, font: str) -> str:
    """With a mark for every character that the font lacks, so that none vanishes."""
    face: Any = getattr(pdfmetrics.getFont(font), "face")  # noqa: B009
    known = face.charToGlyph
    return "".join(
        one if one == "\n" or ord(one) in known else " " if one.isspace() else MISSING
        for one in text
    )
