"""Search: reverse lookup, from values to the identifiers that have them."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from node.handle_json.reverse_lookup import MAX_KEYS, MAX_PATTERN, like
from node.v1.operation import Call, Operation, Reply
from registry.errors import InvalidInput
from registry.record.catalogue import SEARCH_LIMIT
from registry.record.value import MAX_TYPE_BYTES

TAG = "Identifiers"

Match = Annotated[str, Meta(min_length=2, max_length=MAX_TYPE_BYTES + 1 + MAX_PATTERN)]


class SearchOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    match: Annotated[
        tuple[Match, ...],
        Meta(
            max_length=MAX_KEYS,
            description="`TYPE=text`, in which `*` stands for any text; all must hold",
        ),
    ] = ()


class Hits(msgspec.Struct, frozen=True):
    """Identifiers that were found. `complete` is false where there may be more."""

    handles: list[str]
    complete: bool


async def searched(call: Call) -> Reply:
    handles = await call.wiring.catalogue.search(call.actor, wanted(call.query.match))
    return Reply(Hits(handles, complete=len(handles) < SEARCH_LIMIT))


def wanted(matches: tuple[str, ...]) -> dict[str, str]:
    """The LIKE pattern for each type. Raises InvalidInput."""
    if not matches:
        raise InvalidInput(
            "say what to search for, such as match=COLOUR=white*", field="match", rule="no-match"
        )
    patterns: dict[str, str] = {}
    for one in matches:
        kind, sign, pattern = one.partition("=")
        if not (sign and kind and pattern):
            raise InvalidInput(
                "a match is TYPE=text, such as COLOUR=white*", field="match", rule="match-form"
            )
        if kind.upper() in (known.upper() for known in patterns):
            raise InvalidInput(f"{kind} stands twice", field="match", rule="match-twice")
        patterns[kind] = like("match", pattern)
    return patterns


OPERATIONS = (
    Operation(
        name="searchIdentifiers",
        tag=TAG,
        summary="Find identifiers by their values",
        description=f"Among the live identifiers of the key's enterprise, at most {SEARCH_LIMIT}: "
        "by what anyone may read, case apart. Of records with a data template, by the items marked "
        "searchable and by the template's version (type TEMPLATE). A text whose beginning is known "
        "is found through an index, `*lamp*` by going through the records.",
        method="GET",
        path="/v1/search",
        handler=searched,
        query=SearchOptions,
        answer=Hits,
    ),
)
