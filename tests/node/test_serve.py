"""`biaoshi serve` as a process, and the parts it stands on."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from node import foundation
from node.app import open_node
from node.http.entrance import CannotListen, base_url, probe
from node.serve import listening, working
from node.settings import Settings
from tests.node.cli.command import Started, biaoshi


@pytest.fixture
def config(settings: Settings, tmp_path: Path) -> Path:
    """The settings of a fresh database as a file."""
    lines = [
        f'{name} = "{getattr(settings, name)}"'
        for name in ("database_url", "secondary_prefix", "sealing_key_file")
    ]
    file = tmp_path / "biaoshi.toml"
    file.write_text("\n".join([*lines, "port = 0", "drain_seconds = 1.0"]))
    return file


@pytest.fixture
def served(config: Path, tmp_path: Path) -> Iterator[Started]:
    assert biaoshi("migrate", "--config", config, home=tmp_path).returncode == 0
    with Started("serve", "--config", config, home=tmp_path) as started:
        yield started.wait_for('"serving"')


def url_of(served: Started) -> str:
    lines = [json.loads(line) for line in served.errors.splitlines()]
    return str(next(line["url"] for line in lines if line["event"] == "serving"))


def test_it_serves_logs_json_and_stops_in_order(served: Started) -> None:
    with urllib.request.urlopen(f"{url_of(served)}/readyz", timeout=60) as response:
        assert json.load(response)["status"] == "ready"
    served.wait_for('"keeper-elected"')
    assert served.stop(signal.SIGTERM) == 0
    events = [json.loads(line)["event"] for line in served.errors.splitlines()]
    assert {"serving", "stopping"} <= set(events)
    assert served.output == ""


def test_the_first_key_is_made_at_the_console(config: Path, tmp_path: Path) -> None:
    biaoshi("migrate", "--config", config, home=tmp_path)
    made = biaoshi(
        "key", "create", "--role", "operator", "--config", config, "--json", home=tmp_path
    )
    assert made.returncode == 0, made.stderr
    secret = json.loads(made.stdout)["secret"]
    with Started("serve", "--config", config, home=tmp_path) as served:
        url = url_of(served.wait_for('"serving"'))
        listed = biaoshi("key", "list", "--json", "--url", url, home=tmp_path, BIAOSHI_KEY=secret)
        assert listed.returncode == 0, listed.stderr
        assert [one["label"] for one in json.loads(listed.stdout)] == ["console"]


def test_migrating_again_does_nothing(config: Path, tmp_path: Path) -> None:
    biaoshi("migrate", "--config", config, home=tmp_path)
    again = biaoshi("migrate", "--config", config, home=tmp_path)
    assert again.returncode == 0
    assert "up to date" in again.stdout


def test_without_its_database_it_says_so_in_one_line(tmp_path: Path) -> None:
    refused = biaoshi(
        "serve",
        home=tmp_path,
        BIAOSHI_DATABASE_URL="postgresql://127.0.0.1:1/none",
        BIAOSHI_SECONDARY_PREFIX="88.118",
        BIAOSHI_SEALING_KEY_FILE="sealing.key",
    )
    assert refused.returncode == 1
    assert refused.stderr.startswith("biaoshi: cannot reach PostgreSQL")
    assert refused.stderr.count("\n") == 1


def test_an_empty_database_is_not_served(
    empty_database_url: str, config: Path, tmp_path: Path
) -> None:
    refused = biaoshi(
        "serve",
        "--config",
        config,
        home=tmp_path,
        BIAOSHI_DATABASE_URL=empty_database_url,
    )
    assert refused.returncode == 1
    assert "run `biaoshi migrate` first" in refused.stderr
    assert refused.stderr.count("\n") == 1


async def test_a_taken_port_is_an_error_of_ours(settings: Settings) -> None:
    await foundation.prepare(settings)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        told = pytest.raises(CannotListen, match=f"port {port}: Address already in use")
        with told, probe("127.0.0.1", port):
            pass
        taken = msgspec.structs.replace(settings, port=port)
        async with open_node(taken) as node:
            with pytest.raises(CannotListen, match=f"port {port}"):
                async with working(node), listening(node):
                    pass


async def test_work_that_dies_ends_the_rest_and_is_raised(settings: Settings) -> None:
    await foundation.prepare(settings)

    async def dying() -> None:
        raise LookupError("its work is gone")

    async with open_node(settings) as node:
        with pytest.raises(LookupError, match="its work is gone"):
            async with asyncio.timeout(60), working(node, dying):
                await asyncio.Event().wait()


async def test_what_the_body_raises_comes_out_as_it_is(settings: Settings) -> None:
    await foundation.prepare(settings)
    async with open_node(settings) as node:
        with pytest.raises(LookupError):
            async with working(node):
                raise LookupError


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("2001:db8::1", "http://[2001:db8::1]:8000"),
        ("node.example", "http://node.example:8000"),
    ],
)
def test_the_url_at_which_a_listener_is_reached(host: str, url: str) -> None:
    assert base_url(host, 8000) == url


def test_a_free_port_is_found() -> None:
    with probe("127.0.0.1", 0) as port, probe("127.0.0.1", 0) as other:
        assert port != other
    with probe("127.0.0.1", port) as same:
        assert same == port


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_all_addresses_of_both_families(settings: Settings, host: str) -> None:
    settings = msgspec.structs.replace(settings, host="::")
    await foundation.prepare(settings)
    async with open_node(settings) as node, working(node), listening(node) as url:
        port = int(url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()
