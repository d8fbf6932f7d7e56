"""The list of a prefix's handles, page by page, for its administrators."""

from __future__ import annotations

from aiohttp import web

from node.handle_json.parameters import number, refused
from node.handle_json.reply import render
from node.handle_json.target import HANDLE
from node.http.authentication import authenticate
from node.wiring import WIRING
from registry.errors import InvalidIdentifier
from registry.identifier import Prefix
from registry.record.catalogue import PAGE_LIMIT
from resolver.local import PREFIX_RECORDS
from resolver.wire.code import ResponseCode

DEFAULT_PAGE = 1000
MAX_PAGE_NUMBER = 2**31 - 1


async def listed(request: web.Request) -> web.Response:
    """`page` counts from 0; `pageSize` 0 only counts the handles."""
    wiring = request.app[WIRING]
    query = request.query
    if not query.get("prefix"):
        raise InvalidIdentifier("Empty handle invalid", field="prefix", rule="empty")
    request[HANDLE] = query["prefix"]
    actor = await authenticate(request, wiring)
    actor.require_known()
    page = number(request, "page", default=0, most=MAX_PAGE_NUMBER)
    size = min(number(request, "pageSize", default=DEFAULT_PAGE, most=10**9), PAGE_LIMIT)
    prefix = Prefix.parse(_bare(query["prefix"])).canonical
    total, handles = await wiring.catalogue.numbered_page(actor, prefix, page, size)
    members = {
        "responseCode": ResponseCode.SUCCESS,
        "prefix": query["prefix"],
        "totalCount": str(total),
        "page": page,
        "pageSize": size,
        "handles": handles,
    }
    return render(request, members, headers={"Cache-Control": "no-store"})


def _bare(text: str) -> str:
    """The prefix, which may come as its record's handle."""
    if len(text) > 255:
        raise refused("prefix", "a prefix has at most 64 bytes")
    above, slash, prefix = text.partition("/")
    return prefix if slash and above.upper() == PREFIX_RECORDS else text
