"""`biaoshi sandbox`: the mock national node alone, to try a node against."""

from __future__ import annotations

import asyncio
import ipaddress
import os
from pathlib import Path
from typing import Annotated

import uvloop
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cyclopts import App, Parameter
from yarl import URL

from node.cli.terminal import console, facts
from node.http.entrance import CannotListen
from node.sandbox.app import RunningSandbox, start_sandbox
from node.sandbox.settings import Application, ReviewPolicy, SandboxSettings
from node.serve import cancel_on_signals
from node.uplink.messages import CodeSystem, IpType, Protocol, RoutingItem, ServicePort
from registry.errors import InvalidInput
from registry.identifier import Prefix


class InvalidKeyFile(InvalidInput):
    kind = "invalid-key-file"
    title = "Not a key for the national node"


def add_to(app: App) -> None:
    app.command(sandbox)


def sandbox(
    *,
    app_id: Annotated[str, Parameter(help="The application id that the node will use.")],
    public_key: Annotated[
        Path, Parameter(help="PEM file with the node's Ed25519 key; its public part is enough.")
    ],
    prefix: Annotated[str, Parameter(help="The node's own prefix.")] = "88.118",
    node_url: Annotated[
        str,
        Parameter(help="Where the node answers, as http://ADDRESS:PORT; others are sent there."),
    ] = "http://127.0.0.1:8000",
    data: Annotated[Path, Parameter(help="Folder for what is filed.")] = Path(".data/sandbox"),
    host: Annotated[
        str, Parameter(help="Address of the national and the foreign node.")
    ] = "127.0.0.1",
    port: Annotated[int, Parameter(help="Port of the national node; 0 takes a free one.")] = 8001,
    management_port: Annotated[
        int, Parameter(help="Port for faults and reviews, on loopback only.")
    ] = 8002,
    foreign_port: Annotated[int, Parameter(help="Port of another city's node.")] = 8003,
    review_seconds: Annotated[float, Parameter(help="How long a filing is reviewed.")] = 2.0,
) -> None:
    """Run a mock of the national top-level node alone, until Ctrl-C.

    It takes filings, refers resolutions, and misbehaves when its management port is told to. It
    is for tests: it says yes to whatever is filed.
    """
    settings = SandboxSettings(
        data_folder=data,
        applications=(
            Application(
                app_id=app_id,
                public_key=_public_key(public_key),
                shr_prefix=Prefix.secondary(prefix).text,
                routing=(_routing(prefix, node_url),),
            ),
        ),
        host=host,
        port=port,
        management_port=management_port,
        foreign_port=foreign_port,
        review=ReviewPolicy(delay_seconds=review_seconds),
    )
    try:
        uvloop.run(_serve(settings))
    except asyncio.CancelledError:
        console().print("已停止。Stopped.")


async def _serve(settings: SandboxSettings) -> None:
    cancel_on_signals()
    try:
        running = await start_sandbox(settings)
    except OSError as error:
        raise CannotListen(f"the sandbox cannot start: {error.strerror or error}") from None
    except ValueError as error:
        raise InvalidInput(f"the sandbox cannot start: {error}") from None
    try:
        _show(settings, running)
        await asyncio.Event().wait()
    finally:
        await running.stop()


def _show(settings: SandboxSettings, running: RunningSandbox) -> None:
    out = console()
    out.print("国家顶级节点（沙箱）已启动。The sandbox national node is up.\n")
    out.print(
        facts(
            [
                ("国家顶级节点 national node", running.url),
                ("管理口 management", running.management_url),
                ("外地节点 another city's node", running.foreign_url),
                ("外地标识示例 an identifier there", running.foreign_example),
            ]
        )
    )
    out.print("\n在节点的设置文件中写入 Point a node to it, in its TOML file:\n")
    out.print(f'national_node_url = "{running.url}"', soft_wrap=True)
    out.print(f'national_node_app_id = "{settings.applications[0].app_id}"', soft_wrap=True)
    out.print('national_node_key_file = "…"  # the private key of --public-key', soft_wrap=True)
    out.print("allow_private_addresses = true  # the nodes here are on one machine\n")
    out.print("按 Ctrl-C 停止。Ctrl-C stops it.")


def _public_key(file: Path) -> bytes:
    """The 32 bytes of an Ed25519 key, from the PEM of its public or its private part."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InvalidKeyFile(f"cannot read {file}: {os.strerror(error.errno or 0)}") from None
    try:
        key: object = serialization.load_pem_public_key(content)
    except ValueError:
        key = _public_part(file, content)
    if not isinstance(key, Ed25519PublicKey):
        raise InvalidKeyFile(f"{file} holds a key that is not Ed25519")
    return key.public_bytes_raw()


def _public_part(file: Path, content: bytes) -> object:
    try:
        key = serialization.load_pem_private_key(content, password=None)
    except (ValueError, TypeError):
        raise InvalidKeyFile(f"{file} is not an unencrypted PEM file with a key") from None
    return key.public_key() if isinstance(key, Ed25519PrivateKey) else key


def _routing(prefix: str, node_url: str) -> RoutingItem:
    url = URL(node_url)
    try:
        address = ipaddress.ip_address(url.host or "")
        port = ServicePort(Protocol.HTTP, url.port or 0)
    except ValueError:
        raise InvalidInput(
            f"--node-url {node_url} is not of the form http://ADDRESS:PORT with an IP address"
        ) from None
    return RoutingItem(CodeSystem.VAA, prefix, IpType(address.version), str(address), (port,))
