"""Sessions: keys agreed on, MACs, encryption, and what is refused."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from node.wire.exchange import EACH, MAX_EACH, MINUTE
from resolver.wire import cipher
from resolver.wire.body import (
    Handles,
    KeyDelivery,
    ResolutionRequest,
    SessionAnswer,
    SessionSetup,
    Text,
    Values,
)
from resolver.wire.code import EnvelopeFlag, KeyExchange, OpCode, OpFlag, ResponseCode
from resolver.wire.credential import Credential
from resolver.wire.digest import Digest
from resolver.wire.fragment import split
from resolver.wire.key import DH, RSA, WireKey
from resolver.wire.message import ENVELOPE, Envelope, Message
from resolver.wire.octets import Reader, octets, text, u32
from resolver.wire.site import WireSite
from tests.node.handle_json.peer import ADMIN_HANDLE
from tests.node.live import Live
from tests.node.wire.peer import (
    RSA_KEY,
    STOCK,
    Peer,
    by_key,
    by_secret,
    change_key,
    public_key,
    url,
)
from tests.resolver.wire.recorded import EXCHANGES

_SPARE = b"\0\0"
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Session:
    """A client's side of one."""

    peer: Peer
    number: int
    key: bytes
    counter: int = field(default=0)

    def message(self, opcode: int, body: bytes, *, flags: int = STOCK) -> Message:
        self.counter += 1
        bare = self.peer.message(opcode, body, flags=flags, session=self.number)
        credential = cipher.mac_of(self.key, bare, self.counter)
        return msgspec.structs.replace(bare, credential=credential.build())

    async def ask(self, opcode: int, body: bytes) -> Message:
        return await self.peer.tcp(self.message(opcode, body).build())


async def set_up(peer: Peer) -> Session:
    """By Diffie-Hellman, with the parameters of the recorded client."""
    recorded = SessionSetup.parse(EXCHANGES["session_setup_dh.tcp"].asked.body)
    _, p, g = WireKey.parse(recorded.key).numbers
    secret = int.from_bytes(os.urandom(40), "big")
    rest = octets(WireKey(DH, (pow(g, secret, p), p, g)).build()) + _SPARE
    asked = SessionSetup(KeyExchange.DH, 3600, ADMIN_HANDLE, 300, rest)
    answer = await peer.ask(OpCode.SESSION_SETUP, asked.build())
    assert answer.response_code == ResponseCode.SUCCESS
    reader = Reader(SessionAnswer.parse(answer.body).data)
    reader.u32()
    y, *_ = WireKey.parse(reader.rest()).numbers
    return Session(peer, answer.envelope.session_id, cipher.key_of(pow(y, secret, p)))


async def prove(session: Session) -> None:
    """The first administrative request of a session is challenged, and proven within it."""
    create = Values("88.118.9/sess1", (url(),)).build()
    challenged = await session.ask(OpCode.CREATE_HANDLE, create)
    assert challenged.response_code == ResponseCode.AUTHENTICATION_NEEDED
    assert challenged.envelope.session_id == session.number
    answer = session.peer.proof(challenged, by_key())
    done = await session.ask(OpCode.RESPONSE_TO_CHALLENGE, answer.body)
    assert done.response_code == ResponseCode.SUCCESS
    assert done.opcode == OpCode.CREATE_HANDLE
    assert done.envelope.session_id == session.number


async def test_diffie_hellman(seeded: Peer) -> None:
    session = await set_up(seeded)
    await prove(session)
    listed = await session.ask(OpCode.LIST_HANDLES, Text("0.NA/88.118.9").build())
    assert Handles.parse(listed.body).handles == ("88.118.9/sess1",)
    deleted = await session.ask(OpCode.DELETE_HANDLE, Text("88.118.9/sess1").build())
    assert deleted.response_code == ResponseCode.SUCCESS
    ended = await session.ask(OpCode.SESSION_TERMINATE, Text("/").build())
    assert ended.response_code == ResponseCode.SUCCESS
    after = await session.ask(OpCode.LIST_HANDLES, Text("0.NA/88.118.9").build())
    assert after.response_code == ResponseCode.SESSION_TIMEOUT


async def test_the_clients_key(seeded: Peer) -> None:
    public = RSA_KEY.public_key().public_numbers()
    rest = octets(WireKey(RSA, (public.e, public.n)).build()) + _SPARE
    asked = SessionSetup(KeyExchange.CIPHER_CLIENT, 3600, ADMIN_HANDLE, 300, rest)
    answer = await seeded.ask(OpCode.SESSION_SETUP, asked.build())
    reader = Reader(RSA_KEY.decrypt(SessionAnswer.parse(answer.body).data, padding.PKCS1v15()))
    assert reader.u32() == 3
    await prove(Session(seeded, answer.envelope.session_id, reader.rest()))


async def set_up_for_our_key(peer: Peer) -> tuple[int, WireKey]:
    """Mode 2: the session's number, and the key that the client's is to be sent to."""
    asked = SessionSetup(KeyExchange.CIPHER_SERVER, 3600, ADMIN_HANDLE, 300, _SPARE)
    flags = STOCK | OpFlag.CERT | OpFlag.RRDG  # as stock clients ask for sessions
    answer = await peer.ask(OpCode.SESSION_SETUP, asked.build(), flags=flags)
    assert answer.response_code == ResponseCode.SUCCESS
    assert Credential.parse(answer.credential or b"").kind == "HS_SIGNED"
    reader = Reader(answer.body)
    Digest.read(reader)
    told = SessionAnswer.parse(reader.rest())
    assert told.mode == KeyExchange.CIPHER_SERVER
    return answer.envelope.session_id, WireKey.parse(told.data)


async def send_key(peer: Peer, number: int, data: bytes) -> ResponseCode:
    asked = peer.message(OpCode.SESSION_EXCHANGE_KEY, KeyDelivery(data).build(), session=number)
    answer = await peer.tcp(asked.build())
    assert answer.opcode == OpCode.SESSION_EXCHANGE_KEY
    assert answer.envelope.session_id == number
    return ResponseCode(answer.response_code)


@pytest.mark.parametrize("size", [16, 32, 64])
async def test_the_servers_key(seeded: Peer, size: int) -> None:
    """The one that its site names, so that its answer is known to be its own."""
    number, ours = await set_up_for_our_key(seeded)
    site = await seeded.ask(OpCode.GET_SITE_INFO, Text("/").build())
    assert WireKey.parse(WireSite.parse(site.body).servers[0].public_key) == ours
    key = os.urandom(size)
    assert await send_key(seeded, number, cipher.deliver(key, ours)) is ResponseCode.SUCCESS
    session = Session(seeded, number, key)
    await prove(session)
    ended = await session.ask(OpCode.SESSION_TERMINATE, Text("/").build())
    assert ended.response_code == ResponseCode.SUCCESS


async def test_a_session_without_its_key(seeded: Peer) -> None:
    """What nothing was agreed on for opens nothing: not by a MAC with an empty key either."""
    number, _ = await set_up_for_our_key(seeded)
    bare = Session(seeded, number, b"").message(OpCode.LIST_HANDLES, Text("88.118.9").build())
    assert await code(seeded, bare) is ResponseCode.NEED_SESSION_KEY
    envelope = Envelope(flags=EnvelopeFlag.ENCRYPTED, session_id=number, length=32)
    answer = await seeded.tcp(envelope.build() + bytes(32))
    assert answer.response_code == ResponseCode.NEED_SESSION_KEY


async def test_a_sessions_key_comes_once(seeded: Peer) -> None:
    number, ours = await set_up_for_our_key(seeded)
    first, second = os.urandom(32), os.urandom(32)
    assert await send_key(seeded, number, cipher.deliver(first, ours)) is ResponseCode.SUCCESS
    again = await send_key(seeded, number, cipher.deliver(second, ours))
    assert again is ResponseCode.SESSION_FAILED
    agreed = await set_up(seeded)
    other = await send_key(seeded, agreed.number, cipher.deliver(second, ours))
    assert other is ResponseCode.SESSION_FAILED
    nobody = await send_key(seeded, number + 1, cipher.deliver(second, ours))
    assert nobody is ResponseCode.SESSION_TIMEOUT
    await prove(Session(seeded, number, first))


async def test_a_key_that_does_not_open(seeded: Peer) -> None:
    """Is told by what comes after, never by its answer."""
    number, _ = await set_up_for_our_key(seeded)
    assert await send_key(seeded, number, os.urandom(256)) is ResponseCode.SUCCESS
    message = Session(seeded, number, os.urandom(32)).message(
        OpCode.LIST_HANDLES, Text("88.118.9").build()
    )
    assert await code(seeded, message) is ResponseCode.INVALID_SESSION_KEY
    other, _ = await set_up_for_our_key(seeded)
    asked = seeded.message(OpCode.SESSION_EXCHANGE_KEY, b"junk", session=other)
    assert await code(seeded, asked) is ResponseCode.SESSION_FAILED
    assert await send_key(seeded, other, bytes(1025)) is ResponseCode.SESSION_FAILED


async def test_the_key_of_a_record(seeded: Peer) -> None:
    rest = text(ADMIN_HANDLE) + u32(300) + _SPARE
    asked = SessionSetup(KeyExchange.CIPHER_HANDLE, 3600, ADMIN_HANDLE, 300, rest)
    answer = await seeded.ask(OpCode.SESSION_SETUP, asked.build())
    assert answer.response_code == ResponseCode.SUCCESS
    reader = Reader(RSA_KEY.decrypt(SessionAnswer.parse(answer.body).data, padding.PKCS1v15()))
    assert reader.u32() == 3
    await prove(Session(seeded, answer.envelope.session_id, reader.rest()))


@pytest.mark.parametrize(
    ("mode", "rest"),
    [
        (9, b""),
        (KeyExchange.CIPHER_SERVER, b"more"),
        (KeyExchange.CIPHER_HANDLE, b""),
        (KeyExchange.CIPHER_HANDLE, text(ADMIN_HANDLE) + u32(301)),  # a secret key
        (KeyExchange.CIPHER_HANDLE, text(ADMIN_HANDLE) + u32(7)),
        (KeyExchange.CIPHER_HANDLE, text("88.118.8/P000007") + u32(1)),
        (KeyExchange.CIPHER_HANDLE, text("88.118.8/NOBODY") + u32(300)),
        (KeyExchange.CIPHER_HANDLE, text("no handle") + u32(300)),
        (KeyExchange.CIPHER_HANDLE, text(ADMIN_HANDLE) + u32(300) + b"more"),
        (KeyExchange.CIPHER_CLIENT, octets(WireKey(DH, (5, 2**1024 - 1, 2)).build())),
        (KeyExchange.DH, octets(b"no key")),
    ],
)
async def test_exchanges_that_fail(seeded: Peer, mode: int, rest: bytes) -> None:
    asked = SessionSetup(mode, 3600, ADMIN_HANDLE, 300, rest)
    answer = await seeded.ask(OpCode.SESSION_SETUP, asked.build())
    assert answer.response_code == ResponseCode.SESSION_FAILED


async def test_who_sets_up_too_many_has_to_wait(live: Live, seeded: Peer) -> None:
    number, _ = await set_up_for_our_key(seeded)
    throttle = live.node.wiring.throttle
    for _ in range(MAX_EACH):
        await throttle.count(EACH, "127.0.0.1", limit=10**6, window=MINUTE)
    asked = SessionSetup(KeyExchange.CIPHER_SERVER, 3600, ADMIN_HANDLE, 300).build()
    refused = await seeded.ask(OpCode.SESSION_SETUP, asked)
    assert refused.response_code == ResponseCode.SERVER_TOO_BUSY
    assert await send_key(seeded, number, bytes(256)) is ResponseCode.SERVER_TOO_BUSY
    # Datagrams have a share of their own, which spoofed ones cannot take from connections.
    by_datagram = seeded.message(OpCode.SESSION_SETUP, asked)
    answer = await seeded.udp(*split(by_datagram.build()))
    assert answer.response_code == ResponseCode.SUCCESS


async def test_macs(seeded: Peer) -> None:
    """As recorded: a missing, a wrong and a used one."""
    session = await set_up(seeded)
    await prove(session)
    body = Text("0.NA/88.118.9").build()
    bare = seeded.message(OpCode.LIST_HANDLES, body, session=session.number)
    assert await code(seeded, bare) is recorded("session_no_mac.tcp")
    wrong = Session(seeded, session.number, bytes(32), 50).message(OpCode.LIST_HANDLES, body)
    assert await code(seeded, wrong) is recorded("session_bad_mac.tcp")
    good = session.message(OpCode.LIST_HANDLES, body)
    assert await code(seeded, good) is ResponseCode.SUCCESS
    assert await code(seeded, good) is ResponseCode.SESSION_MESSAGE_REJECTED
    other = Session(seeded, session.number + 1, session.key, 90)
    unknown = other.message(OpCode.LIST_HANDLES, body)
    assert await code(seeded, unknown) is ResponseCode.SESSION_TIMEOUT


async def test_macs_that_cover_no_number(seeded: Peer) -> None:
    """Up to version 2.4, whose clients count nothing: what came comes once all the same."""
    session = await set_up(seeded)
    await prove(session)
    for name in ("a", "b"):
        message = old(session, name, 0)
        assert await code(seeded, message) is ResponseCode.SUCCESS
        for counter in (0, 1, 2**32 - 1):
            again = old(session, name, counter)
            assert again.body == message.body
            assert await code(seeded, again) is ResponseCode.SESSION_MESSAGE_REJECTED
    other = await set_up(seeded)
    assert await code(seeded, old(other, "c", 0)) is ResponseCode.AUTHENTICATION_NEEDED


def old(session: Session, name: str, counter: int) -> Message:
    body = Values(f"88.118.9/{name}", (url(),)).build()
    message = session.peer.message(OpCode.CREATE_HANDLE, body, session=session.number)
    envelope = msgspec.structs.replace(message.envelope, minor=4, suggested=4)
    message = msgspec.structs.replace(message, envelope=envelope)
    credential = cipher.mac_of(session.key, message, counter)
    return msgspec.structs.replace(message, credential=credential.build())


async def test_so_many_macs_are_remembered(
    live: Live, seeded: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await set_up(seeded)
    await prove(session)
    monkeypatch.setattr("registry.handshake.handshakes.MAX_MACS", 2)
    for name, expected in (("a", 1), ("b", 1), ("c", ResponseCode.SESSION_MESSAGE_REJECTED)):
        assert await code(seeded, old(session, name, 0)) == expected
    async with live.node.wiring.database.connection() as connection:
        ended = await session.ask(OpCode.SESSION_TERMINATE, Text("/").build())
        assert ended.response_code == ResponseCode.SUCCESS
        assert await connection.fetchval("SELECT count(*) FROM wire_session_mac") == 0


@pytest.mark.parametrize("key", ["another", None])
async def test_a_session_outlives_no_key(live: Live, seeded: Peer, key: str | None) -> None:
    session = await set_up(seeded)
    await prove(session)
    listing = Text("0.NA/88.118.9").build()
    assert (await session.ask(OpCode.LIST_HANDLES, listing)).response_code == ResponseCode.SUCCESS
    await change_key(live, 300, None if key is None else public_key(OTHER_KEY))
    refused = await session.ask(OpCode.LIST_HANDLES, listing)
    assert refused.response_code == ResponseCode.AUTHENTICATION_NEEDED
    answer = session.peer.proof(refused, by_key(OTHER_KEY) if key else by_secret())
    done = await session.ask(OpCode.RESPONSE_TO_CHALLENGE, answer.body)
    assert done.response_code == ResponseCode.SUCCESS


async def code(peer: Peer, message: Message) -> ResponseCode:
    return ResponseCode((await peer.tcp(message.build())).response_code)


def recorded(name: str) -> ResponseCode:
    return ResponseCode(EXCHANGES[name].answered.response_code)


async def test_encrypted_answers(seeded: Peer) -> None:
    session = await set_up(seeded)
    body = ResolutionRequest("88.118.8/P000007", (1,)).build()
    asked = session.message(OpCode.RESOLUTION, body, flags=STOCK | OpFlag.ENCR)
    async with seeded.connection() as connection:
        connection.writer.write(asked.build())
        envelope, payload = await connection.octets()
    assert envelope.encrypted
    # As long as the recorded one: 16 octets of IV, then whole blocks.
    assert len(payload) == EXCHANGES["session_encrypted_response.tcp"].response[0][19]
    answer = Message.parse(envelope, cipher.decrypt(session.key, payload))
    (value,) = Values.parse(answer.body).values
    assert value.index == 1


async def test_encrypted_requests(seeded: Peer) -> None:
    session = await set_up(seeded)
    await prove(session)
    for key, expected in ((session.key, ResponseCode.SUCCESS), (bytes(32), ResponseCode.ERROR)):
        asked = session.message(OpCode.DELETE_HANDLE, Text("88.118.9/sess1").build())
        payload = cipher.encrypt(key, asked.build()[ENVELOPE.size :], os.urandom)
        envelope = msgspec.structs.replace(
            asked.envelope, flags=EnvelopeFlag.ENCRYPTED, length=len(payload)
        )
        answer = await seeded.tcp(envelope.build() + payload)
        assert answer.response_code == expected


async def test_an_encrypted_request_of_no_session(seeded: Peer) -> None:
    envelope = Envelope(flags=EnvelopeFlag.ENCRYPTED, session_id=7, length=32)
    answer = await seeded.tcp(envelope.build() + bytes(32))
    assert answer.response_code == ResponseCode.SESSION_TIMEOUT


async def test_an_encrypted_message_while_the_database_is_away(
    seeded: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is answered, and so is what follows on the connection."""

    async def away(number: int) -> None:
        raise ConnectionRefusedError

    envelope = Envelope(session_id=7, flags=EnvelopeFlag.ENCRYPTED, length=32)
    async with seeded.connection() as connection:
        with monkeypatch.context() as patched:
            patched.setattr(seeded.open.parts.handshakes, "session", away)
            answer = await connection.send(envelope.build() + bytes(32))
        assert answer.response_code == ResponseCode.SERVER_TOO_BUSY
        body = ResolutionRequest("88.118.8/P000007").build()
        asked = seeded.message(OpCode.RESOLUTION, body)
        assert (await connection.send(asked.build())).response_code == ResponseCode.SUCCESS
