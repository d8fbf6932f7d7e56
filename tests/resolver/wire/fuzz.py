"""Coverage-guided fuzzing of the wire codec.

    python -m tests.resolver.wire.fuzz SECONDS

Whatever octets come, reading them ends in a message or in Malformed, and what was read is built
again and read as the same. Begins with the recorded messages; exits with 0 where nothing was found.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["resolver.wire"]):
    from resolver.wire import cipher
    from resolver.wire.body import (
        ChallengeAnswer,
        Handles,
        IdentityLogin,
        Indexes,
        KeyDelivery,
        PasswordLogin,
        ResolutionRequest,
        SessionAnswer,
        SessionSetup,
        Text,
        Values,
        VerificationRequest,
    )
    from resolver.wire.code import OpCode
    from resolver.wire.credential import Credential, covered
    from resolver.wire.digest import Challenge
    from resolver.wire.fragment import Reassembly
    from resolver.wire.key import TAIL, WireKey, public_key
    from resolver.wire.message import ENVELOPE, Envelope, Message
    from resolver.wire.octets import Malformed
    from resolver.wire.proof import MacProof, SignatureProof
    from resolver.wire.site import WireSite
    from resolver.wire.typed import from_wire, stored, to_wire

from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import rsa

from registry.errors import InvalidInput
from registry.record.value import normalise
from tests.resolver.wire.recorded import EXCHANGES

NOW = datetime(2026, 11, 24, tzinfo=UTC)
KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)
ANY_BODY = (
    ResolutionRequest,
    Values,
    Indexes,
    Text,
    Handles,
    ChallengeAnswer,
    VerificationRequest,
    PasswordLogin,
    IdentityLogin,
    SessionSetup,
    SessionAnswer,
    KeyDelivery,
    Challenge,
    Credential,
    SignatureProof,
    MacProof,
    WireSite,
    WireKey,
)
BY_OPCODE = {
    OpCode.RESOLUTION: (ResolutionRequest, Values),
    OpCode.CREATE_HANDLE: (Values,),
    OpCode.RESPONSE_TO_CHALLENGE: (ChallengeAnswer,),
    OpCode.SESSION_SETUP: (SessionSetup, SessionAnswer),
    OpCode.SESSION_EXCHANGE_KEY: (KeyDelivery,),
}


def read_all(octets: bytes) -> None:
    """Everything that the listeners do with octets before anything is looked up."""
    try:
        envelope = Envelope.parse(octets)
    except Malformed:
        return read_body(octets)
    payload = octets[ENVELOPE.size :]
    if envelope.truncated:
        reassemble(octets)
    try:
        message = Message.parse(envelope, payload)
    except Malformed:
        return None
    again = message.build()
    assert Message.parse(Envelope.parse(again), again[ENVELOPE.size :]).build() == again
    covered(message, 1)
    read_body(message.body, BY_OPCODE.get(message.opcode, ANY_BODY))  # type: ignore[call-overload]
    if message.credential:
        read_body(message.credential, (Credential,))
    return None


def reassemble(octets: bytes) -> None:
    """As if they were datagrams of 40 octets each."""
    reassembly = Reassembly(octets=2000, each=3, seconds=5.0)
    for number, start in enumerate(range(0, len(octets), 40)):
        piece = octets[start : start + 40]
        try:
            envelope = Envelope.parse(piece)
            reassembly.add(number % 2, envelope, piece[ENVELOPE.size :], float(number))
        except Malformed:
            continue
        assert reassembly.held <= 2000 + 492


def read_body(octets: bytes, kinds: tuple[type, ...] = ANY_BODY) -> None:
    for kind in kinds:
        try:
            body = kind.parse(octets)  # type: ignore[attr-defined]
        except Malformed:
            continue
        assert kind.parse(body.build()) == body  # type: ignore[attr-defined]
        if isinstance(body, Values):
            store(body)
        elif isinstance(body, WireSite) and body.servers:
            body.server_of("88.118.8/X")
        elif isinstance(body, SessionSetup):
            set_up(body)
        elif isinstance(body, KeyDelivery):
            assert cipher.received(body.data, KEY, lambda size: b"\7" * size)
        elif isinstance(body, MacProof | SignatureProof) and len(octets) < 200:
            prove(body)


def store(body: Values) -> None:
    for value in body.values[:4]:
        try:
            (kept,) = normalise([from_wire(value)], now=NOW)
        except InvalidInput:
            continue
        # RSA keys get the four octets that keys in records end with.
        assert to_wire(kept).data in (value.data, value.data + TAIL)
        try:
            assert to_wire(stored(value)).data in (value.data, value.data + TAIL)
        except InvalidInput:
            continue


def set_up(asked: SessionSetup) -> None:
    for read in (asked.check_bare, lambda: asked.reference):
        try:
            read()
        except Malformed:
            continue
    try:
        key = WireKey.parse(asked.key)
        if key.kind == "DH_PUB_KEY" and key.numbers[1].bit_length() > 1100:
            return  # slow, and arithmetic alone
        if key.kind == "DH_PUB_KEY":
            cipher.agree(key, lambda size: b"\7" * size, lambda _: None)
        else:
            cipher.deliver(b"\7" * 32, key)
    except Malformed:
        return


def prove(proof: MacProof | SignatureProof) -> None:
    if isinstance(proof, MacProof):
        if proof.iterations < 100:
            proof.holds(b"secret", b"challenge")
        return
    key = WireKey("RSA_PUB_KEY", (65537, (1 << 1024) - 105))
    assert not proof.holds(key, b"challenge", "88.118.8/ADMIN") or True


def unrecorded() -> dict[str, Message]:
    """Messages that no recording has."""
    sealed = cipher.deliver(b"\7" * 32, public_key(KEY))
    bodies = {
        OpCode.SESSION_EXCHANGE_KEY: KeyDelivery(sealed),
        OpCode.SESSION_SETUP: SessionSetup(3, 60, "88.118.8/A", 1, b"\0\0\0\3a/b\0\0\0\1"),
        OpCode.VERIFY_RESPONSE: VerificationRequest("88.118.8/A", 1, b"n", b"\3" * 33, b"p"),
    }
    return {name.name: Message(opcode=name, body=one.build()) for name, one in bodies.items()}


def main() -> None:
    seconds = sys.argv[1]
    corpus = Path(tempfile.mkdtemp(prefix="biaoshi-fuzz-"))
    for name, exchange in EXCHANGES.items():
        for side, datagrams in (("a", exchange.request), ("b", exchange.response)):
            whole = b"".join(datagrams)
            (corpus / f"{name}-{side}").write_bytes(whole)
            (corpus / f"{name}-{side}-body").write_bytes(whole[44:])
    for name, message in unrecorded().items():
        (corpus / name).write_bytes(message.build())
    options = [f"-max_total_time={seconds}", "-max_len=4096", "-rss_limit_mb=1024", "-timeout=120"]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={corpus}/", str(corpus)], read_all)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
