"""Sessions (opcodes 400 and 401): keys agreed on, under which messages carry MACs."""

from __future__ import annotations

from node.wire.call import Call, Refused, Result, misread
from node.wire.parts import Parts
from registry.handshake.handshakes import Session
from resolver.wire import cipher
from resolver.wire.body import SessionAnswer, SessionSetup
from resolver.wire.code import KeyExchange, ResponseCode
from resolver.wire.credential import Credential
from resolver.wire.key import RSA, WireKey
from resolver.wire.message import Message
from resolver.wire.octets import Malformed

UNKNOWN = "Invalid session id or session time out. Please try again."


async def set_up(parts: Parts, call: Call) -> tuple[int, Result]:
    """The new session's number, and the answer's body. The identity that a client names is proven
    when it first needs rights."""
    try:
        asked = SessionSetup.parse(call.message.body)
        key, data = _exchanged(parts, asked)
    except Malformed as error:
        raise Refused(ResponseCode.SESSION_FAILED, error.detail) from None
    number = await parts.handshakes.begin(call.line.address, key, asked.seconds)
    return number, Result(SessionAnswer(asked.mode, data).build())


async def terminate(parts: Parts, call: Call) -> Result:
    """A session ends at the word of whoever has its key."""
    if call.session is None:
        raise Refused(ResponseCode.SESSION_TIMEOUT, UNKNOWN)
    await parts.handshakes.end(call.session.session_id)
    return Result()


async def find(parts: Parts, number: int) -> Session:
    """Raises Refused."""
    session = await parts.handshakes.session(number) if number else None
    if session is None:
        raise Refused(ResponseCode.SESSION_TIMEOUT, UNKNOWN)
    return session


async def admit(parts: Parts, session: Session, message: Message) -> None:
    """Raise Refused unless the message bears the session's MAC and never came before."""
    if not message.credential:
        raise Refused(ResponseCode.INVALID_CREDENTIAL, "Session request missing MAC code.")
    try:
        credential = Credential.parse(message.credential)
    except Malformed as error:
        raise misread(error) from None
    if not cipher.authentic(session.key, message, credential):
        raise Refused(ResponseCode.INVALID_SESSION_KEY, "Session authentication failed.")
    if not await parts.handshakes.use(session.session_id, credential.counter):
        raise Refused(
            ResponseCode.SESSION_MESSAGE_REJECTED, "A message with this number came before."
        )


def _exchanged(parts: Parts, asked: SessionSetup) -> tuple[bytes, bytes]:
    """The session's key, and the data that let the client know it. Raises Malformed."""
    if asked.mode == KeyExchange.DH:
        return cipher.agree(WireKey.parse(asked.key), parts.random_bytes)
    if asked.mode == KeyExchange.CIPHER_CLIENT:
        key = WireKey.parse(asked.key)
        if key.kind != RSA:
            raise Malformed("a session's key is sent to RSA keys alone")
        return cipher.deliver(key, parts.random_bytes)
    raise Malformed(f"key exchange {asked.mode} is not offered: use 4 (Diffie-Hellman)")
