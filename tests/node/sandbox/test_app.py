"""Starting: what is refused, and that a failed start leaves nothing open."""

import socket

import aiohttp
import pytest
from aiohttp.test_utils import unused_port

from node.sandbox.app import start_sandbox
from node.sandbox.settings import SandboxSettings
from tests.node.sandbox.conftest import OURS


async def test_a_taken_port_stops_the_start_and_leaves_nothing_open(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        foreign = unused_port()
        settings = SandboxSettings(
            data_folder=tmp_path,
            applications=(OURS,),
            foreign_port=foreign,
            management_port=taken.getsockname()[1],
        )
        with pytest.raises(OSError, match="address already in use"):
            await start_sandbox(settings)
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(f"http://127.0.0.1:{foreign}")


async def test_a_wildcard_address_needs_one_to_refer_to(tmp_path):
    settings = SandboxSettings(data_folder=tmp_path, applications=(OURS,), host="0.0.0.0")
    with pytest.raises(ValueError, match="foreign_ip"):
        await start_sandbox(settings)


async def test_the_ports_asked_for_are_the_ports_taken(tmp_path):
    ports = {
        "port": unused_port(),
        "foreign_port": unused_port(),
        "management_port": unused_port(),
    }
    settings = SandboxSettings(data_folder=tmp_path, applications=(OURS,), **ports)
    sandbox = await start_sandbox(settings)
    assert sandbox.url == f"http://127.0.0.1:{ports['port']}"
    assert sandbox.foreign_url == f"http://127.0.0.1:{ports['foreign_port']}"
    assert sandbox.management_url == f"http://127.0.0.1:{ports['management_port']}"
    await sandbox.stop()


async def test_ipv6(tmp_path):
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    settings = SandboxSettings(data_folder=tmp_path, applications=(OURS,), host="::1")
    try:
        sandbox = await start_sandbox(settings)
    except OSError:
        pytest.skip("no IPv6 loopback here")
    async with aiohttp.ClientSession() as session, session.get(sandbox.url) as response:
        assert response.status == 401
    await sandbox.stop()
