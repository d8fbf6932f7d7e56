"""XLSX workbooks as spreadsheets save them, and as nobody would."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable

_FORMATS = "http://schemas.openxmlformats.org"
_SPREADSHEET = f"{_FORMATS}/spreadsheetml/2006/main"
_DOCUMENT = f"{_FORMATS}/officeDocument/2006/relationships"
_PACKAGE = f"{_FORMATS}/package/2006"
_OFFICE = "application/vnd.openxmlformats"

_TYPES = f"""<Types xmlns="{_PACKAGE}/content-types">
<Default Extension="rels" ContentType="{_OFFICE}-package.relationships+xml"/>
<Default Extension="xml" ContentType="application/xml"/>
<Override PartName="/xl/workbook.xml"
 ContentType="{_OFFICE}-officedocument.spreadsheetml.sheet.main+xml"/></Types>"""
_RELATIONS = f"""<Relationships xmlns="{_PACKAGE}/relationships">
<Relationship Id="r1" Type="{_DOCUMENT}/officeDocument" Target="xl/workbook.xml"/>
</Relationships>"""
# The styles 1 and 2 are those of days and of times on days.
_STYLES = f"""<styleSheet xmlns="{_SPREADSHEET}"><cellXfs count="3">
<xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="22"/></cellXfs></styleSheet>"""


def cell(place: str, value: object) -> str:
    """A cell's XML: texts as texts, numbers as numbers; `(value, style)`, or XML as it is."""
    if isinstance(value, bytes):
        return value.decode()
    style = ""
    if isinstance(value, tuple):
        value, number = value
        style = f' s="{number}"'
    if isinstance(value, str):
        text = value.replace("&", "&amp;").replace("<", "&lt;")
        return f'<c r="{place}"{style} t="inlineStr"><is><t>{text}</t></is></c>'
    return f'<c r="{place}"{style}><v>{value}</v></c>'


def sheet(rows: Iterable[Iterable[object]], first: int = 1) -> str:
    """The XML of a sheet; None leaves a cell out."""
    lines = []
    for number, row in enumerate(rows, start=first):
        cells = "".join(
            cell(f"{chr(65 + column)}{number}", value)
            for column, value in enumerate(row)
            if value is not None
        )
        lines.append(f'<row r="{number}">{cells}</row>')
    return f'<worksheet xmlns="{_SPREADSHEET}"><sheetData>{"".join(lines)}</sheetData></worksheet>'


def workbook(**sheets: str) -> bytes:
    """A workbook of sheets, by their names, from their XML."""
    names = "".join(
        f'<sheet name="{name}" sheetId="{number}" r:id="r{number}"/>'
        for number, name in enumerate(sheets, start=1)
    )
    kind = f"{_DOCUMENT}/worksheet"
    relations = "".join(
        f'<Relationship Id="r{number}" Type="{kind}" Target="worksheets/sheet{number}.xml"/>'
        for number in range(1, len(sheets) + 1)
    )
    relations += f'<Relationship Id="s" Type="{_DOCUMENT}/styles" Target="styles.xml"/>'
    members = {
        "[Content_Types].xml": _TYPES,
        "_rels/.rels": _RELATIONS,
        "xl/workbook.xml": f'<workbook xmlns="{_SPREADSHEET}" xmlns:r="{_DOCUMENT}">'
        f"<sheets>{names}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f"{relations}</Relationships>",
        "xl/styles.xml": _STYLES,
    }
    for number, text in enumerate(sheets.values(), start=1):
        members[f"xl/worksheets/sheet{number}.xml"] = text
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as package:
        for name, text in members.items():
            package.writestr(name, text)
    return packed.getvalue()
