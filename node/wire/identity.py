"""Who somebody is: proofs against the keys that records of this node hold, and logins."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import secrets

import msgspec

from node.http.authentication import FAILURES, MINUTE
from node.wire.call import Call, Line, Login, Proven, Refused, Result, misread
from node.wire.parts import Parts
from node.wire.standing import mark_of
from registry.access.actor import Actor
from registry.errors import InvalidIdentifier, NotAuthenticated, PrefixNotFound
from registry.identifier import Identifier
from registry.record.typed_data import PublicKey, Reference
from registry.record.value import MAX_INDEX, SECRET_TYPE, Data, Value
from resolver.wire.body import (
    ChallengeAnswer,
    IdentityLogin,
    PasswordLogin,
    Text,
    Values,
    VerificationRequest,
    flag_octet,
)
from resolver.wire.code import OpCode, ResponseCode
from resolver.wire.digest import Challenge, Digest
from resolver.wire.key import WireKey
from resolver.wire.octets import Malformed, Reader
from resolver.wire.proof import MacProof, SignatureProof
from resolver.wire.typed import KEY_TYPE, wire_key

FAILURES_BY_DATAGRAM = "datagram-failures"
MAX_KEYS = 20  # of one record that a proof is held against


def known(reference: Reference) -> Actor:
    """The actor of an identity that has been proven, by the name that all surfaces give it."""
    name = f"handle:{reference.index}:{reference.handle}"
    return Actor(name, identity=reference, request_id=f"wire-{secrets.token_hex(8)}")


def claimed(answer: ChallengeAnswer) -> Actor:
    """The actor that the answer claims to be, as yet unproven."""
    return known(_reference(answer.handle, answer.index))


async def prove(
    parts: Parts, line: Line, answer: ChallengeAnswer, challenge: Challenge, key: bytes = b""
) -> Proven:
    """Who gave this answer to a challenge; what it was proven by is marked with the key. Raises
    Refused, and TooManyRequests for an address that failed too often."""
    limit = parts.wiring.settings.failures_per_minute
    throttle = parts.wiring.throttle
    await throttle.check(FAILURES, line.address, limit=limit, window=MINUTE)
    reference = _reference(answer.handle, answer.index)
    value = await _proof_of(parts, reference, answer, challenge.signed)
    if value is not None:
        return Proven(known(reference), mark_of(value, key))
    await throttle.count(FAILURES, line.address, limit=limit, window=MINUTE)
    raise Refused(ResponseCode.AUTHENTICATION_FAILED)


async def require_some_right(parts: Parts, message_opcode: int, body: bytes, actor: Actor) -> None:
    """Raise where the identity has no right at all on what it asks to change, which is told before
    its proof is looked at. Who administers a handle is public."""
    handle = _subject(message_opcode, body)
    if handle is None:
        return
    try:
        rights = await parts.wiring.catalogue.rights(actor, handle)
    except PrefixNotFound:
        return  # the operation itself says so
    if not rights:
        raise Refused(ResponseCode.INVALID_ADMIN)


async def verify(parts: Parts, call: Call) -> Result:
    """Opcode 201: whether a proof that another server was given holds."""
    try:
        asked = VerificationRequest.parse(call.message.body)
        reader = Reader(asked.digest)
        challenge = Challenge(Digest.read(reader), asked.nonce)
        reader.done()
    except Malformed as error:
        raise misread(error) from None
    limit = parts.wiring.settings.failures_per_minute
    # Whoever sends datagrams with another's address must not use up that one's failures.
    failures = FAILURES_BY_DATAGRAM if call.line.udp else FAILURES
    await parts.wiring.throttle.check(failures, call.line.address, limit=limit, window=MINUTE)
    reference = _reference(asked.handle, asked.index)
    answer = ChallengeAnswer(SECRET_TYPE, asked.handle, asked.index, asked.proof)
    holds = await _proof_of(parts, reference, answer, challenge.signed) is not None
    if not holds:
        await parts.wiring.throttle.count(failures, call.line.address, limit=limit, window=MINUTE)
    return Result(flag_octet(holds))


async def log_in(parts: Parts, call: Call) -> Result:
    """Opcode 2001, once its challenge has been answered: this connection is that identity's."""
    assert call.proven is not None  # it comes after a challenge
    call.line.login = Login(call.proven, parts.wiring.now())
    return Result(bare=True)


def check_login(call: Call) -> None:
    """What opcode 2001 asks is to be challenged."""
    if call.line.udp:
        raise Refused(ResponseCode.PROTOCOL_ERROR, "a login belongs to a connection")
    try:
        asked = IdentityLogin.parse(call.message.body)
    except Malformed as error:
        raise misread(error) from None
    _reference(asked.handle, asked.index)


async def log_in_by_password(parts: Parts, call: Call) -> Result:
    """Opcode 2000: an application's user name and secret, or `index:handle` and its secret key.

    The password travels as it is: only where credentials may, as over HTTP."""
    try:
        asked = PasswordLogin.parse(call.message.body)
    except Malformed as error:
        raise misread(error) from None
    if call.line.udp or not _private_way(parts, call.line.address):
        raise Refused(
            ResponseCode.LOGIN_FIRST, "passwords are not taken over this connection: use a key"
        )
    limit = parts.wiring.settings.failures_per_minute
    throttle, address = parts.wiring.throttle, call.line.address
    await throttle.check(FAILURES, address, limit=limit, window=MINUTE)
    try:
        proven = await _by_password(parts, asked)
    except NotAuthenticated:
        await throttle.count(FAILURES, address, limit=limit, window=MINUTE)
        raise Refused(ResponseCode.LOGIN_FIRST, "the user name or the password is wrong") from None
    call.line.login = Login(proven, parts.wiring.now())
    return Result(bare=True)


async def _by_password(parts: Parts, asked: PasswordLogin) -> Proven:
    index, colon, handle = asked.user.partition(":")
    if colon and index.isascii() and index.isdigit() and "/" in handle:
        try:
            reference = _reference(handle, int(index))
        except Refused:
            raise NotAuthenticated("no such identity") from None
        for value in await _values(parts, reference, SECRET_TYPE):
            secret = _secret(value.data)
            if secret and secrets.compare_digest(secret, asked.password.encode()):
                return Proven(known(reference), mark_of(value))
        raise NotAuthenticated("the secret key is another")
    applications = parts.wiring.applications
    token = await applications.log_in(asked.user, asked.password)
    actor = await applications.authenticate(token, f"wire-{secrets.token_hex(8)}")
    return Proven(actor, token=token)


def _private_way(parts: Parts, address: str) -> bool:
    if parts.wiring.settings.credentials_over_http:
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _reference(handle: str, index: int) -> Reference:
    try:
        if index > MAX_INDEX:
            raise Refused(ResponseCode.INVALID_ADMIN)
        return Reference(Identifier.parse(handle).text, index)
    except InvalidIdentifier:
        raise Refused(ResponseCode.INVALID_ADMIN) from None


async def _proof_of(
    parts: Parts, reference: Reference, answer: ChallengeAnswer, challenge: bytes
) -> Value | None:
    """The key of the record that the answer was made with, if it was made with any."""
    try:
        if answer.kind.upper() == KEY_TYPE:
            signed = SignatureProof.parse(answer.proof)
            found = await _values(parts, reference, KEY_TYPE)
            return await asyncio.to_thread(_signed, signed, found, challenge, reference.handle)
        if answer.kind.upper() == SECRET_TYPE:
            mac = MacProof.parse(answer.proof)
            found = await _values(parts, reference, SECRET_TYPE)
            return await asyncio.to_thread(_made, mac, found, challenge)
    except Malformed as error:
        raise misread(error) from None
    return None


def _signed(
    proof: SignatureProof, found: list[Value], challenge: bytes, handle: str
) -> Value | None:
    for value in found:
        key = _key(value)
        if key is not None and proof.holds(key, challenge, handle):
            return value
    return None


def _made(proof: MacProof, found: list[Value], challenge: bytes) -> Value | None:
    return next((one for one in found if proof.holds(_secret(one.data), challenge)), None)


async def _values(parts: Parts, reference: Reference, type_: str) -> list[Value]:
    """Values of a record that an identity may rest on; index 0 stands for any index."""
    values = await parts.wiring.catalogue.identity_values(reference.handle)
    return [
        value
        for value in values
        if value.type.upper() == type_ and reference.index in (0, value.index)
    ][:MAX_KEYS]


def _key(value: Value) -> WireKey | None:
    if value.data.format == "key":
        return wire_key(msgspec.convert(value.data.value, PublicKey))
    try:
        return WireKey.parse(_secret(value.data))
    except Malformed:
        return None


def _secret(data: Data) -> bytes:
    """The secret a value holds; empty, which opens nothing, where it holds none."""
    if data.format == "base64":
        return base64.b64decode(data.value)
    return data.value.encode() if data.format == "string" else b""


def _subject(opcode: int, body: bytes) -> Identifier | None:
    """The handle that an administrative request is about; for a prefix any handle below it."""
    try:
        match opcode:
            case OpCode.CREATE_HANDLE | OpCode.ADD_VALUE | OpCode.MODIFY_VALUE:
                return Identifier.parse(Values.parse(body).handle)
            case OpCode.DELETE_HANDLE:
                return Identifier.parse(Text.parse(body).text)
            case _:
                return None
    except (Malformed, InvalidIdentifier):
        return None
