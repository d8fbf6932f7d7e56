"""OIDs and GTINs that are resolved through the DNS, over v1; the DNS itself is a stand-in that
answers as a server's records were seen to."""

from __future__ import annotations

import msgspec
import pytest

from metrics.journal.entry import Flag, Outcome, Surface, records_of
from node.settings import Settings
from resolver.dns import Dns, Naptr
from tests.node.live import Live

FOUND = "1.156.2.1.oid.test"


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    async def naptr(_: Dns, name: str) -> list[Naptr]:
        if name == FOUND:
            return [Naptr(1, 1, "U", "ORS", "!^.*$!https://example.com/oid!", 300)]
        return []

    monkeypatch.setattr(Dns, "naptr", naptr)
    return msgspec.structs.replace(settings, oid_zone="oid.test")


async def test_an_oid(live: Live) -> None:
    reply = await live.ask("GET", "/v1/resolve/urn:oid:1.2.156.1")
    assert reply.status == 200
    assert reply.body["handle"] == "1.2.156.1"
    assert reply.body["source"] == "recursive"
    assert reply.body["via"] == [f"dns:{FOUND}"]
    assert reply.body["values"][0]["data"]["value"] == "https://example.com/oid"
    missing = await live.ask("GET", "/v1/resolve/1.2.156.7")
    assert missing.status == 404
    journal = live.node.wiring.recorder.journal
    records = records_of(journal.stretch(0, journal.position).records)
    assert [Outcome(r["outcome"]) for r in records] == [Outcome.FOUND, Outcome.NOT_FOUND]
    assert {(Surface(r["surface"]), r["prefix"]) for r in records} == {(Surface.V1, 0)}
    assert all(r["flags"] & Flag.RECURSIVE for r in records)


async def test_without_a_zone(live: Live) -> None:
    reply = await live.ask("GET", "/v1/resolve/6901234567892")
    assert reply.status == 404
