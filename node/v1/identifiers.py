"""Identifiers: registration, change, withdrawal, history.

PUT creates, or confirms identical content; with If-Match it replaces. So a client that lost an
answer sends its PUT again. PATCH changes values by index.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from node.http import body as bodies
from node.v1.item import Content, ContentReader, Item, StrictValue
from node.v1.listing import listed
from node.v1.operation import Call, Operation, Reply
from node.v1.registering import Registering
from node.v1.result import Result, Results, count, result_of
from node.v1.stream import NDJSON, receive
from registry import errors
from registry.errors import (
    IdentifierGone,
    IdentifierNotFound,
    InvalidInput,
    RevisionMismatch,
)
from registry.identifier import Identifier
from registry.importing.store import Origin
from registry.record.bulk import Terms
from registry.record.catalogue import View
from registry.record.creation import Wish
from registry.record.history import Event
from registry.record.registrar import MAX_LIST
from registry.record.registration import Method, Outcome, Registration, Verdict
from registry.record.tag import Tag
from registry.record.value import Value, normalise

TAG = "Identifiers"


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Values to set, by their index, and indexes to remove."""

    values: list[StrictValue] = []
    remove: list[int] = []


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """A record with what its reader may see of it. `imported` tells where it was registered, if
    that was not here."""

    handle: str
    revision: int
    registered_at: datetime
    batch: int
    values: tuple[Value, ...]
    imported: Origin | None = None


class ListOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    revive: Annotated[bool, Meta(description="Bring withdrawn identifiers back")] = False
    dry_run: Annotated[bool, Meta(description="Judge everything, write nothing (streams only)")] = (
        False
    )


class PutOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    revive: Annotated[bool, Meta(description="Bring a withdrawn identifier back")] = False


async def registered(call: Call) -> Reply:
    call.actor.require_known()
    reader, revive = _reader(call), call.query.revive

    async def read(text: bytes, field: str) -> Registration:
        item = bodies.decode(text, Item, field=field)
        return await reader.registration(Identifier.parse(item.handle), item, new=not revive)

    async def create(registrations: Sequence[Registration]) -> Sequence[Verdict]:
        return await call.wiring.registrar.create(
            call.actor, registrations, Method.BATCH, revive=revive
        )

    return await listed(call, read, create)


async def streamed(call: Call) -> web.StreamResponse:
    """The same without a limit: a line is an item, and verdicts come as they are reached."""
    query = call.query
    terms = Terms(call.actor, Method.STREAM, revive=query.revive, dry_run=query.dry_run)
    return await receive(call, Registering(call.wiring, terms), dry_run=query.dry_run)


async def shown(call: Call) -> Reply:
    identifier = Identifier.parse(call.path["handle"])
    call.actor.require_known()
    view = await call.wiring.catalogue.view(call.actor, identifier)
    if view is None:
        if (await call.wiring.catalogue.find(identifier)).row is not None:
            raise IdentifierGone(f"{identifier} was withdrawn", field="handle", rule="withdrawn")
        raise IdentifierNotFound(f"there is no {identifier}", field="handle", rule="not-found")
    etag = _view_tag(view)
    if call.knows(etag):
        return Reply(status=304, headers={"ETag": etag})
    record = Record(
        handle=f"{view.holding.prefix}/{view.row.spelling}",
        revision=view.row.revision,
        registered_at=view.registered_at,
        batch=view.row.batch_id,
        values=view.listed,
        imported=await call.wiring.catalogue.origin(view.row.batch_id),
    )
    return Reply(record, headers={"ETag": etag})


async def put(call: Call) -> Reply:
    identifier = Identifier.parse(call.path["handle"])
    expected = expected_tag(call)
    new = expected is None and not call.query.revive
    registration = await _reader(call).registration(identifier, call.body, new=new)
    if expected is not None:
        verdict = await _replace(call, registration, expected)
    else:
        verdict = await _create(call, registration)
    return _answer(call, verdict)


async def patched(call: Call) -> Reply:
    verdict = await call.wiring.registrar.upsert(
        call.actor,
        Identifier.parse(call.path["handle"]),
        normalise(call.body.values, now=call.wiring.now()),
        remove=call.body.remove,
        expected=expected_tag(call),
    )
    return _answer(call, verdict)


async def withdrawn(call: Call) -> Reply:
    identifier = Identifier.parse(call.path["handle"])
    verdict = await call.wiring.registrar.withdraw(
        call.actor, identifier, expected=expected_tag(call)
    )
    return _answer(call, verdict)


async def history(call: Call) -> Reply:
    identifier = Identifier.parse(call.path["handle"])
    return Reply(await call.wiring.catalogue.history(call.actor, identifier))


def expected_tag(call: Call) -> Tag | None:
    """The state that an If-Match header names; None without one. `*` is not taken: it would replace
    whatever is there."""
    text = call.request.headers.get("If-Match")
    if text is None:
        return None
    tag = Tag.parse(text.strip().removeprefix('"').removesuffix('"'))
    if tag is None:
        raise InvalidInput(
            'If-Match holds the ETag of one revision, such as "3"',
            field="If-Match",
            rule="if-match",
        )
    return tag


async def _create(call: Call, registration: Registration) -> Verdict:
    verdict = await call.wiring.singles.register(Wish(call.actor, registration, call.query.revive))
    if verdict.error is not None:
        count(call, [result_of(verdict)])
        raise verdict.error
    return verdict


async def _replace(call: Call, registration: Registration, expected: Tag) -> Verdict:
    try:
        return await call.wiring.registrar.put(call.actor, registration, expected=expected)
    except IdentifierNotFound:
        raise RevisionMismatch(
            "there is no record to replace", field="If-Match", rule="revision"
        ) from None


def _reader(call: Call) -> ContentReader:
    return ContentReader(call.wiring.templates, call.actor, call.wiring.now())


def _view_tag(view: View) -> str:
    """A grant shows more of a state, so its readers must not take one view for the other."""
    return f'"{view.row.tag}+granted"' if view.granted else f'"{view.row.tag}"'


def _answer(call: Call, verdict: Verdict) -> Reply:
    result = result_of(verdict)
    count(call, [result])
    new = verdict.outcome in (Outcome.CREATED, Outcome.REVIVED)
    return Reply(result, status=201 if new else 200, headers={"ETag": f'"{verdict.tag}"'})


_ONE = "/v1/identifiers/{handle:handle}"
_WRITE = (
    errors.InvalidIdentifier,
    errors.InvalidValue,
    errors.InvalidAttribute,
    errors.DuplicateIndex,
    errors.NotPrefixOwner,
    errors.EnterpriseNotVerified,
    errors.EnterpriseSuspended,
    errors.PrefixNotActive,
    errors.PrefixElsewhere,
    errors.PrefixNotFound,
)

OPERATIONS = (
    Operation(
        name="registerIdentifiers",
        tag=TAG,
        summary=f"Register a list of up to {MAX_LIST} identifiers",
        description="Every item gets its own verdict: created, unchanged (it was there with this "
        "content, so a list may be sent again), revived, or refused with the problem. As "
        "application/x-ndjson, an item to a line, a request has no limit: chunks are committed as "
        "they come, and the answer is NDJSON too (refused, committed with running totals, and a "
        "summary at the end; read it while you send).",
        method="POST",
        path="/v1/identifiers",
        handler=registered,
        query=ListOptions,
        body=list[msgspec.Raw],
        streams={NDJSON: streamed},
        body_schema=Annotated[list[Item], Meta(min_length=1, max_length=MAX_LIST)],
        body_limit=bodies.MAX_LIST_BODY,
        answer=Results,
    ),
    Operation(
        name="getHistory",
        tag=TAG,
        summary="Show every state an identifier's record was in",
        method="GET",
        path="/v1/history/{handle:handle}",
        handler=history,
        answer=list[Event],
        errors=(errors.InvalidIdentifier, errors.IdentifierNotFound, errors.PrefixNotFound),
    ),
    Operation(
        name="getIdentifier",
        tag=TAG,
        summary="Show an identifier's record as it is registered",
        description="For the prefix's enterprise, private values included. To look an identifier "
        "up as anyone may, resolve it.",
        method="GET",
        path=_ONE,
        handler=shown,
        answer=Record,
        also={304: "The record is still the one of the ETag in If-None-Match"},
        errors=(errors.InvalidIdentifier, errors.IdentifierNotFound, errors.IdentifierGone),
    ),
    Operation(
        name="putIdentifier",
        tag=TAG,
        summary="Register an identifier, or replace its record",
        description="Without If-Match: creates; the same content again is confirmed as unchanged, "
        "other content is a conflict. With If-Match: replaces that revision.",
        method="PUT",
        path=_ONE,
        handler=put,
        query=PutOptions,
        body=Content,
        answer=Result,
        status=200,
        also={201: "Created or revived"},
        errors=(
            *_WRITE,
            errors.UnknownTemplate,
            errors.IdentifierExists,
            errors.IdentifierWithdrawn,
            errors.RevisionMismatch,
        ),
        conditional=True,
    ),
    Operation(
        name="changeIdentifier",
        tag=TAG,
        summary="Change values by index",
        method="PATCH",
        path=_ONE,
        handler=patched,
        body=Change,
        answer=Result,
        errors=(
            *_WRITE,
            errors.IdentifierNotFound,
            errors.ValueNotFound,
            errors.RevisionMismatch,
        ),
        conditional=True,
    ),
    Operation(
        name="withdrawIdentifier",
        tag=TAG,
        summary="Withdraw an identifier",
        description="It no longer resolves. It stays taken: a tombstone is kept.",
        method="DELETE",
        path=_ONE,
        handler=withdrawn,
        answer=Result,
        errors=(*_WRITE, errors.IdentifierNotFound, errors.RevisionMismatch),
        conditional=True,
    ),
)
