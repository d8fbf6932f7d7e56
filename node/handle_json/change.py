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
from node.v1.operation import IDEMPOTENCY_KEY
from node.wiring import WIRING, Wiring
from registry.access.actor import Actor
from registry.access.once import Once
from registry.errors import BiaoshiError, InvalidIdentifier, InvalidInput
from registry.identifier import Identifier
from registry.record.creation import Wish
from registry.record.registration import Outcome, Registration, Verdict
from registry.record.value import normalise

# Names that minted suffixes are made from stand in this space (RFC 9562 §5.5).
_MINTED = uuid.UUID("8f0c1f0e-6f0c-4d6a-9f5e-5b1d2b0a7c31")


async def put(request: web.Request) -> web.Response:
    wiring, actor = await _begun(request)
    overwrite = flag(request, "overwrite", default=True)
    by_index = "index" in request.query
    named = written_indexes(request)
    content = await read(request)
    again = False
    if flag(request, "mintNewSuffix", default=False):
        if by_index:
            raise InvalidInput(
                "a new handle has no indexes to set yet", field="mintNewSuffix", rule="parameter"
            )
        key = request.headers.get(IDEMPOTENCY_KEY)
        request[HANDLE], overwrite = _minted(request[HANDLE], actor, key), False
        again = key is not None
    identifier = _written(request[HANDLE])
    content.check_handle(identifier, wiring.form)
    if by_index:
        _check_indexes(named, content)
    values = normalise(content.values, now=wiring.now())
    if by_index:
        work = wiring.registrar.upsert(actor, identifier, values, overwrite=overwrite)
    else:
        registration = Registration(identifier, values)
        work = _put(wiring, actor, registration, overwrite, again)
    verdict = await _counted(wiring, work)
    new = verdict.added or verdict.outcome in (Outcome.CREATED, Outcome.REVIVED)
    return done(request, request[HANDLE], 201 if new else 200)


async def _put(
    wiring: Wiring, actor: Actor, registration: Registration, overwrite: bool, again: bool
) -> Verdict:
    """Create or revive in a group with others; what is there already is replaced on its own, or
    confirmed where the request may be one that is sent `again`."""
    verdict = await wiring.singles.register(Wish(actor, registration, revive=True))
    if verdict.outcome in (Outcome.CREATED, Outcome.REVIVED):
        return verdict
    if again and verdict.outcome is Outcome.UNCHANGED:
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


def _minted(handle: str, actor: Actor, key: str | None) -> str:
    """A handle never seen, beginning with what was sent. With an Idempotency-Key it is the same one
    each time that this actor sends this key, so that a lost answer makes no second handle."""
    if not handle:
        return ""
    slash = "" if "/" in handle else "/"
    if key is None:
        return f"{handle}{slash}{uuid.uuid4()}"
    once = Once.of(actor.name, key, handle.encode())
    return f"{handle}{slash}{uuid.uuid5(_MINTED, repr((once.actor, once.key, handle)))}"


def _check_indexes(named: frozenset[int] | None, content: Content) -> None:
    """Raise unless the values have just the indexes the query names."""
    if named is not None and named != {value.index for value in content.values}:
        raise InvalidInput(
            "the indexes in the query are not those of the values",
            field="index",
            rule="index-mismatch",
        )
