"""Another node's alias of a record here: on whatever surface it is asked, the question counts as
one for another node's identifier, never for the prefix of the record that answered it."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from metrics.counting.reason import Reason, reasons_of
from metrics.journal.entry import Flag, Outcome, Records, Surface, records_of
from node.settings import Settings
from node.wire.surface import wire
from registry.record.value import Data, Value, encode
from resolver import query as resolving
from resolver.query import Answer, Query, Source
from tests.node.live import Enterprise, Live
from tests.node.snms.client import client_of
from tests.node.test_recorder import BROWSER, _noted, _registered
from tests.node.wire.peer import Peer

ALIAS = "86.1000.5/ALIAS"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, handle_port=0)


class Far:
    """Another node, with one record: an alias."""

    def __init__(self, target: str) -> None:
        self._values = encode([Value(index=1, type="HS_ALIAS", data=Data("string", target))])

    async def resolve(self, query: Query) -> Answer:
        return Answer(
            resolving.Outcome.FOUND, Source.RECURSIVE, ALIAS, self._values, via=("https://far",)
        )


@pytest.fixture
async def far(live: Live, owner: Enterprise, monkeypatch: pytest.MonkeyPatch) -> None:
    await _registered(live, owner, "A")
    _, aliases = live.node.wiring.chain._links
    monkeypatch.setattr(aliases, "_link", Far(f"{owner.prefix}/A"))


async def _told(live: Live, surface: Surface) -> None:
    """Exactly one question was noted, on this surface, and where it stands in the chain."""
    (noted,) = await _noted(live, 1)
    journal = live.node.wiring.recorder.journal
    assert noted["identifier"].tobytes() == journal.digest(ALIAS)
    assert (noted["surface"], noted["outcome"], noted["prefix"]) == (surface, Outcome.FOUND, 0)
    assert noted["flags"] & Flag.RECURSIVE
    records: Records = records_of(journal.stretch(0, 1).records)
    assert reasons_of(records, np.zeros(1, np.uint32)).tolist() == [Reason.ELSEWHERE]


async def test_v1(live: Live, far: None) -> None:
    reply = await live.ask("GET", f"/v1/resolve/{ALIAS}", headers=BROWSER)
    assert (reply.status, reply.body["source"]) == (200, "recursive")
    assert "https://e/1" in str(reply.body)
    await _told(live, Surface.V1)


async def test_a_list_on_v1(live: Live, far: None) -> None:
    body = {"handles": [ALIAS]}
    reply = await live.ask("POST", "/v1/resolve", json=body, headers=BROWSER)
    assert reply.status == 200
    assert "https://e/1" in str(reply.body)
    await _told(live, Surface.V1)


async def test_the_page(live: Live, far: None) -> None:
    reply = await live.ask("GET", f"/{ALIAS}", headers={"Accept": "text/html", **BROWSER})
    assert reply.status == 200
    await _told(live, Surface.PAGE)


async def test_snms(live: Live, owner: Enterprise, far: None) -> None:
    client = await client_of(live, "mes", owner)
    assert (await client.detail(ALIAS)).told == (1, "success")
    await _told(live, Surface.SNMS)


@pytest.mark.parametrize("udp", [False, True])
async def test_the_wire(live: Live, far: None, udp: bool) -> None:
    async with wire(live.node.wiring) as opened:
        assert opened is not None
        answer = await Peer(opened).resolve(ALIAS, udp=udp)
        assert b"https://e/1" in answer.body
        await _told(live, Surface.WIRE)
