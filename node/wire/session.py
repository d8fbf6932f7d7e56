"""Sessions (opcodes 400 to 402): keys agreed on, under which messages carry MACs.

The key is agreed on (mode 4), made here and sent to the client's RSA key (1) or to one in a record
(3), or made by the client and sent to ours (2): then the session begins with opcode 402.
"""

from __future__ import annotations

from functools import partial

from node.wire.call import Call, Refused, Result, misread
from node.wire.identity import known
from node.wire.parts import Parts
from node.wire.standing import stands
from registry.access.actor import Actor, anonymous
from registry.errors import BiaoshiError
from registry.handshake.handshakes import Session
from registry.identifier import Identifier
from registry.record.value import decode
from resolver.query import Query
from resolver.wire import cipher
from resolver.wire.body import KeyDelivery, SessionAnswer, SessionSetup
from resolver.wire.code import KeyExchange, ResponseCode
from resolver.wire.credential import SESSION_SIGNED_SINCE, Credential
from resolver.wire.key import WireKey, public_key
from resolver.wire.message import Message
from resolver.wire.octets import Malformed
from resolver.wire.typed import KEY_TYPE, to_wire

UNKNOWN = "Invalid session id or session time out. Please try again."


async def set_up(parts: Parts, call: Call) -> tuple[int, Result]:
    """The new session's number, and the answer's body. The identity that a client names is proven
    when it first needs rights."""
    await parts.exchanges.admit(call.line)
    try:
        asked = SessionSetup.parse(call.message.body)
        key, data = await _exchanged(parts, asked)
    except Malformed as error:
        raise Refused(ResponseCode.SESSION_FAILED, error.detail) from None
    number = await parts.handshakes.begin(call.line.address, key, asked.seconds)
    return number, Result(SessionAnswer(asked.mode, data).build())


async def take_key(parts: Parts, call: Call) -> Result:
    """Opcode 402: the key of a session that was set up in mode 2, once."""
    await parts.exchanges.admit(call.line)
    number = call.message.envelope.session_id
    session = await parts.handshakes.session(number) if number else None
    if session is None:
        raise Refused(ResponseCode.SESSION_TIMEOUT, UNKNOWN)
    try:
        sent = KeyDelivery.parse(call.message.body)
    except Malformed as error:
        raise Refused(ResponseCode.SESSION_FAILED, error.detail) from None
    open_it = partial(cipher.received, sent.data, parts.key, parts.random_bytes)
    key = await parts.exchanges.work(open_it)
    if not await parts.handshakes.take_key(number, key):
        raise Refused(ResponseCode.SESSION_FAILED, "this session has its key")
    return Result()


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
    require_key(session)
    return session


def require_key(session: Session) -> None:
    """Raise Refused for a session whose key the client still owes: it must not take for one what
    anybody can write."""
    if not session.key:
        raise Refused(ResponseCode.NEED_SESSION_KEY, "This session has no key yet.")


async def admit(parts: Parts, session: Session, message: Message) -> None:
    """Raise Refused unless the message bears the session's MAC and never came before."""
    require_key(session)
    if not message.credential:
        raise Refused(ResponseCode.INVALID_CREDENTIAL, "Session request missing MAC code.")
    try:
        credential = Credential.parse(message.credential)
    except Malformed as error:
        raise misread(error) from None
    if not cipher.authentic(session.key, message, credential):
        raise Refused(ResponseCode.INVALID_SESSION_KEY, "Session authentication failed.")
    if message.envelope.minor < SESSION_SIGNED_SINCE:
        fresh = await parts.handshakes.use_mac(session.session_id, credential.signature)
    else:
        fresh = await parts.handshakes.use(session.session_id, credential.counter)
    if not fresh:
        raise Refused(ResponseCode.SESSION_MESSAGE_REJECTED, "This message came before.")


async def actor_of(parts: Parts, session: Session) -> Actor | None:
    """Who proved to be at the other end, while the key it was proven by is good."""
    if session.identity is None or session.proof is None:
        return None
    if not await stands(parts, session.identity, session.proof, session.key):
        return None
    return known(session.identity)


async def _exchanged(parts: Parts, asked: SessionSetup) -> tuple[bytes, bytes]:
    """The session's key, empty where the client will send it, and the data that let the client know
    it. Raises Malformed."""
    match asked.mode:
        case KeyExchange.DH:
            client = WireKey.parse(asked.key)
            return await parts.exchanges.work(partial(cipher.agree, client, parts.random_bytes))
        case KeyExchange.CIPHER_CLIENT:
            return await _made(parts, WireKey.parse(asked.key))
        case KeyExchange.CIPHER_HANDLE:
            return await _made(parts, await _key_in_record(parts, asked))
        case KeyExchange.CIPHER_SERVER:
            asked.check_bare()
            return b"", public_key(parts.key).build()
    raise Malformed(f"there is no key exchange {asked.mode}")


async def _made(parts: Parts, recipient: WireKey) -> tuple[bytes, bytes]:
    key = parts.random_bytes(cipher.KEY_OCTETS)
    return key, await parts.exchanges.work(partial(cipher.deliver, key, recipient))


async def _key_in_record(parts: Parts, asked: SessionSetup) -> WireKey:
    """The public key that a record here or elsewhere shows to everybody. Raises Malformed."""
    handle, index = asked.reference
    try:
        query = Query(Identifier.parse(handle), anonymous(), indexes=frozenset({index}))
        answer = await parts.wiring.chain.resolve(query)
    except BiaoshiError:
        raise Malformed("the record with the key is not to be had") from None
    for value in decode(answer.values) if answer.found else ():
        if value.type.upper() == KEY_TYPE and value.index == index:
            return WireKey.parse(to_wire(value).data)
    raise Malformed("there is no public key at that index")
