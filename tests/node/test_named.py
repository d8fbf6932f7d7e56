"""OIDs and GTINs on every surface whose syntax has room for them; the DNS is a stand-in that
answers as a server's records were seen to."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from metrics.journal.entry import Flag, Outcome, Surface, records_of
from node.settings import Settings
from node.wire.surface import wire
from registry.errors import RemoteUnavailable
from resolver.dns import Dns, Naptr
from resolver.named import FIRST_INDEX
from resolver.wire.body import ResolutionRequest, Values
from resolver.wire.code import OpCode, OpFlag, ResponseCode
from tests.node.live import Enterprise, Live, Reply
from tests.node.wire.peer import Peer

OID, GTIN, ELSEWHERE = "1.2.156.1", "06901234567892", "04006381333931"
KNOWN = {
    "1.156.2.1.oid.test": "https://example.com/oid",
    "0.9.8.7.6.5.4.3.2.1.0.9.6.ons.test": "https://example.com/gs1",
    "0.3.9.3.3.3.1.8.3.6.0.0.4.ons.test": "https://example.com/elsewhere",
}
OWN = [1, 2]
BOTH = [1, 2, FIRST_INDEX]


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    async def naptr(_: Dns, name: str) -> list[Naptr]:
        if name not in KNOWN:
            return []
        return [Naptr(1, 1, "U", "X", f"!^.*$!{KNOWN[name]}!", 300)]

    monkeypatch.setattr(Dns, "naptr", naptr)
    return msgspec.structs.replace(
        settings, oid_zone="oid.test", ons_zone="ons.test", handle_port=0
    )


@pytest.fixture
async def lamp(live: Live, owner: Enterprise) -> str:
    """An identifier that has a GTIN, and an OID as its alias."""
    handle = f"{owner.prefix}/LAMP"
    values = [
        {"index": 1, "type": "URL", "data": "https://example.com/lamp"},
        {"index": 2, "type": "OID", "data": OID},
    ]
    path = f"/v1/identifiers/{handle}"
    assert (await live.ask("PUT", path, key=owner.key, json={"values": values})).status == 201
    wish = {"prefix": owner.prefix, "product": "LAMP"}
    assert (await live.ask("PUT", f"/v1/gtins/{GTIN}", key=owner.key, json=wish)).status == 200
    return handle


def indexes(reply: Reply) -> list[int]:
    assert reply.status == 200, reply.body
    return [value["index"] for value in reply.body["values"]]


def away(monkeypatch: pytest.MonkeyPatch) -> None:
    async def naptr(*_: Any) -> list[Naptr]:
        raise RemoteUnavailable("away", field="handle", rule="dns-unavailable")

    monkeypatch.setattr(Dns, "naptr", naptr)


async def test_v1(live: Live, lamp: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for spelling in (GTIN, "6901234567892", f"https://id.gs1.org/01/{GTIN}"):
        reply = await live.ask("GET", f"/v1/resolve/{spelling}")
        assert indexes(reply) == BOTH
        assert (reply.body["handle"], reply.body["source"]) == (lamp, "local")
        assert (reply.body["revision"], len(reply.body["via"])) == (1, 1)
        assert "ETag" not in reply.headers
    assert indexes(await live.ask("GET", f"/v1/resolve/{GTIN}?type=URL")) == [1]
    assert indexes(await live.ask("GET", f"/v1/resolve/{GTIN}?type=URL.X")) == [FIRST_INDEX]
    alone = await live.ask("GET", f"/v1/resolve/{GTIN}?recursive=false")
    assert indexes(alone) == OWN
    assert alone.headers["ETag"]
    assert (await live.ask("GET", f"/v1/resolve/{OID}?recursive=false")).status == 404
    assert indexes(await live.ask("GET", f"/v1/resolve/{ELSEWHERE}")) == [1]
    assert indexes(await live.ask("GET", f"/v1/resolve/{lamp}")) == OWN
    assert indexes(await live.ask("GET", f"/v1/resolve/{lamp}?aliases=true")) == BOTH
    away(monkeypatch)
    reply = await live.ask("GET", f"/v1/resolve/{GTIN}")
    assert indexes(reply) == OWN
    assert reply.body["missing"] == [f"dns:{list(KNOWN)[1]}"]
    assert reply.headers["Biaoshi-Missing"] == f"dns:{list(KNOWN)[1]}"
    assert (await live.ask("GET", f"/v1/resolve/{OID}")).status == 502


async def test_lists_on_v1(live: Live, lamp: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [lamp, GTIN, OID, ELSEWHERE, "1.2.156.99", "did:bid:efLrPu7LNR4YwA5M1Kfx6BYb1JP7aPKp"]

    async def resolved(**more: Any) -> list[Any]:
        reply = await live.ask("POST", "/v1/resolve", json={"handles": asked, **more})
        assert reply.status == 200
        return [
            [value["index"] for value in one["resolution"]["values"]]
            if "resolution" in one
            else one["problem"]["status"]
            for one in reply.body["results"]
        ]

    assert await resolved() == [OWN, BOTH, [1], [1], 404, 404]
    assert await resolved(recursive=False) == [OWN, OWN, 404, 404, 404, 404]
    assert await resolved(type=["URL"]) == [[1], [1], [], [], 404, 404]
    away(monkeypatch)
    assert await resolved() == [OWN, OWN, 502, 502, 502, 404]


async def test_handle_json(live: Live, lamp: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for handle, expected in ((GTIN, BOTH), (OID, [1]), (ELSEWHERE, [1]), (lamp, OWN)):
        reply = await live.ask("GET", f"/api/handles/{handle}")
        assert indexes(reply) == expected
        assert (reply.body["responseCode"], reply.body["handle"]) == (1, handle)
    tag = (await live.ask("GET", f"/api/handles/{GTIN}")).headers["ETag"]
    plain = await live.ask("GET", f"/api/handles/{GTIN}?type=URL")
    assert indexes(plain) == [1]
    again = await live.ask("GET", f"/api/handles/{GTIN}", headers={"If-None-Match": tag})
    assert again.status == 304
    absent = await live.ask("GET", "/api/handles/1.2.156.99")
    assert (absent.status, absent.body["responseCode"]) == (404, 100)
    away(monkeypatch)
    partial = await live.ask("GET", f"/api/handles/{GTIN}")
    assert indexes(partial) == OWN
    assert partial.headers["Biaoshi-Missing"]
    assert partial.headers["ETag"] != tag


async def test_prefixes_are_still_prefixes(live: Live, owner: Enterprise) -> None:
    reply = await live.ask("GET", f"/api/handles/{owner.prefix}")
    assert reply.status == 200
    absent = await live.ask("GET", "/api/handles/88.118.999")
    assert absent.body["responseCode"] == ResponseCode.SERVER_NOT_RESP


async def test_the_wire(live: Live, lamp: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with wire(live.node.wiring) as opened:
        assert opened is not None
        peer = Peer(opened)

        async def asked(handle: str, **more: Any) -> list[int] | int:
            message = peer.message(OpCode.RESOLUTION, ResolutionRequest(handle).build(), **more)
            answer = await peer.tcp(message.build())
            if answer.response_code != ResponseCode.SUCCESS:
                return answer.response_code
            values = Values.parse(answer.body)
            assert values.handle == handle
            return [value.index for value in values.values]

        assert await asked(GTIN) == BOTH
        assert await asked(OID) == await asked(ELSEWHERE) == [1]
        assert await asked("1.2.156.99") == ResponseCode.HANDLE_NOT_FOUND
        assert await asked(GTIN, flags=int(OpFlag.PUBL)) == OWN  # no other server is wanted
        away(monkeypatch)
        assert await asked(GTIN) == OWN


async def test_pages(live: Live, lamp: str, monkeypatch: pytest.MonkeyPatch) -> None:
    json_only = {"headers": {"Accept": "application/json"}}
    html = {"headers": {"Accept": "text/html"}, "allow_redirects": False}
    linkset = {"headers": {"Accept": "application/linkset+json"}}
    assert indexes(await live.ask("GET", f"/01/{GTIN}", **json_only)) == BOTH
    assert indexes(await live.ask("GET", f"/01/{ELSEWHERE}", **json_only)) == [1]
    assert indexes(await live.ask("GET", f"/{OID}", **json_only)) == [1]
    moved = await live.ask("GET", f"/01/{GTIN}", **html)
    assert (moved.status, moved.headers["Location"]) == (302, "https://example.com/lamp")
    for path in (f"/{OID}", f"/01/{ELSEWHERE}"):
        page = await live.ask("GET", path, **html)
        assert page.status == 200
        assert list(KNOWN.values())[0 if path == f"/{OID}" else 2] in page.body
        anchored = await live.ask("GET", path, **linkset)
        assert anchored.body["linkset"][0]["anchor"].endswith(path)
    assert (await live.ask("GET", "/1.2.156.99", **html)).status == 404
    assert (await live.ask("GET", "/2.5.", **json_only)).status == 400
    away(monkeypatch)
    partial = await live.ask("GET", f"/01/{GTIN}", **json_only)
    assert indexes(partial) == OWN
    assert partial.body["missing"]


async def test_what_is_noted(live: Live, lamp: str) -> None:
    for path in (f"/v1/resolve/{GTIN}", f"/api/handles/{OID}", f"/01/{ELSEWHERE}", "/1.2.156.99"):
        await live.ask("GET", path, headers={"Accept": "application/json"})
    journal = live.node.wiring.recorder.journal
    records = records_of(journal.stretch(0, journal.position).records)
    noted = [
        (
            Surface(r["surface"]),
            Outcome(r["outcome"]),
            r["prefix"] > 0,
            bool(r["flags"] & Flag.RECURSIVE),
        )
        for r in records
    ]
    assert noted == [
        (Surface.V1, Outcome.FOUND, True, False),
        (Surface.HANDLE_JSON, Outcome.FOUND, False, True),
        (Surface.PAGE, Outcome.FOUND, False, True),
        (Surface.PAGE, Outcome.NOT_FOUND, False, True),
    ]
    assert records[0]["identifier"].tobytes() == journal.digest(lamp)
