"""The fonts of the report, with their licence in OFL.txt: subsets of Noto Sans SC."""

from __future__ import annotations

from importlib.resources import as_file, files

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

FILES = {"NotoSansSC": "NotoSansSC-Regular.ttf", "NotoSansSC-Bold": "NotoSansSC-Bold.ttf"}


def register() -> None:
    """Make them known to reportlab, once in a process."""
    for name, file in FILES.items():
        if name not in pdfmetrics.getRegisteredFontNames():
            with as_file(files(__name__).joinpath(file)) as path:
                pdfmetrics.registerFont(TTFont(name, str(path)))
