"""Knot's kdig as the client: another reading of the protocol than the one that answers."""

from __future__ import annotations

import asyncio
import re
import shutil

import pytest

from registry.identifier import Identifier
from tests.node.dns.conftest import PATIENCE, ZONE, Client
from tests.node.handle_json.peer import register, value
from tests.node.live import Enterprise, Live

KDIG = shutil.which("kdig")
pytestmark = pytest.mark.skipif(KDIG is None, reason="kdig is not installed")


async def kdig(client: Client, *arguments: str) -> str:
    assert KDIG is not None
    process = await asyncio.create_subprocess_exec(
        KDIG,
        f"@{client.host}",
        "-p",
        str(client.port),
        "+timeout=20",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(PATIENCE):
        told, _ = await process.communicate()
    return told.decode()


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
async def test_records(clients: list[Client], sn1: str, transport: str) -> None:
    for client in clients:
        for kind, expected in (
            ("URI", '1 1 "https://example.com/1"'),
            ("NAPTR", '100 1 "U" "HDL+URL" "!^.*$!https://example.com/1!" .'),
            ("TXT", '"POWER=12W"'),
        ):
            told = await kdig(client, transport, "+short", f"{sn1}.{ZONE}", kind)
            assert expected in [line.strip() for line in told.splitlines()]


async def test_what_an_answer_says_of_itself(client: Client, sn1: str, under: str) -> None:
    told = await kdig(client, f"{sn1}.{ZONE}", "TXT", "+edns", "+dnssec", "+nsid", "+padding=128")
    assert "status: NOERROR" in told
    assert re.search(r";; Flags: qr aa rd;", told)
    assert "EDNS(0)" in told or "Version: 0; flags: do; UDP size: 1232 B" in told
    assert "WARNING" not in told
    told = await kdig(client, f"none.{under}.{ZONE}", "TXT")
    assert "status: NXDOMAIN" in told
    assert re.search(rf"{re.escape(ZONE)}\s+30\s+IN\s+SOA", told)
    assert "status: REFUSED" in await kdig(client, "www.example.com", "A")
    assert "status: BADVERS" in await kdig(client, f"{sn1}.{ZONE}", "TXT", "+edns=1")


async def test_octets_of_every_kind(
    live: Live, client: Client, owner: Enterprise, under: str
) -> None:
    identifier = Identifier(owner.prefix, "灯.1/甲")
    await register(live.node.wiring, owner.enterprise_id, identifier.text, value(1, "N", "灯"))
    label = "".join(f"\\{octet:03d}" for octet in identifier.suffix.encode())
    told = await kdig(client, "+short", f"{label}.{under}.{ZONE}", "TXT")
    assert told.strip() == r'"N=\231\129\175"'


async def test_a_long_answer_is_asked_again_by_tcp(
    live: Live, client: Client, owner: Enterprise, under: str
) -> None:
    values = [value(index, "D", f"{index:03d}" * 60) for index in range(1, 251)]
    await register(live.node.wiring, owner.enterprise_id, f"{owner.prefix}/LONG", *values)
    told = await kdig(client, f"long.{under}.{ZONE}", "TXT")
    assert "ANSWER: 250;" in told
    assert "(TCP)" in told
    cut = await kdig(client, f"long.{under}.{ZONE}", "TXT", "+ignore")
    assert re.search(r";; Flags: qr aa tc rd;", cut)
