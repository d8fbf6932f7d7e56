"""`biaoshi resolve`."""

from __future__ import annotations

import json

from tests.node.cli.conftest import Cli
from tests.node.live import Enterprise, Live

VALUES = [
    {"index": 1, "type": "URL", "data": "https://example.com/?a=1&b=2"},
    {"index": 2000, "type": "产品名称", "data": "[bold]吸顶灯[/bold]"},
]


async def _registered(live: Live, owner: Enterprise, suffix: str) -> str:
    handle = f"{owner.prefix}/{suffix}"
    item = {"handle": handle, "values": VALUES}
    answer = await live.ask("POST", "/v1/identifiers", key=owner.key, json=[item])
    assert answer.body["totals"] == {"created": 1}
    return handle


async def test_it_shows_the_values_as_they_are(cli: Cli, live: Live, owner: Enterprise) -> None:
    shown = await cli("resolve", await _registered(live, owner, "LAMP-1"), key=None)
    assert shown.status == 0
    for text in ("https://example.com/?a=1&b=2", "产品名称", "[bold]吸顶灯[/bold]", "本节点"):
        assert text in shown.out


async def test_awkward_suffixes_survive_the_way(cli: Cli, live: Live, owner: Enterprise) -> None:
    for suffix in ("LOT/2026/07", "A+B 100%#1?x=1", "灯具//..", "a%2Fb", "."):
        handle = await _registered(live, owner, suffix)
        shown = await cli("resolve", handle, "--json", key=None)
        assert json.loads(shown.out)["handle"] == handle


async def test_other_spellings_are_understood(cli: Cli, live: Live, owner: Enterprise) -> None:
    handle = await _registered(live, owner, "LAMP-1")
    for spelling in (f"hdl:{handle}", f"https://hdl.handle.net/{handle}"):
        assert json.loads((await cli("resolve", spelling, "--json")).out)["handle"] == handle


async def test_values_by_type_and_index(cli: Cli, live: Live, owner: Enterprise) -> None:
    handle = await _registered(live, owner, "LAMP-1")
    for option in (("--type", "URL"), ("--index", "1")):
        values = json.loads((await cli("resolve", handle, *option, "--json")).out)["values"]
        assert [one["index"] for one in values] == [1]


async def test_what_is_not_there_is_1_with_the_reason(
    cli: Cli, live: Live, owner: Enterprise
) -> None:
    for handle, told in (
        (f"{owner.prefix}/NO", "there is no"),
        ("nonsense", "biaoshi: "),
        ("99.999.9/x", "99.999.9"),
    ):
        missing = await cli("resolve", handle, key=None)
        assert (missing.status, missing.out) == (1, "")
        assert told in missing.err
