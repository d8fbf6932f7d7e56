"""`biaoshi run`: PostgreSQL, a sandbox national node and the node, all beside each other.

<data>/lock            held while they run
<data>/postgres        see node/embedded/home.py
<data>/sandbox         what the national node was filed
<data>/sealing.key     seals secrets in the database
<data>/journal         resolutions on their way into the database
<data>/national.pem    signs requests to the national node
<data>/log-keys        the keys of the certified log
<data>/node.log        the node's log, and node.log.1 the one before
<data>/demo.json       addresses and keys of the demonstration
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from errno import ENOTDIR
from pathlib import Path
from typing import TextIO

import uvloop

from metrics.log import keys as log_keys
from metrics.log import sm2
from metrics.log.keys import LogKeys
from node import foundation
from node.app import Node, open_node
from node.embedded.error import EmbeddedPostgresError
from node.embedded.home import Lock
from node.embedded.postgres import EmbeddedPostgres
from node.http.entrance import CannotListen, probe
from node.sandbox.app import RunningSandbox, start_sandbox
from node.sandbox.settings import Application, ReviewPolicy, SandboxSettings
from node.serve import cancel_on_signals, listening, log_as_json, working
from node.settings import Settings
from node.uplink.key import create_key, load_key
from node.uplink.messages import CodeSystem, IpType, Protocol, RoutingItem, ServicePort
from node.wire.surface import wire
from registry.errors import Unavailable

HOST = "127.0.0.1"
SECONDARY = "88.118"
# No operational witness knows a log of this name, so what a demonstration registers can never be
# cosigned as real.
LOG_ORIGIN = "demo.invalid/88.118"
APP_ID = "biaoshi"
LOG_LIMIT = 64 * 1024 * 1024  # bytes, looked at when starting
WATCH_SECONDS = 1.0


class DataFolderUnfit(Unavailable):
    kind = "data-folder-unfit"
    title = "The data folder cannot be used"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """A port of each listener; 0 takes a free one."""

    node: int
    national: int
    management: int
    foreign: int
    handle: int  # of the node's Handle protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """Everything is up."""

    folder: Path
    url: str
    node: Node
    sandbox: RunningSandbox


Visit = Callable[[Running], Awaitable[None]]


def run(folder: Path, ports: Ports, review_seconds: float, visit: Visit) -> bool:
    """Bring everything up, let `visit` look at it, and bring it down in order.

    True when `visit` came to its end, False when SIGINT or SIGTERM ended it. Raises a BiaoshiError
    in one line for what cannot start. For the main thread alone: see EmbeddedPostgres.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # until the event loop listens
    try:
        with _held(folder):
            ports = _free(ports)
            with EmbeddedPostgres(folder / "postgres") as server:
                uvloop.run(_run(folder, ports, review_seconds, server, visit))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return False
    return True


def settings_of(
    folder: Path,
    database_url: str,
    port: int,
    national_node_url: str,
    witness_key: str | None = None,
    handle_port: int | None = None,
    bureau_url: str | None = None,
) -> Settings:
    """The settings of a node that runs from a data folder."""
    return Settings(
        database_url=database_url,
        secondary_prefix=SECONDARY,
        sealing_key_file=str(folder / "sealing.key"),
        host=HOST,
        port=port,
        handle_port=handle_port,
        national_node_url=national_node_url,
        national_node_app_id=APP_ID,
        national_node_key_file=str(folder / "national.pem"),
        journal_folder=str(folder / "journal"),
        national_node_witness_key=witness_key,
        log_keys_folder=str(folder / "log-keys"),
        log_origin=LOG_ORIGIN,
        bureau_url=bureau_url,
        allow_private_addresses=True,  # all nodes of the demonstration are on this machine
    )


async def _run(
    folder: Path, ports: Ports, review_seconds: float, server: EmbeddedPostgres, visit: Visit
) -> None:
    cancel_on_signals()
    async with _sandbox(folder, ports, review_seconds) as sandbox:
        settings = settings_of(
            folder,
            server.url,
            ports.node,
            sandbox.url,
            witness_key=sandbox.witness_key,
            handle_port=ports.handle,
            bureau_url=sandbox.bureau_url,
        )
        await foundation.prepare(settings)
        async with (
            open_node(settings) as node,
            working(node, lambda: _watch(server)),
            listening(node) as url,
            wire(node.wiring),
        ):
            await visit(Running(folder=folder, url=url, node=node, sandbox=sandbox))


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Make the data folder, hold it against a second `run`, and write the log there."""
    with ExitStack() as stack:
        try:
            _make(folder)
            lock = Lock(folder / "lock")
            stack.callback(lock.release)
            log_as_json("info", stack.enter_context(_open_log(folder / "node.log")))
        except OSError as error:
            where = "" if error.filename == str(folder) else f" {error.filename}:"
            raise DataFolderUnfit(
                f"cannot use the data folder {folder}:{where} {error.strerror}"
            ) from None
        yield


def _make(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(ENOTDIR, os.strerror(ENOTDIR), str(folder))
    if not folder.exists():
        folder.mkdir(parents=True)
        # As root the database has a user of its own, who must get in; the files are closed to it.
        folder.chmod(0o711 if os.geteuid() == 0 else 0o700)


def _open_log(file: Path) -> TextIO:
    if file.exists() and file.stat().st_size > LOG_LIMIT:
        file.replace(file.with_name(f"{file.name}.1"))
    return open(file, "a", encoding="utf-8", buffering=1, opener=_private)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _free(ports: Ports) -> Ports:
    """The ports, all found free before anything is started."""
    with ExitStack() as held:

        def find(port: int, option: str) -> int:
            try:
                return held.enter_context(probe(HOST, port))
            except CannotListen as error:
                raise CannotListen(f"{error.detail}; choose another with {option}") from None

        return Ports(
            node=find(ports.node, "--port"),
            national=find(ports.national, "--national-port"),
            management=find(ports.management, "--management-port"),
            foreign=find(ports.foreign, "--foreign-port"),
            handle=find(ports.handle, "--handle-port"),
        )


@asynccontextmanager
async def _sandbox(
    folder: Path, ports: Ports, review_seconds: float
) -> AsyncIterator[RunningSandbox]:
    file = folder / "national.pem"
    key = load_key(file) if file.exists() else create_key(file)
    here = ServicePort(Protocol.HTTP, ports.node)
    logs = _log_keys(folder / "log-keys")
    sandbox = await start_sandbox(
        SandboxSettings(
            data_folder=folder / "sandbox",
            applications=(
                Application(
                    app_id=APP_ID,
                    public_key=key.public_key().public_bytes_raw(),
                    shr_prefix=SECONDARY,
                    routing=(RoutingItem(CodeSystem.VAA, SECONDARY, IpType.IPV4, HOST, (here,)),),
                    log_origin=LOG_ORIGIN,
                    log_keys=logs.public_keys,
                ),
            ),
            host=HOST,
            port=ports.national,
            foreign_port=ports.foreign,
            management_port=ports.management,
            review=ReviewPolicy(delay_seconds=review_seconds),
        )
    )
    try:
        yield sandbox
    finally:
        await sandbox.stop()


def _log_keys(folder: Path) -> LogKeys:
    """The keys of the demonstration's log, made the first time."""
    if folder.exists():
        return LogKeys.load(folder)
    return log_keys.create(folder, with_sm2=sm2.available())


async def _watch(server: EmbeddedPostgres) -> None:
    """Ends, by raising, when PostgreSQL does: the node could only wait for it in vain."""
    while server.alive:  # noqa: ASYNC110 - only the kernel would tell, and by a signal
        await asyncio.sleep(WATCH_SECONDS)
    raise EmbeddedPostgresError("PostgreSQL has ended, so the node ends too: see its log")
