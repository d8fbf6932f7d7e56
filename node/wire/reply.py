"""Answers: what of a request they repeat, and how they tell errors."""

from __future__ import annotations

import msgspec

from node.handle_json.code import refusal_of
from node.wire.call import Call, Junk, Result
from registry.errors import BiaoshiError
from resolver.wire.body import Text
from resolver.wire.code import UNKNOWN_SERIAL, OpFlag, ResponseCode
from resolver.wire.digest import Digest
from resolver.wire.message import NEWEST, Envelope, Message

SITE_SERIAL = 1
JUNK_MINOR, JUNK_REQUEST = 3, 0xFFFF_FFFF
REPEATED = (
    OpFlag.CERT | OpFlag.ENCR | OpFlag.CACR | OpFlag.KPAL | OpFlag.PUBL | OpFlag.RRDG | OpFlag.DNRF
)
PREFIX_ELSEWHERE = "That prefix doesn't live here"
# Codes that say it all; clients are used to these without a message.
_PLAIN = {
    ResponseCode.HANDLE_NOT_FOUND,
    ResponseCode.HANDLE_ALREADY_EXISTS,
    ResponseCode.VALUES_NOT_FOUND,
}


def success(call: Call, result: Result) -> Message:
    if result.bare:
        return _answer(call, ResponseCode.SUCCESS, result.body, int(OpFlag.AUTH))
    flags = int(call.message.flags & REPEATED | OpFlag.RECU)
    flags |= OpFlag.AUTH if result.authoritative else 0
    flags |= OpFlag.CONT if result.more else 0
    return _answer(call, ResponseCode.SUCCESS, _digest(call) + result.body, flags)


def refusal(call: Call, code: ResponseCode, message: str) -> Message:
    flags = int(call.message.flags & REPEATED | OpFlag.RECU | OpFlag.AUTH)
    return _answer(call, code, _digest(call) + Text(message).build(), flags)


def told(error: BiaoshiError) -> tuple[ResponseCode, str]:
    """The response code and the message for a domain error."""
    code = refusal_of(error).code
    if code in _PLAIN:
        return code, ""
    return code, PREFIX_ELSEWHERE if code is ResponseCode.SERVER_NOT_RESP else error.detail


def challenge(call: Call, body: bytes, session_id: int) -> Message:
    flags = int(call.message.flags & REPEATED | OpFlag.RECU | OpFlag.AUTH | OpFlag.RRDG)
    message = _answer(call, ResponseCode.AUTHENTICATION_NEEDED, body, flags)
    envelope = msgspec.structs.replace(message.envelope, session_id=session_id)
    return msgspec.structs.replace(message, envelope=envelope)


def junk(error: Junk) -> Message:
    return Message(
        envelope=Envelope(minor=JUNK_MINOR, suggested=NEWEST, request_id=JUNK_REQUEST),
        opcode=error.opcode,
        response_code=error.code,
        flags=error.flags,
        site_serial=UNKNOWN_SERIAL,
        expiration=error.expiration,
        body=Text(error.message).build(),
    )


def _answer(call: Call, code: ResponseCode, body: bytes, flags: int) -> Message:
    return Message(
        envelope=Envelope(
            minor=call.minor,
            suggested=NEWEST,
            session_id=call.session.session_id if call.session else _echoed(call, code),
            request_id=call.request.envelope.request_id,
        ),
        opcode=call.message.opcode,
        response_code=code,
        flags=flags,
        site_serial=SITE_SERIAL,
        expiration=call.request.expiration,
        body=body,
    )


def _echoed(call: Call, code: ResponseCode) -> int:
    """A session that nobody knows is named again; so is the one that a client has made up, but not
    that of a challenge, which is over."""
    asked = call.request is call.message
    return call.request.envelope.session_id if asked or code == ResponseCode.SESSION_TIMEOUT else 0


def _digest(call: Call) -> bytes:
    if not call.has(OpFlag.RRDG):
        return b""
    return Digest.of(call.message, call.minor).build()
