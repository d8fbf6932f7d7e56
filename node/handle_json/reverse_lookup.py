"""Reverse lookup: which handles have values like these. `/hrls/handles?URL=*x*&CHECKSUM=*y*`

Every parameter but `limit` names a type of values; `*` stands for any text. A handle is listed if
it has, for each type, a public value like the pattern; case makes no difference.
"""

from __future__ import annotations

import re

from aiohttp import web

from node.handle_json.parameters import number, refused
from node.handle_json.reply import render
from node.http.authentication import authenticate
from node.wiring import WIRING
from registry.errors import InvalidInput
from registry.record.catalogue import SEARCH_LIMIT
from registry.record.value import MAX_TYPE_BYTES

MAX_KEYS = 10
MAX_PATTERN = 1024  # characters
MAX_WILDCARDS = 10

LIMIT = "limit"
# Parameters of the servlets in the field that are not types; better refused than searched for.
_UNKNOWN = {"page", "retrieverecords"}


async def looked_up(request: web.Request) -> web.Response:
    wiring = request.app[WIRING]
    actor = await authenticate(request, wiring)
    actor.require_known()
    limit = number(request, LIMIT, default=SEARCH_LIMIT, most=10**9)
    handles = await wiring.catalogue.search(actor, wanted(request))
    return render(request, handles[:limit], headers={"Cache-Control": "no-store"})


def wanted(request: web.Request) -> dict[str, str]:
    """The LIKE pattern for each type. Raises InvalidInput."""
    keys = [key for key, _ in request.query.items() if key != LIMIT]  # repeated ones too
    if not keys:
        raise InvalidInput(
            "name at least one type to search, such as URL=*lamp*", field="query", rule="no-key"
        )
    if len(keys) > MAX_KEYS:
        raise InvalidInput(
            f"a search has at most {MAX_KEYS} types", field="query", rule="too-many-keys"
        )
    if len({key.upper() for key in keys}) < len(keys):
        raise InvalidInput("each type stands once", field="query", rule="repeated-key")
    patterns: dict[str, str] = {}
    for key in keys:
        if key.lower() in _UNKNOWN or not key or len(key) > MAX_TYPE_BYTES:
            raise refused(key, f"{key[:50]!r} cannot be searched")
        patterns[key] = like(key, request.query[key])
    return patterns


def like(key: str, pattern: str) -> str:
    """A LIKE pattern in which nothing but `*` stands for other text.

    Wildcards are few: matching takes time in the power of their number.
    """
    pattern = re.sub(r"\*+", "*", pattern)
    if len(pattern) > MAX_PATTERN or pattern.count("*") > MAX_WILDCARDS:
        raise refused(
            key,
            f"a pattern has at most {MAX_PATTERN} characters, of which {MAX_WILDCARDS} wildcards",
        )
    return re.sub(r"([\\%_])", r"\\\1", pattern).replace("*", "%")
