"""The national node cosigns, over HTTP and across its own restarts."""

from __future__ import annotations

import asyncio
import secrets
import time
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from yarl import URL

from metrics.log.checkpoint import Checkpoint
from metrics.log.cosignature import cosign, verifier_key
from metrics.log.merkle import consistency_proof
from metrics.log.note import SignedNote, Signer, VerifierKey
from metrics.log.publisher import LogForked, WitnessAway, WitnessConflict, WitnessRefused
from metrics.log.submission import Submission
from node.log.witness import HttpWitness
from node.sandbox.app import RunningSandbox, start_sandbox
from node.sandbox.settings import Application, SandboxSettings
from node.uplink.client import NationalNode, NationalNodeClient
from tests.metrics.log.naive import naive_root
from tests.metrics.log.test_merkle import reader

ORIGIN = "city.example.invalid/log"
KEY = Ed25519PrivateKey.generate()
LOG = Ed25519PrivateKey.generate()
ENTRIES = [b"%d" % number for number in range(9)]


async def start(folder: Path) -> RunningSandbox:
    return await start_sandbox(
        SandboxSettings(
            data_folder=folder,
            applications=(
                Application(
                    app_id="city",
                    public_key=KEY.public_key().public_bytes_raw(),
                    shr_prefix="88.118",
                    log_origin=ORIGIN,
                    log_keys=(LOG.public_key().public_bytes_raw(),),
                ),
            ),
        )
    )


def witness(session: aiohttp.ClientSession, sandbox: RunningSandbox) -> HttpWitness:
    client = NationalNodeClient(
        session,
        NationalNode(base_url=sandbox.url, app_id="city", shr_prefix="88.118"),
        KEY,
        clock=time.time,
        make_nonce=lambda: secrets.token_urlsafe(16),
    )
    key = VerifierKey.parse(sandbox.witness_key)
    url = client.address("/ntn/v1/checkpoints")
    return HttpWitness(session, url, key, client.signed_headers)


def submission(old: int, size: int, *, name: str = "statements", root: bytes = b"") -> Submission:
    origin = f"{ORIGIN}/{name}"
    text = Checkpoint(origin, size, root or naive_root(ENTRIES[:size])).text
    proof = consistency_proof(old, size, reader(ENTRIES[:size]))
    return Submission(
        old, tuple(proof), SignedNote(text, (Signer.ed25519(origin, LOG).sign(text),))
    )


async def test_it_remembers_over_a_restart(tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as session:
        sandbox = await start(tmp_path)
        first = witness(session, sandbox)
        line = await first.add(submission(0, 3))
        assert line.of(first.key)
        await first.add(submission(0, 5, name="registrations-2031"))
        await sandbox.stop()
        sandbox = await start(tmp_path)
        second = witness(session, sandbox)
        assert second.key == first.key
        with pytest.raises(WitnessConflict) as conflict:
            await second.add(submission(0, 3))
        assert conflict.value.size == 3
        with pytest.raises(LogForked):
            await second.add(submission(3, 9, root=b"\1" * 32))
        await second.add(submission(3, 9))
        await sandbox.stop()


async def test_what_it_refuses_and_when_it_is_away(tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as session:
        sandbox = await start(tmp_path)
        near = witness(session, sandbox)
        text = Checkpoint("elsewhere.invalid/log", 1, naive_root(ENTRIES[:1])).text
        unknown = SignedNote(text, (Signer.ed25519("elsewhere.invalid/log", LOG).sign(text),))
        with pytest.raises(WitnessRefused, match="404"):
            await near.add(Submission(0, (), unknown))
        unsigned = HttpWitness(session, URL(f"{sandbox.url}/ntn/v1/checkpoints"), near.key)
        with pytest.raises(WitnessRefused, match="401"):
            await unsigned.add(submission(0, 1))
        await sandbox.stop()
        with pytest.raises(WitnessAway):
            await near.add(submission(0, 1))


async def test_an_answer_that_comes_in_pieces_is_read_to_its_end() -> None:
    key = Ed25519PrivateKey.generate()
    verifier = verifier_key("witness.invalid", key)

    async def answer(request: web.Request) -> web.StreamResponse:
        text = Submission.parse(await request.read()).note.text
        line = str(cosign("witness.invalid", key, text, 1_800_000_000)).encode()
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        for piece in (line[:20], line[20:]):
            await response.write(piece)
            await asyncio.sleep(0.1)  # so that it is sent alone
        return response

    app = web.Application()
    app.router.add_post("/add-checkpoint", answer)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        near = HttpWitness(session, server.make_url("/add-checkpoint"), verifier)
        assert (await near.add(submission(0, 3))).of(verifier)
