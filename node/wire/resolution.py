"""Resolution (opcode 1) and the site record (opcode 2)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from metrics.journal.entry import Outcome as Entry
from node.handle_json.target import read_as
from node.recorder import outcome_of
from node.wire.call import Call, Challenged, Refused, Result, misread
from node.wire.noting import Resolved
from node.wire.parts import Parts
from registry.errors import BiaoshiError
from registry.record.value import decode
from registry.spelling import Recognised
from resolver.query import MAX_FILTERS, Answer, Outcome, Query, Source
from resolver.wire.body import ResolutionRequest, Text, Values
from resolver.wire.code import OpFlag, ResponseCode
from resolver.wire.octets import Malformed
from resolver.wire.typed import to_wire

NO_RIGHT_AT_ALL = "00"


async def resolve(parts: Parts, call: Call, note: Callable[[Resolved], None]) -> Result:
    asked = _read(call)
    named = await parts.wiring.named.unslashed(asked.handle)
    query = Query(
        named[1] if named else read_as(asked.handle),
        call.actor,
        types=frozenset(asked.types),
        indexes=frozenset(asked.indexes),
        public_only=_public_only(call),
    )
    expected = partial(Resolved, query.identifier, call.actor, call.line.address)
    try:
        answer = await _answer(parts, call, query, named[0] if named else None)
    except BiaoshiError as error:
        note(expected(outcome_of(error)))
        raise
    values = tuple(to_wire(value) for value in decode(answer.values))  # or it is no answer here
    note(expected(Entry.of(answer.outcome), answer))
    await _check(parts, query, answer)
    body = Values(asked.handle, values).build()
    return Result(body, authoritative=answer.source is Source.LOCAL)


async def site(parts: Parts, call: Call) -> Result:
    """Whatever handle is named: there is one site."""
    try:
        Text.parse(call.message.body)
    except Malformed as error:
        raise misread(error) from None
    return Result(parts.site)


def _read(call: Call) -> ResolutionRequest:
    try:
        asked = ResolutionRequest.parse(call.message.body)
    except Malformed as error:
        raise misread(error) from None
    if len(asked.types) > MAX_FILTERS or len(asked.indexes) > MAX_FILTERS:
        raise Refused(ResponseCode.PROTOCOL_ERROR, f"at most {MAX_FILTERS} types and indexes")
    return asked


def _public_only(call: Call) -> bool:
    """Whether hidden values are passed over in silence, rather than asked a proof for."""
    return call.has(OpFlag.PUBL) or (call.plain_dialect and call.actor.anonymous)


async def _answer(parts: Parts, call: Call, query: Query, named: Recognised | None) -> Answer:
    """From the whole chain, and the DNS for what is `named`, where the client wants other servers
    asked; else from here alone."""
    wiring = parts.wiring
    if not (call.has(OpFlag.RECU) or call.plain_dialect):
        return await wiring.local.alone(query)
    if named is not None:
        return await wiring.named.resolve(named, wiring.chain.resolve, query)
    return await wiring.chain.resolve(query)


async def _check(parts: Parts, query: Query, answer: Answer) -> None:
    match answer.outcome:
        case Outcome.HIDDEN:
            stored = await parts.wiring.catalogue.identity_values(query.identifier.text)
            if any(_closed(value.permissions) for value in stored if query.wants(value)):
                raise Refused(ResponseCode.INSUFFICIENT_PERMISSIONS)
            raise Challenged
        case Outcome.NOT_FOUND | Outcome.WITHDRAWN:
            raise Refused(ResponseCode.HANDLE_NOT_FOUND)
        case Outcome.NO_VALUES if query.types or query.indexes or not query.public_only:
            raise Refused(ResponseCode.VALUES_NOT_FOUND)
        case Outcome.NO_VALUES:
            raise Refused(ResponseCode.VALUES_NOT_FOUND)
        case _:
            return


def _closed(permissions: str) -> bool:
    """Whether neither administrators nor the public may read it."""
    return permissions[0] + permissions[2] == NO_RIGHT_AT_ALL
