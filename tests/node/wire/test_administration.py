"""Administration over the wire: who may do what, and what comes of it."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from node.http.authentication import FAILURES, MINUTE
from registry.record.typed_data import Admin
from resolver.wire.body import ChallengeAnswer, Handles, Indexes, Text, Values
from resolver.wire.code import OpCode, OpFlag, ResponseCode
from resolver.wire.digest import Challenge
from resolver.wire.message import Message
from resolver.wire.proof import MacCode
from tests.node.handle_json.peer import (
    ADMIN_HANDLE,
    EVERY_RIGHT,
    add_prefix,
    admin,
    group,
    register,
    value,
)
from tests.node.live import Live
from tests.node.wire.peer import STOCK, Peer, Prover, by_key, by_secret, url

CODES = [code for code in MacCode if code is not MacCode.MD5]


def told(message: Message) -> ResponseCode:
    return ResponseCode(message.response_code)


async def values(peer: Peer, handle: str) -> dict[int, bytes]:
    answer = await peer.resolve(handle)
    assert told(answer) is ResponseCode.SUCCESS
    return {one.index: one.data for one in Values.parse(answer.body).values}


@pytest.mark.parametrize("prove", [by_secret(code=code) for code in CODES], ids=lambda _: "mac")
async def test_secret_keys(seeded: Peer, prove: Prover) -> None:
    assert told(await seeded.create("88.118.9/A", url(), prove=prove)) is ResponseCode.SUCCESS
    assert await values(seeded, "88.118.9/A") == {1: b"https://example.com/"}


@pytest.mark.parametrize("algorithm", ["SHA-256", "SHA1", "SHA-1"])
async def test_public_keys(seeded: Peer, algorithm: str) -> None:
    prove = by_key(algorithm=algorithm)
    if algorithm == "SHA-1":
        prove = _renamed(prove)
    assert told(await seeded.create("88.118.9/A", url(), prove=prove)) is ResponseCode.SUCCESS


def _renamed(prove: Prover) -> Prover:
    def renamed(challenge: Challenge) -> ChallengeAnswer:
        signed = by_key(algorithm="SHA1")(challenge)
        proof = signed.proof.replace(b"\0\0\0\4SHA1", b"\0\0\0\5SHA-1")
        return ChallengeAnswer(signed.kind, signed.handle, signed.index, proof)

    return renamed


async def test_dsa_keys(live: Live, seeded: Peer) -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import dsa

    from registry.record.value import DataIn
    from resolver.wire.key import DSA, WireKey
    from resolver.wire.proof import SignatureProof
    from resolver.wire.typed import key_from_wire

    private = dsa.generate_private_key(1024)
    public = private.public_key().public_numbers()
    parameters = public.parameter_numbers
    key = WireKey(DSA, (parameters.q, parameters.p, parameters.g, public.y))
    await grant(live, "88.118.8/DSA", DataIn(key_from_wire(key), "key"))

    def prove(challenge: Challenge) -> ChallengeAnswer:
        signature = private.sign(challenge.signed, hashes.SHA1())
        proof = SignatureProof("SHA1", signature).build()
        return ChallengeAnswer("HS_PUBKEY", "88.118.8/DSA", 1, proof)

    assert told(await seeded.create("88.118.7/A", url(), prove=prove)) is ResponseCode.SUCCESS


async def grant(live: Live, handle: str, key: object, rights: str = EVERY_RIGHT) -> None:
    """Let the key, at index 1 of a new record, administer a new prefix 88.118.7."""
    wiring = live.node.wiring
    prefixes = await wiring.catalogue.administered(_operator())
    async with wiring.database.connection() as connection:
        enterprise_id = await connection.fetchval("SELECT min(enterprise_id) FROM prefix")
    assert "88.118.8" in prefixes
    await register(wiring, enterprise_id, handle, value(1, "HS_PUBKEY", key))  # type: ignore[arg-type]
    await add_prefix(wiring, enterprise_id, "7", Admin(handle, 1, rights))


def _operator() -> object:
    from registry.access.actor import console

    return console()


async def test_wrong_proofs(seeded: Peer) -> None:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for prove, code in (
        (by_secret("wrong"), ResponseCode.AUTHENTICATION_FAILED),
        (by_key(stranger), ResponseCode.AUTHENTICATION_FAILED),
        (by_secret(index=300), ResponseCode.AUTHENTICATION_FAILED),
        (by_secret(index=7), ResponseCode.INVALID_ADMIN),
        (by_secret(handle="88.118.8/NOBODY"), ResponseCode.INVALID_ADMIN),
        (by_secret(handle="not a handle"), ResponseCode.INVALID_ADMIN),
    ):
        assert told(await seeded.create("88.118.9/A", url(), prove=prove)) is code
    assert told(await seeded.resolve("88.118.9/A")) is ResponseCode.HANDLE_NOT_FOUND


async def test_a_challenge_is_answered_once(seeded: Peer) -> None:
    challenged = await seeded.ask(OpCode.CREATE_HANDLE, Values("88.118.9/A", (url(),)).build())
    proof = seeded.proof(challenged, by_secret()).build()
    assert told(await seeded.tcp(proof)) is ResponseCode.SUCCESS
    assert told(await seeded.tcp(proof)) is ResponseCode.SESSION_TIMEOUT


async def test_who_guesses_too_often_has_to_wait(live: Live, seeded: Peer) -> None:
    wiring = live.node.wiring
    codes = set()
    for _ in range(wiring.settings.failures_per_minute // 100 + 3):
        codes.add(told(await seeded.create("88.118.9/A", url(), prove=by_secret("wrong"))))
    assert codes == {ResponseCode.AUTHENTICATION_FAILED}
    for _ in range(wiring.settings.failures_per_minute):
        await wiring.throttle.count("authentication-failures", "127.0.0.1", limit=10**6, window=60)
    busy = await seeded.create("88.118.9/A", url())
    assert told(busy) is ResponseCode.SERVER_TOO_BUSY


async def test_a_life(live: Live, seeded: Peer) -> None:
    """Created, added to, changed, reduced, deleted, created again; and what it counts for."""
    handle = "88.118.9/life"
    assert told(await seeded.create(handle, url())) is ResponseCode.SUCCESS
    assert told(await seeded.create(handle, url())) is ResponseCode.HANDLE_ALREADY_EXISTS
    two = Values(handle, (url(2, "https://example.com/2"),)).build()
    assert told(await seeded.admin(OpCode.ADD_VALUE, two)) is ResponseCode.SUCCESS
    again = await seeded.admin(OpCode.ADD_VALUE, two)
    assert told(again) is ResponseCode.VALUE_ALREADY_EXISTS
    other = Values(handle, (url(2, "https://example.com/b"),)).build()
    assert told(await seeded.admin(OpCode.MODIFY_VALUE, other)) is ResponseCode.SUCCESS
    assert (await values(seeded, handle))[2] == b"https://example.com/b"
    absent = Values(handle, (url(9),)).build()
    assert told(await seeded.admin(OpCode.MODIFY_VALUE, absent)) is ResponseCode.VALUES_NOT_FOUND
    one = Indexes(handle, (2,)).build()
    assert told(await seeded.admin(OpCode.REMOVE_VALUE, one)) is ResponseCode.SUCCESS
    assert await values(seeded, handle) == {1: b"https://example.com/"}
    assert told(await seeded.delete(handle)) is ResponseCode.SUCCESS
    assert told(await seeded.resolve(handle)) is ResponseCode.HANDLE_NOT_FOUND
    assert told(await seeded.delete(handle)) is ResponseCode.HANDLE_NOT_FOUND
    assert told(await seeded.create(handle, url())) is ResponseCode.SUCCESS
    async with live.node.wiring.database.connection() as connection:
        counted = await connection.fetchval(
            """SELECT sum(created) FROM batch WHERE actor = 'handle:301:88.118.8/ADMIN'"""
        )
        history = await connection.fetchval(
            "SELECT count(*) FROM revision WHERE actor = 'handle:301:88.118.8/ADMIN'"
        )
    assert (counted, history) == (1, 5)


async def test_overwriting(seeded: Peer) -> None:
    await seeded.create("88.118.9/A", url())
    flags = STOCK | OpFlag.OVRW
    changed = await seeded.create("88.118.9/A", url(3, "https://x/"), flags=flags)
    assert told(changed) is ResponseCode.SUCCESS
    assert await values(seeded, "88.118.9/A") == {3: b"https://x/"}


async def test_minting(seeded: Peer) -> None:
    made = await seeded.create("88.118.9", url(), flags=STOCK | OpFlag.MINT)
    assert told(made) is ResponseCode.SUCCESS
    handle = Text.parse(made.body).text
    assert len(handle) == len("88.118.9/") + 36
    assert await values(seeded, handle) == {1: b"https://example.com/"}


async def test_groups_and_records_own_administrators(live: Live, seeded: Peer) -> None:
    """HS_VLIST in HS_ADMIN of the record itself; its rights and no others."""
    wiring = live.node.wiring
    async with wiring.database.connection() as connection:
        enterprise_id = await connection.fetchval("SELECT min(enterprise_id) FROM prefix")
    await register(wiring, enterprise_id, "88.118.8/U", value(5, "HS_SECKEY", "u"))
    await register(
        wiring, enterprise_id, "88.118.8/G", value(7, "HS_VLIST", group((5, "88.118.8/U")))
    )
    handle = "88.118.9/shared"
    rights = "000001010000"  # add_value and modify_value
    await register(
        wiring,
        enterprise_id,
        handle,
        value(100, "HS_ADMIN", admin("88.118.8/G", 7, rights)),
        value(1, "URL", "https://example.com/"),
    )
    user = by_secret("u", handle="88.118.8/U", index=5)
    added = Values(handle, (url(2),)).build()
    assert told(await seeded.admin(OpCode.ADD_VALUE, added, user)) is ResponseCode.SUCCESS
    one = Indexes(handle, (2,)).build()
    refused = await seeded.admin(OpCode.REMOVE_VALUE, one, user)
    assert told(refused) is ResponseCode.INSUFFICIENT_PERMISSIONS
    deleted = await seeded.admin(OpCode.DELETE_HANDLE, Text(handle).build(), user)
    assert told(deleted) is ResponseCode.INSUFFICIENT_PERMISSIONS
    created = await seeded.create("88.118.9/mine", url(), prove=user)
    assert told(created) is ResponseCode.INVALID_ADMIN


async def test_secrets_are_shown_to_administrators_alone(seeded: Peer) -> None:
    silent = await seeded.resolve(ADMIN_HANDLE, indexes=(301,))
    assert told(silent) is ResponseCode.VALUES_NOT_FOUND
    flags = STOCK & ~OpFlag.PUBL
    challenged = await seeded.resolve(ADMIN_HANDLE, indexes=(301,), flags=flags)
    assert told(challenged) is ResponseCode.AUTHENTICATION_NEEDED
    shown = await seeded.tcp(seeded.proof(challenged, by_key()).build())
    assert told(shown) is ResponseCode.SUCCESS
    (secret,) = Values.parse(shown.body).values
    assert (secret.type, secret.data) == ("HS_SECKEY", b"secret")


async def test_a_secret_never_gets_public(seeded: Peer) -> None:
    from resolver.wire.value import WireValue

    key = WireValue(index=300, type="HS_SECKEY", data=b"x", permissions=0b1110)
    assert told(await seeded.create("88.118.9/U", key, url())) is ResponseCode.SUCCESS
    assert await values(seeded, "88.118.9/U") == {1: b"https://example.com/"}


async def test_lists_come_fifty_a_message(live: Live, seeded: Peer) -> None:
    wiring = live.node.wiring
    async with wiring.database.connection() as connection:
        enterprise_id = await connection.fetchval("SELECT min(enterprise_id) FROM prefix")
    names = [f"88.118.9/N{number:03d}" for number in range(120)]
    for name in names:
        await register(wiring, enterprise_id, name)
    challenged = await seeded.ask(OpCode.LIST_HANDLES, Text("88.118.9").build())
    async with seeded.connection() as connection:
        first = await connection.send(seeded.proof(challenged, by_secret()).build())
        messages = [first, await connection.receive(), await connection.receive()]
    more = [bool(message.flags & OpFlag.CONT) for message in messages]
    lists = [Handles.parse(message.body).handles for message in messages]
    assert more == [True, True, False]
    assert [len(one) for one in lists] == [50, 50, 20]
    assert [name for one in lists for name in one] == names
    refused = await seeded.admin(OpCode.LIST_HANDLES, Text("88.118.9").build(), by_secret("no"))
    assert told(refused) is ResponseCode.AUTHENTICATION_FAILED


async def test_homing(live: Live, seeded: Peer) -> None:
    homed = await seeded.admin(OpCode.LIST_HOMED_NAS, Text("/").build())
    assert Handles.parse(homed.body).handles == ("0.NA/88.118.8", "0.NA/88.118.9")
    foreign = await seeded.admin(OpCode.HOME_NA, Text("0.NA/88.999.1").build())
    assert told(foreign) is ResponseCode.SERVER_NOT_RESP
    unhomed = await seeded.admin(OpCode.UNHOME_NA, Text("0.NA/88.118.9").build())
    assert told(unhomed) is ResponseCode.OPERATION_NOT_SUPPORTED
    by_identity = await seeded.admin(OpCode.HOME_NA, Text("0.NA/88.118.9").build())
    assert told(by_identity) is ResponseCode.INSUFFICIENT_PERMISSIONS


async def test_verification_for_other_servers(seeded: Peer) -> None:
    from resolver.wire.body import VerificationRequest
    from resolver.wire.digest import Digest

    asked = seeded.message(OpCode.RESOLUTION, b"")
    challenge = Challenge(Digest.of(asked, 11), b"n" * 16)
    for secret, holds in (("secret", b"\1"), ("wrong", b"\0")):
        answer = by_secret(secret)(challenge)
        body = VerificationRequest(
            answer.handle, answer.index, challenge.nonce, challenge.digest.build(), answer.proof
        )
        reply = await seeded.ask(OpCode.VERIFY_RESPONSE, body.build())
        assert (told(reply), reply.body) == (ResponseCode.SUCCESS, holds)


@pytest.mark.parametrize("udp", [True, False])
async def test_datagrams_do_not_use_up_an_addresss_failures(
    live: Live, seeded: Peer, udp: bool
) -> None:
    """Anybody can send them in another's name, and its keys would be refused."""
    from resolver.wire.body import VerificationRequest
    from resolver.wire.digest import Digest

    digest = Digest.of(seeded.message(OpCode.RESOLUTION, b""), 11)
    proof = by_secret("wrong")(Challenge(digest, b"n" * 16)).proof
    body = VerificationRequest(ADMIN_HANDLE, 301, b"n" * 16, digest.build(), proof).build()
    message = seeded.message(OpCode.VERIFY_RESPONSE, body).build()
    reply = await (seeded.udp(message) if udp else seeded.tcp(message))
    assert reply.body == b"\0"
    failed = live.node.wiring.throttle.blocked(FAILURES, "127.0.0.1", limit=1, window=MINUTE)
    assert failed is not udp


async def test_certified_answers(live: Live, seeded: Peer) -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    from resolver.wire.credential import Credential, covered
    from resolver.wire.key import WireKey
    from resolver.wire.site import WireSite

    site = WireSite.parse((await seeded.ask(OpCode.GET_SITE_INFO, Text("/").build())).body)
    exponent, modulus = WireKey.parse(site.servers[0].public_key).numbers
    public = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    flags = STOCK | OpFlag.CERT | OpFlag.RRDG
    for handle in ("88.118.8/P000007", "88.118.8/NOPE"):
        answer = await seeded.resolve(handle, flags=flags)
        credential = Credential.parse(answer.credential or b"")
        signed = covered(answer, credential.counter)
        public.verify(credential.signature, signed, padding.PKCS1v15(), hashes.SHA256())


async def test_misread_administration_changes_nothing(seeded: Peer) -> None:
    for opcode in range(100, 106):
        answer = await seeded.ask(opcode, b"\0\0\0\1")
        assert told(answer) is ResponseCode.PROTOCOL_ERROR
