"""Every recorded message is read as an independent decoder read it, and built again octet for
octet."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from registry.record.value import normalise
from resolver.wire.body import (
    ChallengeAnswer,
    Handles,
    IdentityLogin,
    Indexes,
    PasswordLogin,
    ResolutionRequest,
    SessionAnswer,
    SessionSetup,
    Text,
    Values,
)
from resolver.wire.code import OpCode, ResponseCode
from resolver.wire.credential import Credential, covered
from resolver.wire.digest import SHA256_SINCE, Challenge, Digest
from resolver.wire.fragment import split
from resolver.wire.key import WireKey
from resolver.wire.message import Message
from resolver.wire.octets import Reader
from resolver.wire.proof import MacProof, SignatureProof
from resolver.wire.site import WireSite
from resolver.wire.typed import from_wire, to_wire
from resolver.wire.value import WireValue
from tests.resolver.wire.recorded import EXCHANGES, Exchange

ENCRYPTED = "session_encrypted_response.tcp"
# One whole datagram that says it is truncated, because the request was.
FLAGGED = ("create_udp_fragmented.1_request.udp", "response")
MESSAGES = [
    pytest.param(exchange, side, id=f"{exchange.name}-{side}")
    for exchange in EXCHANGES.values()
    for side in ("request", "response")
    if (exchange.name, side) != (ENCRYPTED, "response")
]
REQUESTS: dict[OpCode, Any] = {
    OpCode.RESOLUTION: ResolutionRequest,
    OpCode.GET_SITE_INFO: Text,
    OpCode.CREATE_HANDLE: Values,
    OpCode.DELETE_HANDLE: Text,
    OpCode.ADD_VALUE: Values,
    OpCode.REMOVE_VALUE: Indexes,
    OpCode.MODIFY_VALUE: Values,
    OpCode.LIST_HANDLES: Text,
    OpCode.RESPONSE_TO_CHALLENGE: ChallengeAnswer,
    OpCode.HOME_NA: Text,
    OpCode.UNHOME_NA: Text,
    OpCode.LIST_HOMED_NAS: Text,
    OpCode.SESSION_SETUP: SessionSetup,
    OpCode.SESSION_TERMINATE: Text,
    OpCode.LOGIN_PASSWORD: PasswordLogin,
    OpCode.LOGIN_ID_SYSTEM: IdentityLogin,
}
ANSWERS: dict[OpCode, Any] = {
    OpCode.RESOLUTION: Values,
    OpCode.GET_SITE_INFO: WireSite,
    OpCode.CREATE_HANDLE: Text,
    OpCode.LIST_HANDLES: Handles,
    OpCode.LIST_HOMED_NAS: Handles,
    OpCode.SESSION_SETUP: SessionAnswer,
}


@pytest.mark.parametrize(("exchange", "side"), MESSAGES)
def test_message(exchange: Exchange, side: str) -> None:
    datagrams = exchange.request if side == "request" else exchange.response
    message = exchange.asked if side == "request" else exchange.answered
    built = message.build()
    if (exchange.name, side) == FLAGGED:
        datagrams = (datagrams[0].replace(b"\x02\x0b\x22", b"\x02\x0b\x02", 1),)
    assert split(built) == list(datagrams) if exchange.udp else built == datagrams[0]
    decoded = exchange.decoded[side]
    if decoded is None:  # the decoder saw fragments alone
        assert len(datagrams) > 1 or (exchange.name, side) == FLAGGED
        return
    _compare_head(message, decoded)
    _compare_credential(message, decoded["credential"])
    body = _body(message, side)
    assert body is None or body.build() == message.body
    _compare_body(body, decoded["body"])


def _compare_head(message: Message, decoded: dict[str, Any]) -> None:
    envelope, header = decoded["envelope"], decoded["header"]
    assert message.envelope.minor == envelope["minorVersion"]
    assert message.envelope.suggested == envelope["suggestMinor"]
    assert message.envelope.session_id == envelope["sessionId"]
    assert message.envelope.request_id == envelope["requestId"]
    assert message.opcode == int(header["opCode"].split()[0])
    assert message.response_code == int(header["responseCode"].split()[0])
    assert message.flags == int(header["opFlags"]["raw"], 16)
    assert message.site_serial == header["siteInfoSerial_u16"]
    assert message.recursion == header["recursionCount_u8"]
    assert message.expiration == header["expiration_u32"]


def _compare_credential(message: Message, decoded: dict[str, Any] | None) -> None:
    if decoded is None:
        assert not message.credential
        return
    assert message.credential
    credential = Credential.parse(message.credential)
    assert credential.build() == message.credential
    assert credential.kind == decoded["credentialType"]
    assert credential.counter == decoded["signerIndex_or_sessionCounter"]
    assert credential.algorithm == decoded["digestAlg"]
    assert credential.signature.hex() == decoded["signature"]


def _body(message: Message, side: str) -> Any:
    if message.opcode == 0:
        return Text.parse(message.body)
    opcode = OpCode(message.opcode)
    if side == "request":
        return REQUESTS[opcode].parse(message.body)
    if message.response_code == ResponseCode.AUTHENTICATION_NEEDED:
        return Challenge.parse(message.body)
    if message.response_code != ResponseCode.SUCCESS:
        return Text.parse(message.body)
    if message.flags & 0x0080_0000:  # the request's digest stands first
        reader = Reader(message.body)
        Digest.read(reader)
        parsed = ANSWERS[opcode].parse(reader.rest())
        assert message.body.endswith(parsed.build())
        return None
    return ANSWERS[opcode].parse(message.body) if opcode in ANSWERS else None


def _compare_body(body: Any, decoded: dict[str, Any]) -> None:
    match body:
        case ResolutionRequest():
            assert body.handle == decoded["handle"]
            assert list(body.indexes) == decoded["indexList"]
            assert list(body.types) == decoded["typeList"]
        case Values():
            assert body.handle == decoded["handle"]
            told = [(v["index"], v["type"], v["timestamp"]["u32"]) for v in decoded["values"]]
            assert [(v.index, v.type, v.timestamp) for v in body.values] == told
            _compare_data(body.values, decoded["values"])
        case Indexes():
            assert list(body.indexes) == decoded["indexList"]
        case Handles():
            assert list(body.handles) == decoded["handles"]
        case Challenge():
            assert body.nonce.hex() == decoded["nonce"]
            assert body.digest.octets.hex() == decoded["requestDigest"]["digest"]
        case ChallengeAnswer():
            assert (body.kind, body.handle) == (decoded["authType"], decoded["userIdHandle"])
            proof = (SignatureProof if body.kind == "HS_PUBKEY" else MacProof).parse(body.proof)
            assert proof.build() == body.proof
        case WireSite():
            servers = decoded["siteInfo"]["servers"]
            ports = [[i["port_u32"] for i in server["interfaces"]] for server in servers]
            assert [[i.port for i in server.interfaces] for server in body.servers] == ports
            assert str(body.servers[0].ip) == "127.0.0.1"


def _compare_data(values: tuple[WireValue, ...], decoded: list[dict[str, Any]]) -> None:
    """What the values hold, read as this node stores it, and built again from that."""
    for value, told in zip(values, decoded, strict=True):
        if value.index == 0:
            continue  # a value that is refused
        sent = from_wire(value)
        (stored,) = normalise([sent], now=datetime.now(UTC))
        again = to_wire(stored)
        assert (again.data, again.permissions, again.ttl) == (
            value.data,
            value.permissions,
            value.ttl,
        )
        data = stored.data
        if value.type == "HS_ADMIN":
            assert data.format == "admin"
            assert data.value["handle"] == told["data"]["adminHandle"]
        elif value.type in ("HS_PUBKEY", "HS_SITE"):
            assert data.format == {"HS_PUBKEY": "key", "HS_SITE": "site"}[value.type]
        elif data.format == "string":
            assert data.value == told["data"]


def _public_key() -> rsa.RSAPublicKey:
    """The recorded server's own, from its site record."""
    site = WireSite.parse(EXCHANGES["site_info.tcp"].answered.body)
    exponent, modulus = WireKey.parse(site.servers[0].public_key).numbers
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()


@pytest.mark.parametrize(
    "name", ["resolve_certified.tcp", "resolve_certified_v2_3.tcp", "caict_op1_6.tcp"]
)
def test_recorded_signatures_hold(name: str) -> None:
    answer = EXCHANGES[name].answered
    credential = Credential.parse(answer.credential or b"")
    digest = hashes.SHA1() if credential.algorithm == "SHA1" else hashes.SHA256()
    signed = covered(answer, credential.counter)
    _public_key().verify(credential.signature, signed, padding.PKCS1v15(), digest)


CHALLENGED = [name for name in EXCHANGES if ".1_request." in name]


@pytest.mark.parametrize("name", CHALLENGED)
def test_recorded_digests(name: str) -> None:
    exchange = EXCHANGES[name]
    if exchange.answered.response_code != ResponseCode.AUTHENTICATION_NEEDED:
        return
    challenge = Challenge.parse(exchange.answered.body)
    assert Digest.of(exchange.asked, exchange.answered.envelope.minor) == challenge.digest
    assert (challenge.digest.algorithm == 3) == (exchange.answered.envelope.minor >= SHA256_SINCE)


@pytest.mark.parametrize("name", [n for n in CHALLENGED if "caict" not in n])
def test_recorded_proofs(name: str) -> None:
    """Those that the recorded server took hold here, those it refused do not."""
    exchange = EXCHANGES[name]
    second = EXCHANGES.get(name.replace(".1_request.", ".2_answer."))
    if second is None or exchange.answered.response_code != ResponseCode.AUTHENTICATION_NEEDED:
        return
    challenge = Challenge.parse(exchange.answered.body)
    answer = ChallengeAnswer.parse(second.asked.body)
    refused = second.answered.response_code == ResponseCode.AUTHENTICATION_FAILED
    if answer.kind == "HS_SECKEY":
        proof = MacProof.parse(answer.proof)
        assert proof.holds(b"secret", challenge.signed) is not refused or answer.index == 300
        return
    signed = SignatureProof.parse(answer.proof)
    assert signed.holds(_administrator_key(), challenge.signed, answer.handle)


def _administrator_key() -> WireKey:
    record = Values.parse(EXCHANGES["resolve_prefix_handle.tcp"].answered.body)
    (value,) = [value for value in record.values if value.type == "HS_PUBKEY"]
    return WireKey.parse(value.data)
