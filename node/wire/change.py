"""Administration: creating, deleting and changing records through the one Registrar.

What the request itself or a look at the record can refuse is refused before anybody is asked who
they are, as servers in use do.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable

import msgspec

from node.wire.call import Call, Challenged, Refused, Result, misread
from node.wire.noting import NAME
from node.wire.parts import Parts
from registry.errors import (
    BiaoshiError,
    IdentifierExists,
    IdentifierNotFound,
    PrefixNotFound,
    RevisionMismatch,
    ValueNotFound,
)
from registry.identifier import Identifier
from registry.record.creation import Wish
from registry.record.registration import Outcome, Registration, Verdict
from registry.record.store import Found
from registry.record.value import Value, ValueIn, normalise
from resolver.wire.body import Indexes, Text, Values
from resolver.wire.code import OpFlag, ResponseCode
from resolver.wire.octets import Malformed
from resolver.wire.typed import from_wire

ATTEMPTS = 5  # at a change that others keep outrunning


async def create(parts: Parts, call: Call) -> Result:
    asked = _values(call)
    handle = _minted(asked.handle) if call.has(OpFlag.MINT) else asked.handle
    identifier, values = Identifier.parse(handle), _normalised(parts, asked)
    found = await _found(parts, identifier)
    overwrite = call.has(OpFlag.OVRW) and not call.has(OpFlag.MINT)
    if found.row is not None and found.row.live and not overwrite:
        raise IdentifierExists(f"{identifier} exists", field="handle", rule="identifier-exists")
    _identified(call)
    registration = Registration(identifier, values)
    if overwrite:
        await _counted(parts, parts.wiring.registrar.put(call.actor, registration))
    else:
        await _counted(parts, _created(parts, call, registration))
    return Result(Text(handle).build())


async def delete(parts: Parts, call: Call) -> Result:
    identifier = Identifier.parse(_text(call))
    await _found(parts, identifier)
    _identified(call)
    await _counted(parts, parts.wiring.registrar.withdraw(call.actor, identifier))
    return Result()


async def add(parts: Parts, call: Call) -> Result:
    asked = _values(call)
    identifier, values = Identifier.parse(asked.handle), _normalised(parts, asked)
    await _live(parts, identifier)
    _identified(call)
    work = parts.wiring.registrar.upsert(call.actor, identifier, values, overwrite=False)
    await _counted(parts, work)
    return Result()


async def modify(parts: Parts, call: Call) -> Result:
    asked = _values(call)
    identifier, values = Identifier.parse(asked.handle), _normalised(parts, asked)
    for attempt in range(ATTEMPTS):
        found = await _live(parts, identifier)
        await _check_present(parts, identifier, values)
        _identified(call)
        tag = found.row.tag if found.row else None
        work = parts.wiring.registrar.upsert(call.actor, identifier, values, expected=tag)
        try:
            await _counted(parts, work)
            break
        except RevisionMismatch:
            if attempt + 1 == ATTEMPTS:
                raise
    return Result()


async def remove(parts: Parts, call: Call) -> Result:
    try:
        asked = Indexes.parse(call.message.body)
    except Malformed as error:
        raise misread(error) from None
    identifier = Identifier.parse(asked.handle)
    await _live(parts, identifier)
    _identified(call)
    work = parts.wiring.registrar.upsert(call.actor, identifier, (), remove=asked.indexes)
    await _counted(parts, work)
    return Result()


async def _created(parts: Parts, call: Call, registration: Registration) -> Verdict:
    """Create or revive, in a group with others. To have been there already is to exist."""
    verdict = await parts.wiring.singles.register(Wish(call.actor, registration, revive=True))
    if verdict.outcome is Outcome.UNCHANGED:
        raise IdentifierExists(f"{registration.identifier} exists", field="handle")
    if verdict.error is not None:
        raise verdict.error
    return verdict


async def _counted(parts: Parts, work: Awaitable[Verdict]) -> None:
    verdicts = parts.wiring.instruments.verdicts
    try:
        verdict = await work
    except BiaoshiError:
        verdicts.labels(NAME, Outcome.REFUSED).inc()
        raise
    verdicts.labels(NAME, verdict.outcome).inc()


def _identified(call: Call) -> None:
    if call.actor.anonymous:
        raise Challenged


def _values(call: Call) -> Values:
    try:
        return Values.parse(call.message.body)
    except Malformed as error:
        raise misread(error) from None


def _text(call: Call) -> str:
    try:
        return Text.parse(call.message.body).text
    except Malformed as error:
        raise misread(error) from None


def _normalised(parts: Parts, asked: Values) -> tuple[Value, ...]:
    """Servers in use leave out what the permissions of a secret key say beyond its secrecy."""
    if any(value.permissions > 0b1111 for value in asked.values):
        raise Refused(ResponseCode.INVALID_VALUE, "permissions have four bits")
    sent: list[ValueIn] = [from_wire(value) for value in asked.values]
    sent = [
        msgspec.structs.replace(value, permissions=None) if _public_secret(value) else value
        for value in sent
    ]
    return normalise(sent, now=parts.wiring.now())


def _public_secret(value: ValueIn) -> bool:
    """A secret key that its client left at everybody's default of being readable."""
    return value.type.upper() == "HS_SECKEY" and value.permissions == "1110"


def _minted(handle: str) -> str:
    if not handle:
        raise Refused(ResponseCode.INVALID_HANDLE, "Empty handle invalid")
    slash = "" if "/" in handle else "/"
    return f"{handle}{slash}{uuid.uuid4()}"


async def _found(parts: Parts, identifier: Identifier) -> Found:
    """Raises PrefixNotFound where the prefix does not live here."""
    found = await parts.wiring.catalogue.find(identifier)
    if found.holding is None or not found.holding.hosted:
        raise PrefixNotFound(f"the prefix {identifier.prefix} does not live here", field="handle")
    return found


async def _live(parts: Parts, identifier: Identifier) -> Found:
    found = await _found(parts, identifier)
    if found.row is None or not found.row.live:
        raise IdentifierNotFound(f"there is no {identifier}", field="handle")
    return found


async def _check_present(parts: Parts, identifier: Identifier, values: tuple[Value, ...]) -> None:
    stored = await parts.wiring.catalogue.identity_values(identifier.text)
    missing = {value.index for value in values} - {value.index for value in stored}
    if missing:
        raise ValueNotFound(f"there is no value with index {min(missing)}", field="index")
