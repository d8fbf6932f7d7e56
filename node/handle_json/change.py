"""Changes: PUT creates, revives or replaces a record, or sets values by index; DELETE withdraws a
record, or removes values by index."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable

from aiohttp import web

from node.handle_json.content import Content, read
from node.handle_json.parameters import flag, indexes, written_indexes
from node.handle_json.reply import done
from node.handle_json.resolution import NAME
from node.handle_json.target import HANDLE, target
from node.http.authentication import authenticate
from node.wiring import WIRING, Wiring
from registry.access.actor import Actor
from registry.errors import BiaoshiError, InvalidIdentifier, InvalidInput
from registry.identifier import Identifier
from registry.record.creation import Wish
from registry.record.registration import Outcome, Registration, Verdict
from registry.record.value import normalise


async def put(request: web.Request) -> web.Response:
    wiring, actor = await _begun(request)
    overwrite = flag(request, "overwrite", default=True)
    by_index = "index" in request.query
    named = written_indexes(request)
    content = await read(request)
    if flag(request, "mintNewSuffix", default=False):
        if by_index:
            raise InvalidInput(
                "a new handle has no indexes to set yet", field="mintNewSuffix", rule="parameter"
            )
        request[HANDLE], overwrite = _minted(request[HANDLE]), False
    identifier = _written(request[HANDLE])
    content.check_handle(identifier, wiring.form)
    if by_index:
        _check_indexes(named, content)
    values = normalise(content.values, now=wiring.now())
    if by_index:
        work = wiring.registrar.upsert(actor, identifier, values, overwrite=overwrite)
    else:
        registration = Registration(identifier, values)
        work = _put(wiring, actor, registration, overwrite)
    verdict = await _counted(wiring, work)
    new = verdict.added or verdict.outcome in (Outcome.CREATED, Outcome.REVIVED)
    return done(request, request[HANDLE], 201 if new else 200)


async def _put(
    wiring: Wiring, actor: Actor, registration: Registration, overwrite: bool
) -> Verdict:
    """Create or revive in a group with others; what is there already is replaced on its own."""
    verdict = await wiring.singles.register(Wish(actor, registration, revive=True))
    if verdict.outcome in (Outcome.CREATED, Outcome.REVIVED):
        return verdict
    # Who may not create may still replace, and what is refused is refused with its reason.
    return await wiring.registrar.put(actor, registration, overwrite=overwrite)


async def delete(request: web.Request) -> web.Response:
    wiring, actor = await _begun(request)
    identifier = _written(request[HANDLE])
    if "index" in request.query:
        removed = indexes(request)
        work = wiring.registrar.upsert(actor, identifier, (), remove=removed)
    else:
        work = wiring.registrar.withdraw(actor, identifier)
    await _counted(wiring, work)
    return done(request, request[HANDLE], 200)


async def _begun(request: web.Request) -> tuple[Wiring, Actor]:
    """Nobody unknown gets to have a body read."""
    wiring = request.app[WIRING]
    target(request)
    actor = await authenticate(request, wiring)
    actor.require_known()
    return wiring, actor


async def _counted(wiring: Wiring, work: Awaitable[Verdict]) -> Verdict:
    verdicts = wiring.instruments.verdicts
    try:
        verdict = await work
    except BiaoshiError:
        verdicts.labels(NAME, Outcome.REFUSED).inc()
        raise
    verdicts.labels(NAME, verdict.outcome).inc()
    return verdict


def _written(handle: str) -> Identifier:
    if not handle:
        raise InvalidIdentifier("Empty handle invalid", field="handle", rule="empty")
    return Identifier.parse(handle)


def _minted(handle: str) -> str:
    """A handle never seen, beginning with what was sent."""
    slash = "" if "/" in handle or not handle else "/"
    return f"{handle}{slash}{uuid.uuid4()}" if handle else ""


def _check_indexes(named: frozenset[int] | None, content: Content) -> None:
    """Raise unless the values have just the indexes the query names."""
    if named is not None and named != {value.index for value in content.values}:
        raise InvalidInput(
            "the indexes in the query are not those of the values",
            field="index",
            rule="index-mismatch",
        )
