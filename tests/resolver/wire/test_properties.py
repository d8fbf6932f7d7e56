"""Whatever can be built is read as what it was, and whatever is no message is told so."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.errors import InvalidInput
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
    VerificationRequest,
)
from resolver.wire.code import DigestAlgorithm, TtlType
from resolver.wire.credential import MAC, SIGNED, Credential
from resolver.wire.digest import Challenge, Digest
from resolver.wire.fragment import MAX_DATAGRAM, Reassembly, split
from resolver.wire.key import DH, DSA, RSA, SM2, TAIL, WireKey
from resolver.wire.message import ENVELOPE, Envelope, Message
from resolver.wire.octets import Malformed
from resolver.wire.proof import MacCode, MacProof, SignatureProof, mac_proof
from resolver.wire.site import WireInterface, WireServer, WireSite
from resolver.wire.typed import from_wire, stored, to_wire
from resolver.wire.value import WireReference, WireValue

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
data = st.binary(max_size=60)
u8, u16, u32 = (st.integers(0, 2**bits - 1) for bits in (8, 16, 32))
references = st.builds(WireReference, texts, u32)
values = st.builds(
    WireValue,
    index=u32,
    timestamp=u32,
    ttl_type=st.sampled_from(TtlType),
    ttl=u32,
    permissions=u8,
    type=texts,
    data=data,
    references=st.tuples() | st.tuples(references) | st.tuples(references, references),
)
value_lists = st.lists(values, max_size=4).map(tuple)
indexes = st.lists(u32, max_size=5).map(tuple)
interfaces = st.builds(WireInterface, u8, u8, u32)
servers = st.builds(
    WireServer,
    u32,
    st.binary(min_size=16, max_size=16),
    data,
    st.lists(interfaces, max_size=3).map(tuple),
)
sites = st.builds(
    WireSite,
    protocol=st.tuples(u8, u8),
    serial=u16,
    primary=st.booleans(),
    multi_primary=st.booleans(),
    hash_option=st.integers(0, 2),
    hash_filter=data,
    attributes=st.lists(st.tuples(texts, texts), max_size=3).map(tuple),
    servers=st.lists(servers, max_size=3).map(tuple),
)
numbers = st.integers(1, 2**2048)
keys = st.one_of(
    st.builds(
        WireKey, st.just(RSA), st.tuples(numbers, numbers), tail=st.sampled_from([b"", TAIL])
    ),
    st.builds(WireKey, st.just(DSA), st.tuples(numbers, numbers, numbers, numbers)),
    st.builds(WireKey, st.just(DH), st.tuples(numbers, numbers, numbers)),
    st.builds(WireKey, st.just(SM2), pem=st.binary(min_size=5, max_size=80)),
)
digests = st.sampled_from([(DigestAlgorithm.MD5, 16), (DigestAlgorithm.SHA256, 32)]).flatmap(
    lambda pair: st.builds(Digest, st.just(pair[0]), st.binary(min_size=pair[1], max_size=pair[1]))
)
BODIES = st.one_of(
    st.builds(
        ResolutionRequest,
        texts,
        indexes,
        st.lists(texts, max_size=3).map(tuple),
        st.none() | data,
    ),
    st.builds(Values, texts, value_lists),
    st.builds(Indexes, texts, indexes),
    st.builds(Text, texts),
    st.builds(Handles, st.lists(texts, max_size=5).map(tuple)),
    st.builds(ChallengeAnswer, texts, texts, u32, data),
    st.builds(VerificationRequest, texts, u32, data, data, data),
    st.builds(PasswordLogin, texts, texts, st.tuples(u32, u32)),
    st.builds(IdentityLogin, texts, u32),
    st.builds(SessionSetup, u16, u32, texts, u32, data),
    st.builds(SessionAnswer, u16, data),
    st.builds(Challenge, digests, data),
    st.builds(
        Credential,
        signer=texts,
        counter=u32,
        kind=st.sampled_from([SIGNED, MAC]),
        algorithm=texts,
        signature=data,
    ),
    st.builds(SignatureProof, texts, data),
    st.builds(MacProof, st.sampled_from([MacCode.SHA1, MacCode.HMAC_SHA256]), data),
    st.builds(MacProof, st.just(MacCode.PBKDF2_HMAC_SHA1), data, data, u32, u32),
    sites,
    keys,
)
envelopes = st.builds(
    Envelope,
    minor=u8,
    suggested=u8,
    suggested_major=st.integers(0, 3),
    flags=st.sampled_from([0, 0x80, 0x40, 0xC0]),
    session_id=u32,
    request_id=u32,
)
messages = st.builds(
    Message,
    envelope=envelopes,
    opcode=u32,
    response_code=u32,
    flags=u32,
    site_serial=u16,
    recursion=u8,
    reserved=u8,
    expiration=u32,
    body=st.binary(max_size=3000),
    credential=st.none() | data,
)


@given(BODIES)
@settings(max_examples=500)
def test_bodies(body: object) -> None:
    assert type(body).parse(body.build()) == body  # type: ignore[attr-defined]


@given(BODIES, st.data())
def test_shortened_and_lengthened_bodies_are_refused(body: object, drawn: st.DataObject) -> None:
    built: bytes = body.build()  # type: ignore[attr-defined]
    size = drawn.draw(st.integers(0, max(0, len(built) - 1)))
    for damaged in (built[:size], built + b"\0"):
        try:
            again = type(body).parse(damaged)  # type: ignore[attr-defined]
        except Malformed:
            continue
        assert again.build() == damaged or isinstance(again, SessionAnswer | WireKey)


@given(messages)
def test_messages(message: Message) -> None:
    built = message.build()
    envelope = Envelope.parse(built)
    again = Message.parse(envelope, built[ENVELOPE.size :])
    assert again.build() == built
    assert again.signed_part == message.signed_part


@given(messages, st.randoms(use_true_random=False))
def test_fragments_in_any_order(message: Message, order: object) -> None:
    built = message.build()
    datagrams = split(built)
    assert all(len(one) <= MAX_DATAGRAM for one in datagrams)
    if len(datagrams) == 1:
        return
    order.shuffle(datagrams)  # type: ignore[attr-defined]
    reassembly = Reassembly()
    results = [
        reassembly.add("peer", Envelope.parse(one), one[ENVELOPE.size :], 0.0) for one in datagrams
    ]
    assert results[:-1] == [None] * (len(datagrams) - 1)
    assert results[-1] is not None
    envelope, payload = results[-1]
    assert envelope.build() + payload == built
    assert len(reassembly) == 0
    assert reassembly.held == 0


@given(st.binary(max_size=400))
@settings(max_examples=500)
def test_junk(junk: bytes) -> None:
    for kind in (ResolutionRequest, Values, Credential, WireSite, WireKey, Challenge, MacProof):
        with contextlib.suppress(Malformed):
            kind.parse(junk)
    with contextlib.suppress(Malformed):
        Message.parse(Envelope.parse(junk), junk[ENVELOPE.size :])


@given(values)
def test_values_as_this_node_stores_them(value: WireValue) -> None:
    """What `normalise` takes of the wire goes back to the wire with the same data."""
    sent = from_wire(value)
    try:
        (kept,) = normalise([sent], now=datetime.now(UTC))
    except InvalidInput:
        return
    again = to_wire(kept)
    assert (again.index, again.type, again.data) == (value.index, value.type, value.data)
    assert (again.ttl_type, again.ttl) == (value.ttl_type, value.ttl)
    if value.permissions <= 15:
        assert to_wire(stored(value)) == value


@pytest.mark.parametrize("code", [code for code in MacCode if code is not MacCode.MD5])
def test_mac_proofs(code: MacCode) -> None:
    proof = mac_proof(code, b"secret", b"challenge", b"salt" * 4)
    assert MacProof.parse(proof.build()).holds(b"secret", b"challenge")
    assert not proof.holds(b"Secret", b"challenge")
    assert not proof.holds(b"secret", b"other challenge")
    assert not proof.holds(b"", b"challenge")


def test_unbearable_proofs_are_not_computed() -> None:
    dear = MacProof(MacCode.PBKDF2_HMAC_SHA1, b"", b"salt", 2**32 - 1, 160)
    assert not dear.bearable
    assert not dear.holds(b"secret", b"challenge")
    assert not MacProof(MacCode.MD5, b"").bearable
