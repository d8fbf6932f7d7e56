"""`biaoshi doctor`: a healthy node, and what it says of each ailment."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import asyncpg
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from node import foundation
from node.cli.doctor import database, front, machine, neighbours
from node.cli.doctor.finding import Finding, Level
from node.demo.demonstration import Demonstration
from node.dns.surface import dns_front
from node.settings import Settings
from node.uplink.key import create_key
from tests.node.cli.conftest import Cli
from tests.node.live import Live


def ailments(found: list[Finding]) -> dict[str, Level]:
    """What is not well, by the English part of its name."""
    return {one.subject.split(" ", 1)[-1]: one.level for one in found if one.level != Level.WELL}


async def test_a_fresh_database_is_well(settings: Settings) -> None:
    await foundation.prepare(settings)
    # The server of the tests gives durability away for speed, and says so.
    assert ailments(await database.examine(settings)) == {
        "fsync": Level.FAILED,
        "synchronous_commit": Level.FAILED,
        "full_page_writes": Level.FAILED,
    }


async def test_a_database_that_is_not_there(settings: Settings) -> None:
    away = msgspec.structs.replace(settings, database_url="postgresql://127.0.0.1:1/none")
    (only,) = await database.examine(away)
    assert only.level is Level.FAILED
    assert "pg_hba.conf" in only.remedy


async def test_a_database_of_another_node_or_none(
    settings: Settings, empty_database_url: str
) -> None:
    empty = msgspec.structs.replace(settings, database_url=empty_database_url)
    schema = (await database.examine(empty))[1]
    assert schema.level is Level.FAILED
    assert "biaoshi migrate" in schema.said + schema.remedy
    await foundation.prepare(settings)
    other = msgspec.structs.replace(settings, secondary_prefix="88.119")
    assert "88.118" in (await database.examine(other))[1].said


async def test_too_many_connections_are_wanted(settings: Settings) -> None:
    await foundation.prepare(settings)
    greedy = msgspec.structs.replace(settings, database_connections=500)
    assert ailments(await database.examine(greedy))["connections"] is Level.WARNING


async def test_a_database_in_another_time_zone(settings: Settings, database_url: str) -> None:
    await foundation.prepare(settings)
    connection = await asyncpg.connect(database_url)
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"ALTER DATABASE {name} SET timezone = 'Asia/Shanghai'")
    await connection.close()
    assert ailments(await database.examine(settings))["time zone"] is Level.WARNING


@pytest.mark.parametrize(
    ("date", "level"),
    [
        (None, Level.WELL),
        ("Mon, 01 Jan 2001 00:00:00 GMT", Level.FAILED),
        ("nonsense", Level.WELL),
    ],
)
async def test_the_national_nodes_clock(settings: Settings, date: str | None, level: Level) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=404, headers={"Date": date} if date else {})

    app = web.Application()
    app.router.add_get("/", answer)
    async with TestServer(app) as server:
        here = msgspec.structs.replace(
            settings, national_node_url=str(server.make_url("/")), national_node_key_file="x"
        )
        found = await neighbours.examine(here)
    assert found[0].level is level


async def test_neighbours_that_are_away(settings: Settings) -> None:
    away = msgspec.structs.replace(
        settings,
        national_node_url="http://127.0.0.1:1",
        national_node_key_file="x",
        redis_url="redis://127.0.0.1:1",
    )
    assert ailments(await neighbours.examine(away)) == {
        "national node": Level.WARNING,
        "Redis": Level.WARNING,
    }


async def test_a_port_taken_by_something_else(settings: Settings) -> None:
    async with TestServer(web.Application()) as other:
        taken = msgspec.structs.replace(settings, port=other.port)
        found = ailments(await neighbours.examine(taken))
    assert found["port"] is Level.FAILED


async def test_a_port_taken_by_a_node_that_is_ready(live: Live, settings: Settings) -> None:
    port = int(live.url.rpartition(":")[2])
    found = await neighbours.examine(msgspec.structs.replace(settings, port=port))
    assert found[-1].level is Level.WELL
    assert "ready" in found[-1].said


def test_key_files_that_others_can_read(settings: Settings, tmp_path: Path) -> None:
    asyncio.run(foundation.prepare(settings))
    create_key(tmp_path / "national.pem")
    whole = msgspec.structs.replace(
        settings,
        national_node_url="http://127.0.0.1:1",
        national_node_key_file=str(tmp_path / "national.pem"),
    )
    assert ailments(list(machine.examine(whole, tmp_path))) in ({}, {"open files": Level.WARNING})
    for name in ("sealing.key", "national.pem"):
        (tmp_path / name).chmod(0o644)
    found = list(machine.examine(whole, tmp_path))
    assert all(one.level is Level.FAILED and "chmod 600" in one.said for one in found[:2])


async def test_the_command_shows_marks_and_what_to_do(
    cli: Cli, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("database_url", "secondary_prefix", "sealing_key_file"):
        monkeypatch.setenv(f"BIAOSHI_{name.upper()}", getattr(settings, name))
    told = await cli("doctor")
    assert told.status == 1  # fsync of the tests' server
    for text in ("✓", "✗", "!", "What to do", "fsync = on", "national_node_url"):
        assert text in told.out


async def test_wrong_settings_end_it_at_once(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIAOSHI_PROT", "1")
    told = await cli("doctor")
    assert told.status == 1
    assert "BIAOSHI_PROT" in told.out


async def test_a_data_folder_that_is_not_running(cli: Cli, tmp_path: Path) -> None:
    assert "there is no" in (await cli("doctor", "--data", "nowhere")).out
    Demonstration(base_url="http://127.0.0.1:1").save(tmp_path)
    told = await cli("doctor", "--data", tmp_path)
    assert (told.status, "not running here" in told.out) == (0, True)
    (tmp_path / "demo.json").chmod(0o644)
    assert (await cli("doctor", "--data", tmp_path)).status == 1


async def test_the_dns_front(live: Live, settings: Settings) -> None:
    """Free, ours, or somebody else's."""
    assert await front.examine(settings) == ()
    zoned = msgspec.structs.replace(
        settings,
        dns_zone="id.example",
        dns_listen=("[::1]:0",),
        dns_name_servers=("ns.example",),
    )
    assert ailments(list(await front.examine(zoned))) == {}
    async with dns_front(replace(live.node.wiring, settings=zoned)) as ((_, port),):
        ours = msgspec.structs.replace(zoned, dns_listen=(f"[::1]:{port}",))
        (only,) = await front.examine(ours)
        assert only.level is Level.WELL
        assert "id.example. is served there" in only.said
        other = msgspec.structs.replace(ours, dns_zone="other.example")
        assert ailments(list(await front.examine(other))) == {"DNS front": Level.FAILED}
