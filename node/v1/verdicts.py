"""What became of every line of a job, as a CSV file that spreadsheets open right."""

from __future__ import annotations

import asyncio
import csv
import io
from urllib.parse import quote

from aiohttp import web

from node.http.edge import REQUEST_ID
from node.v1.operation import Call
from registry.job.report import LineVerdict

CSV = "text/csv"
COLUMNS = ("line", "identifier", "outcome", "rule", "field", "reason")
BOM = "\ufeff"  # without it spreadsheets take UTF-8 for something else
ACTIVE = ("=", "+", "-", "@", "\t", "\r")  # spreadsheets would compute such a cell


async def told(call: Call) -> web.StreamResponse:
    """Stream the verdicts reached by now."""
    reports = call.wiring.reports
    source = await reports.open(call.actor, call.number)
    name = quote(f"{source.name}.verdicts.csv", safe="")
    named = f"attachment; filename=\"verdicts.csv\"; filename*=UTF-8''{name}"
    response = web.StreamResponse(
        headers={
            "Content-Type": f"{CSV}; charset=utf-8",
            "Content-Disposition": named,
            "Cache-Control": "no-store",
            "X-Request-Id": call.request[REQUEST_ID],
        }
    )
    await response.prepare(call.request)
    try:
        await response.write(f"{BOM}{','.join(COLUMNS)}\r\n".encode())
        async for lines in reports.lines(source):
            await response.write(await asyncio.to_thread(_written, lines))
        await response.write_eof()
    except ConnectionError:
        pass  # the client has gone
    return response


def _written(lines: list[LineVerdict]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    for line in lines:
        identifier = line.identifier
        if identifier.startswith(ACTIVE):
            identifier = f"'{identifier}"
        writer.writerow((line.line, identifier, line.outcome, line.rule, line.field, line.detail))
    return text.getvalue().encode("utf-8", "replace")
