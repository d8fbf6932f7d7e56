"""Whole nodes in processes of their own, a sandbox national node, and enterprises."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from metrics.log.keys import LogKeys, create
from node import foundation
from node.sandbox.app import start_sandbox
from node.sandbox.settings import Application, ReviewPolicy, SandboxSettings
from node.settings import load
from node.uplink.key import create_key
from node.uplink.messages import CodeSystem, IpType, Protocol, RoutingItem, ServicePort
from registry.database import connect
from registry.sealing import SealingKey
from tests.end_to_end.office import SECONDARY, Holder, Office
from tests.end_to_end.served import Sandbox, Served, environment

APPLICATION = "biaoshi-tests"
LOG_ORIGIN = "id.city.example/log"

Serving: TypeAlias = Callable[..., Awaitable[Served]]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        yield session


@pytest.fixture
async def settings(database_url: str, tmp_path: Path) -> dict[str, object]:
    """The settings of an unlinked node, whose database is prepared for it."""
    settings: dict[str, object] = {
        "database_url": database_url,
        "secondary_prefix": SECONDARY,
        "sealing_key_file": tmp_path / "sealing.key",
        "port": 0,
        "drain_seconds": 1,
    }
    await foundation.prepare(load(None, environment(settings)))
    return settings


@pytest.fixture
async def serving(
    settings: dict[str, object], tmp_path: Path, session: aiohttp.ClientSession
) -> AsyncIterator[Serving]:
    """Starts nodes on the test's database, each in a process of its own: `await serving(…)` with
    settings that differ from the usual ones. All that still run are killed at the end."""
    started: list[Served] = []

    async def start(**changes: object) -> Served:
        served = Served(session, settings | changes, tmp_path / f"node-{len(started)}.log")
        started.append(served)
        await served.start()
        return served

    yield start
    for served in started:
        if served.alive:
            served.kill()


@pytest.fixture
def national_key(tmp_path: Path) -> Ed25519PrivateKey:
    return create_key(tmp_path / "national.pem")


@pytest.fixture
def log_keys(tmp_path: Path) -> LogKeys:
    return create(tmp_path / "cosigned-log-keys")


@pytest.fixture
async def sandbox(
    tmp_path: Path,
    session: aiohttp.ClientSession,
    national_key: Ed25519PrivateKey,
    log_keys: LogKeys,
) -> AsyncIterator[Sandbox]:
    """A national node that approves filings at once, and cosigns logs."""
    ours = RoutingItem(
        CodeSystem.VAA, SECONDARY, IpType.IPV4, "127.0.0.1", (ServicePort(Protocol.HTTP, 9),)
    )
    application = Application(
        app_id=APPLICATION,
        public_key=national_key.public_key().public_bytes_raw(),
        shr_prefix=SECONDARY,
        routing=(ours,),
        log_origin=LOG_ORIGIN,
        log_keys=log_keys.public_keys,
    )
    running = await start_sandbox(
        SandboxSettings(
            data_folder=tmp_path / "sandbox",
            applications=(application,),
            review=ReviewPolicy(delay_seconds=0),
        )
    )
    yield Sandbox(running, session)
    await running.stop()


@pytest.fixture
def linked(sandbox: Sandbox, tmp_path: Path) -> dict[str, object]:
    """Settings of a node that knows the sandbox, and may speak to resolvers on loopback."""
    return {
        "national_node_url": sandbox.running.url,
        "national_node_app_id": APPLICATION,
        "national_node_key_file": tmp_path / "national.pem",
        "allow_private_addresses": "true",
        "recursion_kept_seconds": 0,  # what other nodes say is to be seen at once
    }


@pytest.fixture
def cosigned(sandbox: Sandbox, linked: dict[str, object], tmp_path: Path) -> dict[str, object]:
    """Settings of a linked node whose log the sandbox cosigns."""
    return linked | {
        "log_keys_folder": tmp_path / "cosigned-log-keys",
        "log_origin": LOG_ORIGIN,
        "log_seconds": 0.1,
        "national_node_witness_key": sandbox.running.witness_key,
    }


@pytest.fixture
async def office(settings: dict[str, object], database_url: str) -> AsyncIterator[Office]:
    """What operators do at the node's own console."""
    sealing = SealingKey.load(Path(str(settings["sealing_key_file"])))
    async with connect(database_url, size=2, statement_timeout=20) as database:
        yield Office(database, sealing)


@pytest.fixture
async def holder(office: Office) -> Holder:
    """An enterprise with an active prefix, and its key."""
    return await office.holder()
