"""A live node that keeps a certified log, with the sandbox national node as its witness."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import msgspec
import pytest

from metrics.log import keys as log_keys
from metrics.log.checkpoint import Checkpoint
from metrics.log.keys import LogKeys
from metrics.log.note import SignedNote, VerifierKey
from node import foundation
from node.app import open_node
from node.sandbox.app import RunningSandbox, start_sandbox
from node.sandbox.settings import Application, SandboxSettings
from node.serve import listening, working
from node.settings import Settings
from node.uplink.key import create_key
from registry.access.actor import Role, console
from registry.access.key import KeyWish
from tests.node.live import Live

ORIGIN = "node.example.invalid/log"
PATIENCE = 60.0  # seconds for what takes one or two of the log's rounds


@dataclass(frozen=True)
class Logged:
    """A live node, its log's keys, and its witness."""

    live: Live
    keys: LogKeys
    sandbox: RunningSandbox
    settings: Settings

    @property
    def witness(self) -> VerifierKey:
        return VerifierKey.parse(self.sandbox.witness_key)

    async def checkpoint(self, name: str, size: int) -> tuple[Checkpoint, SignedNote]:
        """A published checkpoint of at least so many leaves, once there is one."""
        async with asyncio.timeout(PATIENCE):
            while True:
                reply = await self.live.ask("GET", f"/log/{name}/checkpoint")
                if reply.status == 200:
                    note = SignedNote.parse(reply.body)
                    checkpoint = Checkpoint.parse(note.text)
                    if checkpoint.size >= size:
                        return checkpoint, note
                await asyncio.sleep(0.05)


@pytest.fixture
def log_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "log-keys"
    log_keys.create(folder)
    return folder


@pytest.fixture
async def sandbox(tmp_path: Path, log_folder: Path) -> AsyncIterator[RunningSandbox]:
    key = create_key(tmp_path / "national.pem")
    running = await start_sandbox(
        SandboxSettings(
            data_folder=tmp_path / "sandbox",
            applications=(
                Application(
                    app_id="biaoshi",
                    public_key=key.public_key().public_bytes_raw(),
                    shr_prefix="88.118",
                    log_origin=ORIGIN,
                    log_keys=LogKeys.load(log_folder).public_keys,
                ),
            ),
        )
    )
    try:
        yield running
    finally:
        await running.stop()


@pytest.fixture
def settings(
    database_url: str, tmp_path: Path, log_folder: Path, sandbox: RunningSandbox
) -> Settings:
    return Settings(
        database_url=database_url,
        secondary_prefix="88.118",
        sealing_key_file=str(tmp_path / "sealing.key"),
        port=0,
        drain_seconds=0.5,
        national_node_url=sandbox.url,
        national_node_app_id="biaoshi",
        national_node_key_file=str(tmp_path / "national.pem"),
        national_node_witness_key=sandbox.witness_key,
        log_keys_folder=str(log_folder),
        log_origin=ORIGIN,
        log_seconds=0.05,
    )


@pytest.fixture
async def logged(
    settings: Settings, log_folder: Path, sandbox: RunningSandbox
) -> AsyncIterator[Logged]:
    await foundation.prepare(settings)
    async with (
        open_node(settings) as node,
        working(node),
        listening(node) as url,
        aiohttp.ClientSession() as session,
    ):
        wish = KeyWish(role=Role.OPERATOR, label="operator of the tests")
        operator = await node.wiring.keyring.create(console(), wish)
        live = Live(node, url, session, operator.secret)
        yield Logged(live, LogKeys.load(log_folder), sandbox, settings)


@pytest.fixture
async def live_without_log(settings: Settings) -> AsyncIterator[Live]:
    """The same node with settings that ask for no log."""
    bare = msgspec.structs.replace(settings, log_keys_folder=None, log_origin=None)
    await foundation.prepare(bare)
    async with (
        open_node(bare) as node,
        working(node),
        listening(node) as url,
        aiohttp.ClientSession() as session,
    ):
        yield Live(node, url, session, "")
