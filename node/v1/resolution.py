"""Resolution on v1, and the audit trail."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from metrics.journal.entry import Outcome as Entry
from metrics.journal.entry import Surface
from node.http.staleness import staleness
from node.recorder import outcome_of
from node.v1.operation import Call, Operation, Reply
from node.v1.types import Limit, Moment, moment_of
from registry import errors
from registry.access import store as access
from registry.access.actor import anonymous
from registry.access.store import AuditEntry
from registry.errors import IdentifierGone, IdentifierNotFound, NotAuthenticated
from registry.gs1.gtin import GtinNotFound
from registry.identifier import Identifier, System
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


class AuditOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    before: Annotated[
        Moment | None,
        Meta(description="Entries older than this time, such as 2026-01-01T00:00:00Z"),
    ] = None
    limit: Limit = 100


class Resolution(msgspec.Struct, frozen=True):
    """The answer to a resolution. `source` tells whether this node holds the record or asked for
    it, `via` the services asked."""

    handle: str
    source: Source
    values: tuple[Value, ...]
    revision: int | None = None
    via: tuple[str, ...] = ()


class Sent(msgspec.Struct, frozen=True):
    """A Resolution whose values are sent as the text in which they are stored."""

    handle: str
    source: Source
    values: msgspec.Raw
    revision: int | None
    via: tuple[str, ...]


async def resolved(call: Call) -> Reply:
    by_name = await _by_name(call)
    if by_name is not None:
        return _reply(call, by_name)
    query = Query(
        await _meant(call),
        anonymous(call.actor.request_id),  # what anyone may read: a key shows no more here
        types=frozenset(call.query.type),
        indexes=frozenset(call.query.index),
    )
    answer = await _ask(call, query)
    if call.request.method == "GET":  # HEAD is no resolution
        call.wiring.instruments.resolutions.labels(SURFACE, answer.source, answer.outcome).inc()
    return _reply(call, answer)


async def audited(call: Call) -> Reply:
    call.actor.require_operator()
    text = call.query.before
    before = moment_of(text, "before") if text else None
    async with call.wiring.database.connection() as connection:
        entries = await access.audit_trail(connection, before=before, limit=call.query.limit)
    return Reply(entries)


async def _by_name(call: Call) -> Answer | None:
    """The answer for what is resolved through the DNS: OIDs, and GTINs that nobody here
    registered. Noted as OID/1.2.156 or GS1/06901234567892."""
    recognised, wiring = recognise(call.path["handle"]), call.wiring
    if recognised.identifier is not None or not wiring.zones.has(recognised.system):
        return None
    if recognised.system is System.GS1 and await _registered(call, recognised):
        return None
    noted = Identifier(recognised.system, recognised.text)
    expect = partial(wiring.recorder.expect, call.request, Surface.V1, noted, call.actor)
    try:
        answer = await wiring.zones.resolve(recognised)
    except errors.BiaoshiError as error:
        expect(outcome_of(error), recursive=True)
        raise
    expect(Entry.of(answer.outcome), recursive=True)
    if call.request.method == "GET":
        wiring.instruments.resolutions.labels(SURFACE, answer.source, answer.outcome).inc()
    return answer


async def _registered(call: Call, recognised: Recognised) -> bool:
    try:
        await call.wiring.gtins.identifier(recognised)
    except errors.NotFound:
        return False
    return True


async def _meant(call: Call) -> Identifier:
    """What to look up; of a GTIN or a Digital Link, what its enterprise says that it means."""
    text = call.path["handle"]
    recognised = recognise(text)
    if recognised.system is System.GS1:
        return await call.wiring.gtins.identifier(recognised)
    return identifier_of(text)


async def _ask(call: Call, query: Query) -> Answer:
    wiring = call.wiring
    ask = partial(wiring.recorder.ask, call.request, Surface.V1, query=query, actor=call.actor)
    if call.query.recursive:
        return await ask(wiring.chain.resolve)
    answer = await ask(wiring.local.resolve)
    if answer is None:
        raise errors.PrefixNotFound(
            f"the prefix {query.identifier.prefix} does not live here",
            field="handle",
            rule="prefix-not-found",
        )
    return answer


def identifier_of(text: str) -> Identifier:
    """What to look up for a spelling. Raises InvalidIdentifier, or PrefixNotFound for a system that
    is not resolved here."""
    recognised = recognise(text)
    if recognised.identifier is None:
        raise errors.PrefixNotFound(
            f"{recognised.system} identifiers are not resolved by this node yet",
            field="handle",
            rule="system-not-resolved",
        )
    return recognised.identifier


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
    if answer.tag is not None:
        headers["ETag"] = etag = f'"{answer.tag}"'
        if call.knows(etag):
            return Reply(status=304, headers=headers)
    values = msgspec.Raw(answer.values.encode())
    body = Sent(answer.handle, answer.source, values, answer.revision, answer.via)
    return Reply(body, headers=headers)


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
