"""What the listeners do with a message: read it, find out who asks, do what it asks, answer."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial

import msgspec
import structlog
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from node.wire import change, identity, listing, reply, resolution, session
from node.wire.call import Call, Challenged, Junk, Line, Refused, Result, misread
from node.wire.noting import NAME, Resolved
from node.wire.parts import Parts
from node.wire.standing import look_again
from registry.access.actor import anonymous
from registry.database import is_away
from registry.errors import BiaoshiError
from registry.handshake.handshakes import Session
from registry.places import places
from resolver.wire import cipher
from resolver.wire.body import ChallengeAnswer
from resolver.wire.code import EnvelopeFlag, OpCode, OpFlag, ResponseCode
from resolver.wire.credential import SIGNED, Credential, covered
from resolver.wire.digest import SHA256_SINCE, Challenge, Digest
from resolver.wire.message import ENVELOPE, Envelope, Message
from resolver.wire.octets import Malformed

Send = Callable[[bytes], Awaitable[None]]  # returns once there is room for more
Told = Callable[[Resolved], None]
Operation = Callable[[Parts, Call], Awaitable[Result]]

OPERATIONS: dict[OpCode, Operation] = {
    OpCode.GET_SITE_INFO: resolution.site,
    OpCode.CREATE_HANDLE: change.create,
    OpCode.DELETE_HANDLE: change.delete,
    OpCode.ADD_VALUE: change.add,
    OpCode.REMOVE_VALUE: change.remove,
    OpCode.MODIFY_VALUE: change.modify,
    OpCode.HOME_NA: listing.home,
    OpCode.UNHOME_NA: listing.unhome,
    OpCode.LIST_HOMED_NAS: listing.homed,
    OpCode.VERIFY_RESPONSE: identity.verify,
    OpCode.SESSION_TERMINATE: session.terminate,
    OpCode.SESSION_EXCHANGE_KEY: session.take_key,
    OpCode.LOGIN_PASSWORD: identity.log_in_by_password,
}
# Over UDP only where the settings let it: anybody can send with another's address.
ADMINISTRATIVE = frozenset(
    {
        *range(OpCode.CREATE_HANDLE, OpCode.LIST_HANDLES + 1),
        *range(OpCode.HOME_NA, OpCode.LIST_HOMED_NAS + 1),
    }
)
log = structlog.get_logger()


class Responder:
    """Answers messages; safe to share between connections."""

    def __init__(self, parts: Parts, told: Told, *, udp_administration: bool) -> None:
        self._parts = parts
        self._told = told
        self._udp_administration = udp_administration

    async def serve(self, envelope: Envelope, payload: bytes, line: Line, send: Send) -> None:
        """Answer one message. Never raises but for being cancelled."""
        started = time.perf_counter()
        resolved: list[Resolved] = []
        operation, code = "unknown", int(ResponseCode.SUCCESS)
        try:
            message, known = await self._read(envelope, payload)
            operation = _name(message.opcode)
            async for call, answer in self._answers(message, known, line, resolved.append):
                code = answer.response_code
                await send(self._finished(answer, call))
        except Junk as junk:
            code = junk.code
            await send(reply.junk(junk).build())
        for one in resolved:
            self._told(one)
        self._note(operation, code, time.perf_counter() - started)

    async def _read(self, envelope: Envelope, payload: bytes) -> tuple[Message, Session | None]:
        """The message, and the session under whose key it was encrypted."""
        if envelope.compressed:
            raise Junk(ResponseCode.PROTOCOL_ERROR, "compressed messages are not taken")
        known = None
        try:
            if envelope.encrypted:
                known = await session.find(self._parts, envelope.session_id)
                payload = cipher.decrypt(known.key, payload)
            return Message.parse(envelope, payload), known
        except Malformed as error:
            raise Junk(ResponseCode.ERROR, error.detail) from None
        except Refused as refused:
            raise Junk(refused.code, refused.message) from None
        except Exception as error:  # of the database, where the session is
            raise Junk(*_crashed(error)) from None

    async def _answers(
        self, message: Message, known: Session | None, line: Line, note: Told
    ) -> AsyncIterator[tuple[Call, Message]]:
        """One answer, or several where a list is long, each with what it answers."""
        self._check(message, line)
        call = Call(message, message, line, anonymous(), known)
        try:
            await look_again(self._parts, line, administrative=message.opcode in ADMINISTRATIVE)
            call = replace(call, actor=line.actor or call.actor)
            call = await self._within_session(call)
            if message.opcode == OpCode.RESPONSE_TO_CHALLENGE:
                call, nonce = await self._challenged(call)
                call = await self._proven(call, nonce)
            async for one in self._done(call, note):
                yield call, one
        except Challenged:
            yield call, await self._challenge(call)
        except Refused as refused:
            yield call, reply.refusal(call, refused.code, refused.message)
        except BiaoshiError as error:
            yield call, reply.refusal(call, *reply.told(error))
        except Exception as error:
            yield call, reply.refusal(call, *_crashed(error))

    def _check(self, message: Message, line: Line) -> None:
        """Raise Junk for what servers in use answer without looking further."""
        junk = partial(
            Junk,
            ResponseCode.PROTOCOL_ERROR,
            opcode=message.opcode,
            flags=message.flags,
            expiration=message.expiration,
        )
        if message.opcode not in set(OpCode):
            raise junk(message=f"Unknown opCode in message: {message.opcode}")
        administrative = message.opcode in ADMINISTRATIVE
        if line.udp and administrative and not self._udp_administration:
            raise junk(message="Received admin request on non-admin interface")

    async def _within_session(self, call: Call) -> Call:
        """The call as its session's, where it names one and bears a MAC. Chinese clients name
        sessions of their own making: without a MAC, their connection decides who they are."""
        message, number = call.message, call.message.envelope.session_id
        if message.opcode == OpCode.SESSION_EXCHANGE_KEY:
            return call  # which brings the key that a MAC would need
        if call.session is None:
            named = number and (message.credential or _needs_session(message, call.line))
            if not named:
                return call
        known = call.session or await self._parts.handshakes.session(number)
        if known is None:
            if message.opcode == OpCode.RESPONSE_TO_CHALLENGE and not message.credential:
                return call  # the number is a challenge's
            raise Refused(ResponseCode.SESSION_TIMEOUT, session.UNKNOWN)
        call = replace(call, session=known)
        await session.admit(self._parts, known, message)
        actor = await session.actor_of(self._parts, known)
        return replace(call, actor=actor) if actor else call

    async def _challenged(self, call: Call) -> tuple[Call, bytes]:
        """The call that had been challenged, and the challenge's nonce."""
        pending = await self._parts.handshakes.take(call.message.envelope.session_id)
        if pending is None and call.line.challenge:
            pending = await self._parts.handshakes.take(call.line.challenge)
        if pending is None:
            raise Refused(ResponseCode.SESSION_TIMEOUT, session.UNKNOWN)
        return replace(call, message=_kept(pending.request)), pending.nonce

    async def _proven(self, call: Call, nonce: bytes) -> Call:
        """The call as that of who has proven who they are."""
        asked = call.message
        try:
            answer = ChallengeAnswer.parse(call.request.body)
        except Malformed as error:
            raise misread(error) from None
        claimed = identity.claimed(answer)
        await identity.require_some_right(self._parts, asked.opcode, asked.body, claimed)
        digest = Digest.of(asked, asked.envelope.answered_in)
        challenge = Challenge(digest, nonce)
        key = call.session.key if call.session else b""
        proven = await identity.prove(self._parts, call.line, answer, challenge, key)
        if call.session is not None and proven.actor.identity is not None:
            number, who = call.session.session_id, proven.actor.identity
            await self._parts.handshakes.identify(number, who, proven.mark)
        return replace(call, actor=proven.actor, proven=proven)

    async def _done(self, call: Call, note: Told) -> AsyncIterator[Message]:
        opcode = OpCode(call.message.opcode)
        if opcode is OpCode.LIST_HANDLES:
            async for result in listing.handles(self._parts, call):
                yield reply.success(call, result)
        elif opcode is OpCode.SESSION_SETUP:
            number, result = await session.set_up(self._parts, call)
            answer = reply.success(call, result)
            envelope = msgspec.structs.replace(answer.envelope, session_id=number)
            yield msgspec.structs.replace(answer, envelope=envelope)
        else:
            yield reply.success(call, await self._operation(opcode, call, note))

    async def _operation(self, opcode: OpCode, call: Call, note: Told) -> Result:
        if opcode is OpCode.RESOLUTION:
            return await resolution.resolve(self._parts, call, note)
        if opcode is OpCode.LOGIN_ID_SYSTEM:
            if call.message is call.request:  # not yet challenged, whoever was here before
                identity.check_login(call)
                raise Challenged
            return await identity.log_in(self._parts, call)
        return await OPERATIONS[opcode](self._parts, call)

    async def _challenge(self, call: Call) -> Message:
        """Ask for a proof; the request is kept until it comes."""
        try:
            number, nonce = await self._parts.handshakes.challenge(
                call.line.address, call.message.build(), call.session
            )
        except BiaoshiError as error:
            return reply.refusal(call, *reply.told(error))
        except Exception as error:
            return reply.refusal(call, *_crashed(error))
        if call.message.opcode == OpCode.LOGIN_ID_SYSTEM:
            call.line.challenge = number
        body = Challenge(Digest.of(call.message, call.minor), nonce).build()
        return reply.challenge(call, body, number)

    def _finished(self, answer: Message, call: Call) -> bytes:
        """The answer's octets, signed and encrypted as the request wants it."""
        challenged = answer.response_code == ResponseCode.AUTHENTICATION_NEEDED
        if call.has(OpFlag.CERT) and not challenged:
            answer = self._signed(answer)
        if call.session is None or not call.has(OpFlag.ENCR):
            return answer.build()
        payload = cipher.encrypt(call.session.key, answer.payload(), self._parts.random_bytes)
        envelope = msgspec.structs.replace(
            answer.envelope,
            flags=answer.envelope.flags | EnvelopeFlag.ENCRYPTED,
            length=len(payload),
        )
        return envelope.build() + payload

    def _signed(self, answer: Message) -> Message:
        new = answer.envelope.minor >= SHA256_SINCE
        digest: hashes.HashAlgorithm = hashes.SHA256() if new else hashes.SHA1()  # noqa: S303
        signature = self._parts.key.sign(covered(answer, 0), padding.PKCS1v15(), digest)
        name = "SHA-256" if new else "SHA1"
        credential = Credential(kind=SIGNED, algorithm=name, signature=signature)
        return msgspec.structs.replace(answer, credential=credential.build())

    def _note(self, operation: str, code: int, seconds: float) -> None:
        instruments = self._parts.wiring.instruments
        outcome = "ok" if code == ResponseCode.SUCCESS else f"{code // 100}xx"
        instruments.requests.labels(NAME, operation, outcome).inc()
        instruments.latency.labels(NAME, operation).observe(seconds)


def _needs_session(message: Message, line: Line) -> bool:
    """Whether a message that names a session and bears no MAC is refused for that."""
    if line.actor is not None:
        return False
    return message.opcode in ADMINISTRATIVE or message.opcode == OpCode.SESSION_TERMINATE


def _kept(octets: bytes) -> Message:
    return Message.parse(Envelope.parse(octets), octets[ENVELOPE.size :])


def _name(opcode: int) -> str:
    """A label's value, of which there must be few."""
    try:
        return OpCode(opcode).name.lower()
    except ValueError:
        return "unknown"


def _crashed(error: Exception) -> tuple[ResponseCode, str]:
    if is_away(error):
        log.error("database-away", surface=NAME, error=type(error).__name__)
        return ResponseCode.SERVER_TOO_BUSY, "the database does not answer"
    log.error("request-crashed", surface=NAME, error=type(error).__name__, at=places(error))
    return ResponseCode.ERROR, "Internal error"
