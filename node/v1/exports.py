"""Exports of a prefix: all its live records as NDJSON or CSV, of any number.

The last line says whether that was all. An NDJSON export can be sent to `POST /v1/identifiers` as
it is: what is in a node already is unchanged there.

    {"handle":"88.118.1/A","values":[…]}
    {"handle":"88.118.1/B","values":[…],"template":"lamp-1"}
    {"type":"export","complete":true,"identifiers":2}
"""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
import structlog
from aiohttp import web
from msgspec import Meta

from node.http.edge import REQUEST_ID
from node.http.problem import problem_of
from node.v1.export_end import End
from node.v1.operation import Call, Operation
from node.v1.queries import TAG, Which
from node.v1.stream import NDJSON, ClientGone
from registry import errors
from registry.database import is_away
from registry.errors import BiaoshiError, Unavailable
from registry.places import places
from registry.query.export import Export, Exported
from registry.query.question import State
from registry.record.value import Value, decode

CSV = "text/csv"
PATIENCE = 300.0  # seconds in which a client takes a part; the next is not read before
COLUMNS = (
    "标识 handle",
    "登记时间 registered_at",
    "版本 revision",
    "模板 template",
    "序号 index",
    "类型 type",
    "格式 format",
    "内容 data",
    "缓存秒数 ttl",
    "权限 permissions",
)
BOM = "\ufeff"  # without it spreadsheets take UTF-8 for something else
ACTIVE = ("=", "+", "-", "@", "\t", "\r")  # spreadsheets would compute such a cell
END, BROKEN = "#导出完整 export complete", "#导出中断 export broken off"

log = structlog.get_logger()


class NdjsonOptions(Which, frozen=True, forbid_unknown_fields=True, kw_only=True):
    dates: Annotated[
        bool,
        Meta(description="Add `registered_at` to each line, as an import into another node wants"),
    ] = False


class CsvOptions(Which, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class _Line(msgspec.Struct, frozen=True, omit_defaults=True):
    handle: str
    values: msgspec.Raw
    template: str | None = None
    registered_at: datetime | None = None


class Sending:
    """An export on its way to a client."""

    def __init__(self, call: Call, media: str, extension: str) -> None:
        self._call = call
        name = quote(f"{call.path['prefix']}.{extension}", safe="")
        self._response = web.StreamResponse(
            headers={
                "Content-Type": media,
                "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
                "Cache-Control": "no-store",
                "X-Request-Id": call.request[REQUEST_ID],
            }
        )
        self._identifiers = 0

    async def send(
        self,
        export: Export,
        head: str,
        write: Callable[[Sequence[Exported]], bytes],
        end: Callable[[End], bytes],
    ) -> web.StreamResponse:
        """Send all. The next part is read when the client has taken the last one. A client that is
        gone, or takes nothing for long, is given up."""
        with suppress(ClientGone):
            await self._patiently(self._response.prepare(self._call.request))
            await self._patiently(self._response.write(head.encode()))
            last = await self._parts(export, write)
            await self._patiently(self._response.write(end(last)))
            await self._patiently(self._response.write_eof())
        return self._response

    async def _parts(self, export: Export, write: Callable[[Sequence[Exported]], bytes]) -> End:
        """What to say at the end: the answer has begun, so nothing else can tell of a failure."""
        try:
            async with aclosing(export.parts()) as parts:
                async for part in parts:
                    await self._patiently(self._response.write(write(part)))
                    self._identifiers += len(part)
                    await asyncio.sleep(0)
        except ClientGone:
            raise
        except Exception as error:
            return self._broken(error)
        return End(self._identifiers, complete=True)

    async def _patiently(self, writing: Awaitable[object]) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await writing
        except TimeoutError:
            if self._call.request.transport is not None:
                self._call.request.transport.abort()
            raise ClientGone from None
        except OSError:
            raise ClientGone from None

    def _broken(self, error: Exception) -> End:
        name, request_id = type(error).__name__, self._call.request[REQUEST_ID]
        if not isinstance(error, BiaoshiError):
            log.error("export-broken", error=name, at=places(error), request_id=request_id)
            told = "the database does not answer" if is_away(error) else "the node failed"
            error = Unavailable(told)
        return End(self._identifiers, complete=False, problem=problem_of(error))


async def as_ndjson(call: Call) -> web.StreamResponse:
    dates = call.query.dates

    def write(part: Sequence[Exported]) -> bytes:
        return b"".join(_line(one, dates) for one in part)

    with call.wiring.exporting.place(call.actor.name):
        export = await _open(call)
        sending = Sending(call, NDJSON, "ndjson")
        return await sending.send(export, "", write, lambda end: msgspec.json.encode(end) + b"\n")


async def as_csv(call: Call) -> web.StreamResponse:
    with call.wiring.exporting.place(call.actor.name):
        export = await _open(call)
        sending = Sending(call, f"{CSV}; charset=utf-8", "csv")
        head = f"{BOM}{','.join(COLUMNS)}\r\n"
        return await sending.send(export, head, _rows, _last_row)


async def _open(call: Call) -> Export:
    question = call.query.question(call.path["prefix"], State.LIVE)
    return await call.wiring.exports.open(call.actor, question)


def _line(one: Exported, dates: bool) -> bytes:
    at = one.registered_at if dates else None
    line = _Line(one.handle, msgspec.Raw(one.json.encode()), one.template, at)
    return msgspec.json.encode(line) + b"\n"


def _rows(part: Sequence[Exported]) -> bytes:
    """A row to a value; a record that has none, or of which none may be seen, has one too."""
    text = io.StringIO()
    writer = csv.writer(text)
    for one in part:
        at = one.registered_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        head = (_cell(one.handle), at, one.revision, _cell(one.template or ""))
        values = decode(one.text) if one.text is not None else one.values
        writer.writerows((*head, *_columns(value)) for value in values)
        if not values:
            writer.writerow((*head, "", "", "", "", "", ""))
    return text.getvalue().encode()


def _columns(value: Value) -> tuple[object, ...]:
    data = value.data.value
    told = data if isinstance(data, str) else msgspec.json.encode(data).decode()
    return (
        value.index,
        _cell(value.type),
        value.data.format,
        _cell(told),
        value.ttl,
        value.permissions,
    )


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(ACTIVE) else text


def _last_row(end: End) -> bytes:
    row: list[Any] = [END if end.complete else BROKEN, end.identifiers]
    if end.problem is not None:
        row.append(end.problem.detail)
    text = io.StringIO()
    csv.writer(text).writerow(row)
    return text.getvalue().encode()


_DESCRIPTION = (
    "Live records with what the key may see: the prefix's enterprise sees private values too, an "
    "operator what anyone may read. A record with a data template has all values that it gives. "
    "No moment is kept still meanwhile: a record is there as it was when its turn came."
)
_ERRORS = (errors.PrefixNotFound, errors.UnknownTemplate, errors.TooManyRequests)

OPERATIONS = (
    Operation(
        name="exportNdjson",
        tag=TAG,
        summary="Export a prefix's records as NDJSON",
        description=f"{_DESCRIPTION} The last line has `complete`, and the number of identifiers. "
        "The whole can be sent to `POST /v1/identifiers` as it is.",
        method="GET",
        path="/v1/prefixes/{prefix:segment}/identifiers.ndjson",
        handler=as_ndjson,
        query=NdjsonOptions,
        answer=str,
        answer_media=NDJSON,
        errors=_ERRORS,
    ),
    Operation(
        name="exportCsv",
        tag=TAG,
        summary="Export a prefix's records as CSV",
        description=f"{_DESCRIPTION} A row to a value, in UTF-8 with a mark of it. The first cell "
        "of the last row says whether the export is complete.",
        method="GET",
        path="/v1/prefixes/{prefix:segment}/identifiers.csv",
        handler=as_csv,
        query=CsvOptions,
        answer=str,
        answer_media=CSV,
        errors=_ERRORS,
    ),
)
