"""What a running Handle.Net server was recorded to answer, asked again of this node.

Requests are sent octet for octet in the order of the recording. Proofs are made anew, for another
nonce and with another key; sessions are set up anew. Times, nonces, signatures and the numbers of
sessions may differ, and what DIFFERENT names.
"""

from __future__ import annotations

import os

import msgspec
import pytest

from node.settings import Settings
from resolver.wire import cipher
from resolver.wire.body import ChallengeAnswer, SessionAnswer, SessionSetup, Text, Values
from resolver.wire.code import KeyExchange, OpCode, ResponseCode
from resolver.wire.credential import Credential
from resolver.wire.digest import Challenge
from resolver.wire.fragment import split
from resolver.wire.key import DH, WireKey
from resolver.wire.message import Envelope, Message
from resolver.wire.octets import Reader, octets
from resolver.wire.proof import MacProof
from tests.node.handle_json.peer import add_prefix
from tests.node.live import Live
from tests.node.wire.peer import Peer, by_key, by_secret, furnish
from tests.resolver.wire.recorded import EXCHANGES, Exchange

PREFIX_RECORD = "the prefix's record is the node's own: its site and administrators, no public key"
ALLOCATED = "prefixes are allocated after a review, not by whoever homes them"
LISTED = "only prefixes that were allocated here and that the client has rights on"
PUBLIC = "Chinese clients leave all flags clear and are given the public values"
OWN_SITE = "our own site, with another key, address and port"
UNRECORDED = "among them are handles whose creation was not recorded, and all are in upper case"
JRE = "the recorded server failed for want of a cipher of the name that it asked for"
# Where this node answers otherwise on purpose: what differs, and why.
DIFFERENT: dict[str, tuple[str, str]] = {
    "resolve_prefix_handle": ("values", PREFIX_RECORD),
    "resolve_slashless": ("values", PREFIX_RECORD),
    "caict_op1_5": ("code", PUBLIC),
    "site_info": ("body", OWN_SITE),
    "site_info_empty_handle": ("body", OWN_SITE),
    "caict_op2_1": ("body", OWN_SITE),
    "home_na": ("code", ALLOCATED),
    "unhome_na": ("code", ALLOCATED),
    "list_homed_nas": ("handles", LISTED),
    "session_setup_client_rsa": ("code", JRE),
    "session_list": ("handles", UNRECORDED),
}
UDP_ADMINISTRATION = ("udpadmin_", "create_udp_fragmented")
SESSION = "session_"
REPLAYED = [
    exchange
    for name, exchange in EXCHANGES.items()
    if not name.startswith(("caict_", *UDP_ADMINISTRATION))
]


def order(exchange: Exchange) -> tuple[int, bool]:
    """Of two with the same number the one that was refused came first."""
    return exchange.asked.envelope.request_id, exchange.name == "session_list.tcp"


@pytest.fixture
async def recorded(live: Live, peer: Peer) -> Peer:
    enterprise_id = await furnish(live)
    await add_prefix(live.node.wiring, enterprise_id, "81")
    async with live.node.wiring.database.connection() as connection:
        await connection.execute("UPDATE prefix SET prefix='88.118.8L' WHERE prefix='88.118.81'")
    return peer


async def test_recorded_exchanges(recorded: Peer) -> None:
    wrong = await replay(recorded, sorted(REPLAYED, key=order))
    assert not wrong, "\n".join(wrong)


CAICT = ["op1_2", "op1_3", "op1_4", "op1_5", "op1_6", "op1_7", "op2_1"]
LOGGED_IN = ["op100_11", "op103_14", "op101_15"]
LOGINS = ["login2000", "login2001.1_request", "login2001.2_answer"]


def test_every_recording_is_replayed() -> None:
    """By one of the tests of this file."""
    chinese = {f"caict_{name}.tcp" for name in [*CAICT, *LOGGED_IN, *LOGINS]}
    by_udp = {name for name in EXCHANGES if name.startswith(UDP_ADMINISTRATION)}
    plain = {one.name for one in REPLAYED}
    assert chinese | by_udp | plain == set(EXCHANGES)
    assert len(chinese) + len(by_udp) + len(plain) == len(EXCHANGES)


async def test_a_chinese_client(recorded: Peer) -> None:
    """Its requests one after the other on one connection."""
    wrong = []
    async with recorded.connection() as connection:
        for name in CAICT:
            exchange = EXCHANGES[f"caict_{name}.tcp"]
            answer = await connection.send(exchange.request[0])
            wrong += differences(exchange, answer)
    assert wrong == []


async def test_a_chinese_client_logs_in(recorded: Peer) -> None:
    """By identity: what it then asks for is granted without a challenge."""
    first = EXCHANGES["caict_login2001.1_request.tcp"]
    second = EXCHANGES["caict_login2001.2_answer.tcp"]
    async with recorded.connection() as connection:
        challenged = await connection.send(first.request[0])
        assert compared(first, challenged).keys() == {"suggested", "flags"}  # an emulation's
        answer = await connection.send(answering(second.asked, challenged).build())
        assert compared(second, answer) == {"suggested": "11 for 10"}
        wrong = []
        for name in LOGGED_IN:
            exchange = EXCHANGES[f"caict_{name}.tcp"]
            answer = await connection.send(exchange.request[0])
            if name == "op103_14":  # the value it removes was added by a request not recorded
                assert answer.response_code == ResponseCode.VALUES_NOT_FOUND
                continue
            wrong += differences(exchange, answer)
    assert wrong == []


async def test_a_chinese_client_without_a_good_password(recorded: Peer) -> None:
    """The emulation took none; here this one is wrong."""
    exchange = EXCHANGES["caict_login2000.tcp"]
    answer = await recorded.tcp(exchange.request[0])
    assert answer.response_code == exchange.answered.response_code == ResponseCode.LOGIN_FIRST
    assert answer.opcode == exchange.answered.opcode
    assert answer.envelope.request_id == exchange.answered.envelope.request_id


class TestAdministrationOverUdp:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return msgspec.structs.replace(settings, handle_udp_administration=True)

    async def test_recorded_exchanges(self, recorded: Peer) -> None:
        """A server whose site record allows it."""
        exchanges = [one for name, one in EXCHANGES.items() if name.startswith(UDP_ADMINISTRATION)]
        listed = "udpadmin_list_handles.2_answer.udp"
        wrong = await replay(recorded, sorted(exchanges, key=order))
        assert [one for one in wrong if not one.startswith(listed)] == []


async def replay(peer: Peer, exchanges: list[Exchange]) -> list[str]:
    wrong: list[str] = []
    challenged: Message | None = None
    session = Session()
    for exchange in exchanges:
        request = exchange.request
        if exchange.name.startswith(SESSION):
            wrong += await session.replay(peer, exchange)
            continue
        if ".2_answer." in exchange.name:
            if challenged is None or challenged.response_code != 402:
                continue  # its first half differs on purpose
            octets = answering(exchange.asked, challenged).build()
            request = tuple(split(octets)) if exchange.udp else (octets,)
        answer = await (peer.udp if exchange.udp else peer.tcp)(*request)
        challenged = answer if ".1_request." in exchange.name else None
        wrong += differences(exchange, answer)
    return wrong


class Session:
    """The recorded session, set up anew: with keys, a number and MACs of its own."""

    def __init__(self) -> None:
        self._number, self._key = 0, b""
        self._challenged: Message | None = None

    async def replay(self, peer: Peer, exchange: Exchange) -> list[str]:
        if exchange.asked.opcode == OpCode.SESSION_SETUP:
            return await self._set_up(peer, exchange)
        asked = exchange.asked
        if exchange.name == "session_create.2_answer.tcp":
            assert self._challenged is not None
            asked = answering(asked, self._challenged)
        request = self._renewed(asked, wrong="bad_mac" in exchange.name).build()
        if exchange.name == "session_encrypted_response.tcp":
            return await self._encrypted(peer, exchange, request)
        self._challenged = answer = await peer.tcp(request)
        assert answer.envelope.session_id == self._number
        return differences(exchange, answer)

    def _renewed(self, asked: Message, *, wrong: bool) -> Message:
        """With this session's number and, where it had one, a MAC by its key."""
        envelope = msgspec.structs.replace(asked.envelope, session_id=self._number)
        message = msgspec.structs.replace(asked, envelope=envelope)
        if not asked.credential:
            return message
        counter = Credential.parse(asked.credential).counter
        mac = cipher.mac_of(bytes(32) if wrong else self._key, message, counter)
        return msgspec.structs.replace(message, credential=mac.build())

    async def _set_up(self, peer: Peer, exchange: Exchange) -> list[str]:
        asked = SessionSetup.parse(exchange.asked.body)
        secret = int.from_bytes(os.urandom(32), "big")
        if asked.mode == KeyExchange.DH:
            _, p, g = WireKey.parse(asked.key).numbers
            ours = octets(WireKey(DH, (pow(g, secret, p), p, g)).build())
            asked = msgspec.structs.replace(asked, rest=ours + b"\0\0")
        answer = await peer.tcp(msgspec.structs.replace(exchange.asked, body=asked.build()).build())
        if asked.mode == KeyExchange.DH:
            reader = Reader(SessionAnswer.parse(answer.body).data)
            assert reader.u32() == 3
            y, *_ = WireKey.parse(reader.rest()).numbers
            self._number, self._key = answer.envelope.session_id, cipher.key_of(pow(y, secret, p))
        # Both public keys are of one length, so the rest of the answer can be compared.
        body = exchange.answered.body if answer.response_code == ResponseCode.SUCCESS else None
        answer = answer if body is None else msgspec.structs.replace(answer, body=body)
        return differences(exchange, answer)

    async def _encrypted(self, peer: Peer, exchange: Exchange, request: bytes) -> list[str]:
        """Their answer is under a key that is gone: its envelope and its length are compared."""
        async with peer.connection() as connection:
            connection.writer.write(request)
            envelope, payload = await connection.octets()
        theirs = Envelope.parse(exchange.response[0])
        assert Message.parse(envelope, cipher.decrypt(self._key, payload)).response_code == 1
        same = msgspec.structs.replace(envelope, session_id=theirs.session_id)
        return [] if same == theirs else [f"{exchange.name}: {same} for {theirs}"]


def answering(recorded: Message, challenged: Message) -> Message:
    """The recorded answer to a challenge, with a proof for this one."""
    told = ChallengeAnswer.parse(recorded.body)
    challenge = Challenge.parse(challenged.body)
    if told.kind == "HS_PUBKEY":
        algorithm = "SHA1" if b"SHA1" in told.proof else "SHA-256"
        prove = by_key(algorithm=algorithm, handle=told.handle, index=told.index)
    else:
        secret = "wrong" if recorded.envelope.request_id == 1165 else "secret"
        code = MacProof.parse(told.proof).code
        prove = by_secret(secret, code, told.handle, told.index)
    envelope = msgspec.structs.replace(recorded.envelope, session_id=challenged.envelope.session_id)
    body = prove(challenge).build()
    return msgspec.structs.replace(recorded, envelope=envelope, body=body)


def differences(exchange: Exchange, answer: Message) -> list[str]:
    """Every difference that is not one on purpose, and every one on purpose that is none."""
    found = compared(exchange, answer)
    name = exchange.name.partition(".")[0]
    excused, _ = DIFFERENT.get(name, ("", ""))
    if excused == "code" and "code" in found:
        return []
    first_half = ".1_request." in exchange.name
    if excused and excused not in found and not first_half:
        return [f"{exchange.name}: {excused} does not differ any more"]
    return [f"{exchange.name}: {what} {text}" for what, text in found.items() if what != excused]


def compared(exchange: Exchange, answer: Message) -> dict[str, str]:
    recorded = exchange.answered
    pairs = {
        "opcode": (answer.opcode, recorded.opcode),
        "code": (answer.response_code, recorded.response_code),
        "minor": (answer.envelope.minor, recorded.envelope.minor),
        "suggested": (answer.envelope.suggested, recorded.envelope.suggested),
        "request": (answer.envelope.request_id, recorded.envelope.request_id),
        "session": (bool(answer.envelope.session_id), bool(recorded.envelope.session_id)),
        "flags": (f"{answer.flags:08x}", f"{recorded.flags:08x}"),
        "serial": (answer.site_serial, recorded.site_serial),
        "recursion": (answer.recursion, recorded.recursion),
        "expiration": (answer.expiration, recorded.expiration),
        "signed": (bool(answer.credential), bool(recorded.credential)),
    }
    found = {name: f"{a} for {b}" for name, (a, b) in pairs.items() if a != b}
    return found or compared_bodies(recorded, answer)


def compared_bodies(recorded: Message, answer: Message) -> dict[str, str]:
    if recorded.response_code == ResponseCode.AUTHENTICATION_NEEDED:
        theirs, ours = Challenge.parse(recorded.body), Challenge.parse(answer.body)
        return {} if theirs.digest == ours.digest else {"digest": "another"}
    if recorded.response_code != ResponseCode.SUCCESS:
        given, wanted = Text.parse(answer.body).text, Text.parse(recorded.body).text
        same = bool(given) == bool(wanted)
        return {} if same else {"message": f"{given!r} for {wanted!r}"}
    if recorded.opcode == OpCode.RESOLUTION and not recorded.flags & 0x0080_0000:
        return compared_values(Values.parse(recorded.body), Values.parse(answer.body))
    if recorded.opcode == OpCode.RESOLUTION:
        return {} if len(recorded.body) == len(answer.body) else {"body": "of another length"}
    name = "handles" if recorded.opcode in (OpCode.LIST_HANDLES, OpCode.LIST_HOMED_NAS) else "body"
    return {} if recorded.body == answer.body else {name: f"{answer.body!r} for {recorded.body!r}"}


def compared_values(recorded: Values, answer: Values) -> dict[str, str]:
    """All but the order, which is that of the indexes here, and the times."""
    theirs = sorted(recorded.values, key=lambda value: value.index)
    ours = list(answer.values)
    plain = [[msgspec.structs.replace(v, timestamp=0) for v in side] for side in (ours, theirs)]
    if answer.handle != recorded.handle:
        return {"handle": answer.handle}
    return {} if plain[0] == plain[1] else {"values": f"{plain[0]} for {plain[1]}"}
