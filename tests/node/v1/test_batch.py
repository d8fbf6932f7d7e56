"""Batch resolution: every item its answer or problem, and each a resolution of its own."""

from __future__ import annotations

from typing import Any

import pytest

from node.v1 import batch
from tests.node.live import Enterprise, Live, Reply


@pytest.fixture
async def shop(live: Live, owner: Enterprise) -> Enterprise:
    """An enterprise with the identifiers A, B and C, of which C was withdrawn."""
    values = [
        {"index": 1, "type": "URL", "data": "https://example.com/1"},
        {"index": 2, "type": "NAME", "data": "灯"},
        {"index": 7, "type": "X.COST", "data": "12.80", "permissions": "1100"},
    ]
    items = [{"handle": f"{owner.prefix}/{name}", "values": values} for name in "ABC"]
    assert (await live.ask("POST", "/v1/identifiers", key=owner.key, json=items)).status == 200
    gone = await live.ask("DELETE", f"/v1/identifiers/{owner.prefix}/C", key=owner.key)
    assert gone.status == 200
    return owner


async def resolve(live: Live, handles: list[str], **options: Any) -> Reply:
    key = options.pop("key", None)
    return await live.ask("POST", "/v1/resolve", key=key, json={"handles": handles, **options})


def told(reply: Reply) -> list[Any]:
    """Of each item its handle, or the rule that was broken."""
    assert reply.status == 200, reply.body
    return [
        item["resolution"]["handle"] if "resolution" in item else item["problem"]["rule"]
        for item in reply.body["results"]
    ]


async def test_every_item_has_an_answer_or_a_problem(live: Live, shop: Enterprise) -> None:
    prefix = shop.prefix
    asked = [
        f"{prefix}/A",
        f"hdl:{prefix}/b",
        f"https://hdl.handle.net/{prefix}/A",
        f"{prefix}/C",
        f"{prefix}/none",
        "99.999.9/A",
        "no identifier",
        "1.2.156",
        f"{prefix}/A",
    ]
    reply = await resolve(live, asked)
    assert [item["asked"] for item in reply.body["results"]] == asked
    assert told(reply) == [
        f"{prefix}/A",
        f"{prefix}/b",
        f"{prefix}/A",
        "withdrawn",
        "not-found",
        "prefix-not-found",
        "unknown-spelling",
        "system-not-resolved",
        f"{prefix}/A",
    ]
    assert reply.body["totals"] == {"resolved": 4, "failed": 5}
    single = await live.ask("GET", f"/v1/resolve/{prefix}/A")
    assert reply.body["results"][0]["resolution"] == single.body


async def test_filters(live: Live, shop: Enterprise) -> None:
    handles = [f"{shop.prefix}/A", f"{shop.prefix}/B"]
    for options, wanted in (
        ({"type": ["name"]}, [2]),
        ({"index": [1]}, [1]),
        ({"index": [1], "type": ["NAME"]}, [1, 2]),
        ({"type": ["X.COST"]}, []),
    ):
        reply = await resolve(live, handles, key=shop.key, **options)
        for item in reply.body["results"]:
            assert [value["index"] for value in item["resolution"]["values"]] == wanted


async def test_a_full_list(live: Live, shop: Enterprise) -> None:
    """In one moment, and seen as changed as soon as it is."""
    items = [
        {"handle": f"{shop.prefix}/N{number}", "values": [{"index": 1, "type": "N", "data": "1"}]}
        for number in range(1_000)
    ]
    await live.ask("POST", "/v1/identifiers", key=shop.key, json=items)
    handles = [item["handle"] for item in items]
    assert told(await resolve(live, handles)) == handles
    changed = [item | {"values": [{"index": 1, "type": "N", "data": "2"}]} for item in items[::2]]
    done = await live.ask("POST", "/v1/amendments", key=shop.key, json=changed)
    assert done.body["totals"] == {"amended": 500}
    reply = await resolve(live, handles)
    texts = [item["resolution"]["values"][0]["data"]["value"] for item in reply.body["results"]]
    assert texts == 500 * ["2", "1"]


@pytest.mark.parametrize("count", [0, 1_001])
async def test_lists_are_bounded(live: Live, shop: Enterprise, count: int) -> None:
    reply = await resolve(live, count * [f"{shop.prefix}/A"])
    assert (reply.status, reply.body["field"]) == (422, "handles")


async def test_each_item_is_counted(live: Live, shop: Enterprise) -> None:
    wiring = live.node.wiring
    counter = wiring.instruments.resolutions.labels("v1", "local", "found")
    before = counter._value.get()
    noted: list[Any] = []
    journal_note = wiring.recorder.journal.note

    def note(*args: Any, **options: Any) -> None:
        noted.append(args[2])
        journal_note(*args, **options)

    handles = [f"{shop.prefix}/A", f"{shop.prefix}/A", f"{shop.prefix}/C", "zzz"]
    object.__setattr__(wiring.recorder.journal, "note", note)
    await resolve(live, handles)
    assert counter._value.get() == before + 2
    assert [outcome.name for outcome in noted] == ["FOUND", "FOUND", "WITHDRAWN"]


async def test_records_that_are_too_much_together(
    live: Live, shop: Enterprise, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "MAX_TOGETHER", 600)
    reply = await resolve(live, [f"{shop.prefix}/A", *[f"{shop.prefix}/B"] * 20])
    assert told(reply)[0] == f"{shop.prefix}/A"
    assert told(reply)[-1] == "batch-size"
    assert reply.body["totals"]["failed"] >= 10
