"""Resolution on v1, and the audit trail."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from metrics.journal.entry import Surface
from node.http.staleness import staleness
from node.v1.operation import Call, Operation, Reply
from node.v1.types import Limit, Moment, moment_of
from registry import errors
from registry.access import store as access
from registry.access.actor import anonymous
from registry.access.store import AuditEntry
from registry.errors import IdentifierGone, IdentifierNotFound, NotAuthenticated
from registry.gs1.gtin import GtinNotFound
from registry.record.value import Value
from registry.spelling import Recognised, recognise
from resolver.query import MAX_FILTERS, Answer, Outcome, Query, Source

TAG = "Resolution"
SURFACE = "v1"

Types = Annotated[
    tuple[Annotated[str, Meta(max_length=255)], ...],
    Meta(max_length=MAX_FILTERS, description="Only values of these types; `URL.` takes subtypes"),
]
Indexes = Annotated[
    tuple[Annotated[int, Meta(ge=1, le=2**31 - 1)], ...],
    Meta(max_length=MAX_FILTERS, description="Only values with these indexes"),
]


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    type: Types = ()
    index: Indexes = ()
    recursive: Annotated[bool, Meta(description="Ask other nodes where it lives elsewhere")] = True
    aliases: Annotated[
        bool,
        Meta(description="Add what the DNS says of OIDs and GTINs that the record's values name"),
    ] = False


class AuditOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    before: Annotated[
        Moment | None,
        Meta(description="Entries older than this time, such as 2026-01-01T00:00:00Z"),
    ] = None
    limit: Limit = 100


class Resolution(msgspec.Struct, frozen=True):
    """The answer to a resolution. `source` tells whether this node holds the record or asked for
    it, `via` the services asked. Values with indexes above 1,000,000,000 come from the DNS; if it
    should have been asked and did not answer, `missing` says so."""

    handle: str
    source: Source
    values: tuple[Value, ...]
    revision: int | None = None
    via: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


class Sent(msgspec.Struct, frozen=True, omit_defaults=True):
    """A Resolution whose values are sent as the text in which they are stored."""

    handle: str
    source: Source
    values: msgspec.Raw
    revision: int | None
    via: tuple[str, ...]
    missing: tuple[str, ...] = ()

    @classmethod
    def of(cls, answer: Answer) -> Sent:
        values = msgspec.Raw(answer.values.encode())
        return cls(
            answer.handle, answer.source, values, answer.revision, answer.via, answer.missing
        )


async def resolved(call: Call) -> Reply:
    recognised = recognise(call.path["handle"])
    query = Query(
        await call.wiring.named.meant(recognised),
        anonymous(call.actor.request_id),  # what anyone may read: a key shows no more here
        types=frozenset(call.query.type),
        indexes=frozenset(call.query.index),
    )
    wiring = call.wiring
    answer = await wiring.recorder.ask(
        call.request, Surface.V1, partial(_answer, call, recognised), query, call.actor
    )
    if call.request.method == "GET":  # HEAD is no resolution
        wiring.instruments.resolutions.labels(SURFACE, answer.source, answer.outcome).inc()
    return _reply(call, answer)


async def audited(call: Call) -> Reply:
    call.actor.require_operator()
    text = call.query.before
    before = moment_of(text, "before") if text else None
    async with call.wiring.database.connection() as connection:
        entries = await access.audit_trail(connection, before=before, limit=call.query.limit)
    return Reply(entries)


async def _answer(call: Call, recognised: Recognised, query: Query) -> Answer:
    wiring = call.wiring
    if not call.query.recursive:
        return await wiring.local.alone(query)
    answer = await wiring.named.resolve(recognised, wiring.chain.resolve, query)
    return await wiring.named.with_aliases(query, answer) if call.query.aliases else answer


def check(answer: Answer) -> None:
    """Raise unless the answer is a record."""
    if answer.outcome is Outcome.WITHDRAWN:
        raise IdentifierGone(f"{answer.handle} was withdrawn", field="handle", rule="withdrawn")
    if answer.outcome is Outcome.NOT_FOUND:
        raise IdentifierNotFound(f"there is no {answer.handle}", field="handle", rule="not-found")
    if answer.outcome is Outcome.HIDDEN:
        raise NotAuthenticated("these values are not public", rule="key-needed")


def _reply(call: Call, answer: Answer) -> Reply:
    check(answer)
    headers = {"Cache-Control": "private, must-revalidate", **staleness(answer)}
    if answer.tag is not None and not answer.merged:
        headers["ETag"] = etag = f'"{answer.tag}"'
        if call.knows(etag):
            return Reply(status=304, headers=headers)
    return Reply(Sent.of(answer), headers=headers)


OPERATIONS = (
    Operation(
        name="resolve",
        tag=TAG,
        summary="Resolve an identifier",
        description="Takes the spellings in use: prefix/suffix, hdl:, handle proxy URLs. An "
        "identifier of another node is asked for through the national node.",
        method="GET",
        path="/v1/resolve/{handle:handle}",
        handler=resolved,
        query=Options,
        answer=Resolution,
        also={304: "The record is still the one of the ETag in If-None-Match"},
        errors=(
            errors.InvalidIdentifier,
            errors.PrefixNotFound,
            errors.IdentifierNotFound,
            errors.IdentifierGone,
            GtinNotFound,
            errors.RemoteUnavailable,
            errors.NationalNodeUnavailable,
        ),
        needs_key=False,
    ),
    Operation(
        name="listAudit",
        tag="Operation",
        summary="Show the audit trail, newest first (operators)",
        method="GET",
        path="/v1/audit",
        handler=audited,
        query=AuditOptions,
        answer=list[AuditEntry],
    ),
)
