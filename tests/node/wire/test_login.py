"""The dialect of Chinese clients: a connection is whose login it has seen."""

from __future__ import annotations

import asyncio

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from registry.record.value import DataIn
from resolver.wire import sm2
from resolver.wire.body import (
    ChallengeAnswer,
    IdentityLogin,
    PasswordLogin,
    ResolutionRequest,
    Text,
    Values,
)
from resolver.wire.code import OpCode, OpFlag, ResponseCode
from resolver.wire.digest import Challenge
from resolver.wire.key import SM2, WireKey
from resolver.wire.proof import SignatureProof
from tests.node.handle_json.peer import ADMIN_HANDLE, register, value
from tests.node.live import Live
from tests.node.wire.peer import (
    Connection,
    Peer,
    Prover,
    by_key,
    by_secret,
    change_key,
    public_key,
    url,
)
from tests.resolver.wire.test_crypto import sm2_pem

POINTER_SESSION = 10001
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


async def log_in(
    peer: Peer, connection: Connection, prove: Prover, *, session: int = 0, index: int = 300
) -> ResponseCode:
    body = IdentityLogin(ADMIN_HANDLE, index).build()
    asked = peer.message(OpCode.LOGIN_ID_SYSTEM, body, flags=OpFlag.RRDG, session=session)
    challenged = await connection.send(asked.build())
    assert challenged.response_code == ResponseCode.AUTHENTICATION_NEEDED
    answer = peer.message(
        OpCode.RESPONSE_TO_CHALLENGE,
        prove(Challenge.parse(challenged.body)).build(),
        flags=0,
        session=session or challenged.envelope.session_id,
    )
    done = await connection.send(answer.build())
    assert done.opcode == OpCode.LOGIN_ID_SYSTEM
    return ResponseCode(done.response_code)


async def create(peer: Peer, connection: Connection, handle: str, session: int = 0) -> ResponseCode:
    body = Values(handle, (url(),)).build()
    asked = peer.message(OpCode.CREATE_HANDLE, body, flags=0, session=session)
    return ResponseCode((await connection.send(asked.build())).response_code)


async def test_by_identity(seeded: Peer) -> None:
    async with seeded.connection() as connection, seeded.connection() as other:
        assert await log_in(seeded, connection, by_key()) is ResponseCode.SUCCESS
        assert await create(seeded, connection, "88.118.9/A") is ResponseCode.SUCCESS
        assert await create(seeded, other, "88.118.9/B") is ResponseCode.AUTHENTICATION_NEEDED
        secret = seeded.message(
            OpCode.RESOLUTION, ResolutionRequest(ADMIN_HANDLE, (301,)).build(), flags=0
        )
        assert Values.parse((await connection.send(secret.build())).body).values[0].index == 301
        assert (await other.send(secret.build())).response_code == ResponseCode.VALUES_NOT_FOUND


async def test_a_wrong_proof_logs_nobody_in(seeded: Peer) -> None:
    async with seeded.connection() as connection:
        failed = await log_in(seeded, connection, by_secret("wrong"), index=301)
        assert failed is ResponseCode.AUTHENTICATION_FAILED
        refused = await create(seeded, connection, "88.118.9/A")
        assert refused is ResponseCode.AUTHENTICATION_NEEDED


async def test_sessions_of_the_clients_own_making(seeded: Peer) -> None:
    """The pointer client: its number, a trailing field, before anything was set up."""
    async with seeded.connection() as connection:
        site = seeded.message(
            OpCode.GET_SITE_INFO, Text("/").build(), flags=0, session=POINTER_SESSION
        )
        assert (await connection.send(site.build())).response_code == ResponseCode.SUCCESS
        body = ResolutionRequest("88.118.8/P000007", (), (), b"").build()
        for flags in (0, OpFlag.TRUSTED_QUERY, OpFlag.POINTER):
            asked = seeded.message(
                OpCode.RESOLUTION, body, flags=int(flags), session=POINTER_SESSION
            )
            answer = await connection.send(asked.build())
            assert answer.response_code == ResponseCode.SUCCESS
            assert answer.envelope.session_id == POINTER_SESSION
            assert len(Values.parse(answer.body).values) == 4
        done = await log_in(seeded, connection, by_key(), session=POINTER_SESSION)
        assert done is ResponseCode.SUCCESS
        made = await create(seeded, connection, "88.118.9/A", POINTER_SESSION)
        assert made is ResponseCode.SUCCESS


async def password(peer: Peer, connection: Connection, user: str, word: str) -> ResponseCode:
    body = PasswordLogin(user, word).build()
    asked = peer.message(OpCode.LOGIN_PASSWORD, body, flags=0)
    return ResponseCode((await connection.send(asked.build())).response_code)


async def test_by_password(live: Live, seeded: Peer) -> None:
    key = f"301:{ADMIN_HANDLE}"
    async with seeded.connection() as connection:
        assert await password(seeded, connection, key, "wrong") is ResponseCode.LOGIN_FIRST
        assert await password(seeded, connection, "300:x", "secret") is ResponseCode.LOGIN_FIRST
        assert await password(seeded, connection, "nobody", "x" * 20) is ResponseCode.LOGIN_FIRST
        refused = await create(seeded, connection, "88.118.9/A")
        assert refused is ResponseCode.AUTHENTICATION_NEEDED
        assert await password(seeded, connection, key, "secret") is ResponseCode.SUCCESS
        assert await create(seeded, connection, "88.118.9/A") is ResponseCode.SUCCESS


async def test_by_an_applications_password(live: Live, seeded: Peer) -> None:
    reply = await live.ask(
        "POST",
        "/v1/applications",
        key=live.operator,
        json={"enterprise_id": 1, "username": "erp"},
    )
    if reply.status != 201:
        pytest.fail(str(reply.body))
    secret = reply.body["secret"]
    async with seeded.connection() as connection:
        assert await password(seeded, connection, "erp", secret) is ResponseCode.SUCCESS
        assert await create(seeded, connection, "88.118.9/A") is ResponseCode.SUCCESS


async def lapsed(peer: Peer, connection: Connection) -> bool:
    """Whether the connection's login comes to be worth nothing once what it rests on is gone."""
    numbers = iter(range(10**9))
    async with asyncio.timeout(60):
        code = ResponseCode.SUCCESS
        while code is ResponseCode.SUCCESS:
            await asyncio.sleep(0.05)
            code = await create(peer, connection, f"88.118.9/T{next(numbers)}")
    again = await create(peer, connection, "88.118.9/AFTER")
    return (code, again) == (ResponseCode.LOGIN_AGAIN, ResponseCode.AUTHENTICATION_NEEDED)


@pytest.mark.parametrize("key", [public_key(OTHER_KEY), None], ids=["changed", "taken away"])
async def test_a_login_by_a_key_that_is_no_longer(
    live: Live, seeded: Peer, key: DataIn | None
) -> None:
    async with seeded.connection() as connection:
        assert await log_in(seeded, connection, by_key()) is ResponseCode.SUCCESS
        await change_key(live, 301, "another secret")  # which this login does not rest on
        assert await create(seeded, connection, "88.118.9/A") is ResponseCode.SUCCESS
        await change_key(live, 300, key)
        assert await lapsed(seeded, connection)
        code = await log_in(seeded, connection, by_secret("another secret"), index=301)
        assert code is ResponseCode.SUCCESS


async def test_a_login_by_a_secret_that_is_another(live: Live, seeded: Peer) -> None:
    async with seeded.connection() as connection:
        user = f"301:{ADMIN_HANDLE}"
        assert await password(seeded, connection, user, "secret") is ResponseCode.SUCCESS
        await change_key(live, 301, "another secret")
        assert await lapsed(seeded, connection)


async def test_a_login_of_a_revoked_application(live: Live, seeded: Peer) -> None:
    made = await live.ask(
        "POST",
        "/v1/applications",
        key=live.operator,
        json={"enterprise_id": 1, "username": "erp"},
    )
    async with seeded.connection() as connection:
        code = await password(seeded, connection, "erp", made.body["secret"])
        assert code is ResponseCode.SUCCESS
        number = made.body["application"]["application_id"]
        revoked = await live.ask("DELETE", f"/v1/applications/{number}", key=live.operator)
        assert revoked.status < 300, revoked.body
        assert await lapsed(seeded, connection)


async def test_a_login_that_lapsed_reads_nothing_hidden(live: Live, seeded: Peer) -> None:
    async with seeded.connection() as connection:
        assert await log_in(seeded, connection, by_key()) is ResponseCode.SUCCESS
        body = ResolutionRequest(ADMIN_HANDLE, (301,)).build()
        await change_key(live, 300, None)
        async with asyncio.timeout(60):
            while True:
                secret = seeded.message(OpCode.RESOLUTION, body, flags=0)
                answer = await connection.send(secret.build())
                if answer.response_code != ResponseCode.SUCCESS:
                    break
                await asyncio.sleep(0.05)
        assert answer.response_code == ResponseCode.VALUES_NOT_FOUND


@pytest.mark.skipif(sm2.library() is None, reason="gmssl-pyx has no wheel for this machine")
async def test_by_sm2(live: Live, seeded: Peer) -> None:
    import base64

    gmssl = sm2.library()
    assert gmssl is not None
    public, private = gmssl.sm2_key_generate()
    data = base64.b64encode(WireKey(SM2, pem=sm2_pem(public)).build()).decode()
    await register(
        live.node.wiring, 1, "88.118.8/SM2", value(300, "HS_PUBKEY", DataIn(data, "base64"))
    )

    def prove(challenge: Challenge) -> ChallengeAnswer:
        digest = gmssl.sm3_hash(challenge.signed)
        signature = gmssl.sm2_sign(private, public, digest, signer_id=b"88.118.8/SM2")
        proof = SignatureProof("SM3", signature).build()
        return ChallengeAnswer("HS_PUBKEY", "88.118.8/SM2", 300, proof)

    async with seeded.connection() as connection:
        assert await log_in(seeded, connection, prove) is ResponseCode.SUCCESS


@pytest.mark.parametrize("data", ["", DataIn([], "vlist")])
async def test_a_secret_key_that_holds_none_opens_nothing(
    live: Live, seeded: Peer, data: str | DataIn
) -> None:
    await register(live.node.wiring, 1, "88.118.8/VOID", value(301, "HS_SECKEY", data))
    async with seeded.connection() as connection:
        for user in ("301:88.118.8/VOID", "0:88.118.8/VOID"):
            assert await password(seeded, connection, user, "") is ResponseCode.LOGIN_FIRST
