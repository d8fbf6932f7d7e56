"""Resolution through the DNS, against Knot DNS on loopback with the zones beside this file."""

from __future__ import annotations

import asyncio
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from registry.errors import PrefixNotFound, RemoteUnavailable
from registry.spelling import recognise
from resolver.discovery import Discovery, ordered
from resolver.dns import Dns, Srv
from resolver.query import Outcome, Source
from resolver.wire_client import Station
from resolver.zones import Zones

ZONES = Path(__file__).with_name("zones")
KNOTD = shutil.which("knotd") or "/usr/sbin/knotd"
START_SECONDS = 60.0

needs_knot = pytest.mark.skipif(not Path(KNOTD).exists(), reason="knotd is not installed")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    folder = tmp_path_factory.mktemp("knot")
    port = _free_port()
    (folder / "knot.conf").write_text(_configuration(folder, port))
    process = subprocess.Popen(
        [KNOTD, "-c", str(folder / "knot.conf")],
        stdout=(folder / "log").open("w"),
        stderr=subprocess.STDOUT,
    )
    try:
        _wait_for(port, process, folder / "log")
        yield "127.0.0.1", port
    finally:
        process.terminate()
        process.wait(30)


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def _configuration(folder: Path, port: int) -> str:
    zones = "".join(
        f"  - domain: {file.stem}\n    file: {file}\n    zonefile-sync: -1\n"
        f"    journal-content: none\n"
        for file in sorted(ZONES.glob("*.zone"))
    )
    return (
        f"server:\n  listen: 127.0.0.1@{port}\n  rundir: {folder}\n  pidfile: {folder}/pid\n"
        f"database:\n  storage: {folder}\n"
        f"log:\n  - target: stdout\n    any: info\n"
        f"zone:\n{zones}"
    )


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(log.read_text())


@pytest.fixture
def dns(server: tuple[str, int]) -> Dns:
    return Dns([server], seconds=20.0)


@pytest.fixture
def zones(dns: Dns) -> Zones:
    return Zones(dns, oid="oid.test", ons="ons.test")


@needs_knot
async def test_an_oid(zones: Zones) -> None:
    answer = await zones.resolve(recognise("urn:oid:1.2.156.1"))
    assert (answer.outcome, answer.source, answer.handle) == (
        Outcome.FOUND,
        Source.RECURSIVE,
        "1.2.156.1",
    )
    assert answer.via == ("dns:1.156.2.1.oid.test",)
    told = [(v["type"], v["data"]["value"], v["ttl"]) for v in msgspec.json.decode(answer.values)]
    assert told == [
        ("URL.ORS_CINF", "https://example.com/of?oid=1.2.156.1", 300),
        ("URL.ORS_DINF", "https://example.com/oid/", 300),
    ]


@needs_knot
async def test_what_takes_more_than_a_datagram(zones: Zones) -> None:
    answer = await zones.resolve(recognise("1.2.156.9"))
    assert len(msgspec.json.decode(answer.values)) == 5


@needs_knot
async def test_a_gtin(zones: Zones) -> None:
    answer = await zones.resolve(recognise("6901234567892"))
    (value,) = msgspec.json.decode(answer.values)
    assert value["data"]["value"] == "https://example.com/product"


@needs_knot
@pytest.mark.parametrize(
    ("gtin", "name", "url"),
    [
        ("00614141322602", "0.0.6.2.2.3.1.4.1.4.1.6.0", "https://example.com/614141"),
        ("88801234500018", "8.1.0.0.0.5.4.3.2.1.0.8.8", "https://example.com/case"),
    ],
)
async def test_the_order_of_digits(zones: Zones, gtin: str, name: str, url: str) -> None:
    """The first digit, which tells the packaging, stays first; what follows it is reversed."""
    answer = await zones.resolve(recognise(gtin))
    assert answer.via == (f"dns:{name}.ons.test",)
    (value,) = msgspec.json.decode(answer.values)
    assert value["data"]["value"] == url


@needs_knot
async def test_what_is_not_there(zones: Zones) -> None:
    for text in ("1.2.156.77", "1.2.156", "4006381333931"):
        assert (await zones.resolve(recognise(text))).outcome is Outcome.NOT_FOUND


@needs_knot
async def test_long_names(zones: Zones) -> None:
    """An OID of more arcs than a name may have labels is simply not there."""
    assert (await zones.resolve(recognise("2.5" + ".1" * 200))).outcome is Outcome.NOT_FOUND


async def test_systems_without_a_zone() -> None:
    zones = Zones(Dns([("127.0.0.1", 1)], seconds=1.0), oid=None, ons=None)
    for text in ("1.2.156.1", "6901234567892", "did:bid:efLrPu7LNR4YwA5M1Kfx6BYb1JP7aPKp"):
        with pytest.raises(PrefixNotFound):
            await zones.resolve(recognise(text))


async def test_a_server_that_is_silent() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        zones = Zones(Dns([silent.getsockname()], seconds=0.5), oid="oid.test", ons=None)
        with pytest.raises(RemoteUnavailable):
            async with asyncio.timeout(30):
                await zones.resolve(recognise("1.2.156.1"))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@needs_knot
async def test_discovery(dns: Dns) -> None:
    clock = Clock()
    discovery = Discovery(dns, "national.test", clock, random.Random(1))
    stations = await discovery.stations()
    assert len(stations) == 3
    assert {station.port for station in stations[:2]} <= {2641, 2643}
    assert {station.address for station in stations[:2]} == {"127.0.0.1", "::1"}
    assert await discovery.stations() is stations
    assert await Discovery(dns, "oid.test", clock, random.Random(1)).stations() == ()


async def test_discovery_while_the_dns_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was found once stands in until it can be looked for again."""
    clock, dns = Clock(), Dns([("127.0.0.1", 1)], seconds=0.2)
    discovery = Discovery(dns, "national.test", clock, random.Random(1))
    with pytest.raises(RemoteUnavailable):
        await discovery.stations()

    async def srv(_: str) -> list[Srv]:
        return [Srv(1, 1, 2641, "192.0.2.1", 60)]

    monkeypatch.setattr(dns, "srv", srv)
    found = await discovery.stations()
    assert found == (Station("192.0.2.1", 2641),)
    monkeypatch.undo()
    clock.now = 1000.0
    assert await discovery.stations() == found


def test_order_of_servers() -> None:
    records = [Srv(2, 0, 1, "c", 60), Srv(1, 90, 2, "a", 60), Srv(1, 10, 3, "b", 60)]
    chance = random.Random(5)
    first = [ordered(records, chance)[0].target for _ in range(1000)]
    assert 850 < first.count("a") < 950
    assert all(ordered(records, chance)[2].target == "c" for _ in range(20))
    assert ordered([Srv(0, 0, 0, "", 60)], chance) == []
