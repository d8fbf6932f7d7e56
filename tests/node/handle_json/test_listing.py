"""Lists of a prefix's handles."""

from __future__ import annotations

import pytest

from tests.node.handle_json.peer import ADMIN, Peer


@pytest.fixture
async def shelf(peer: Peer) -> Peer:
    for suffix in ("c", "a", "B"):
        await peer.put(f"/api/handles/88.118.9/{suffix}", [])
    return peer


async def listed(peer: Peer, query: str) -> dict[str, object]:
    answer = await peer.get(f"/api/handles?{query}", headers=ADMIN)
    assert answer.status == 200
    told: dict[str, object] = answer.json
    return told


async def test_a_list_is_in_order_and_bounded_unasked(shelf: Peer) -> None:
    assert await listed(shelf, "prefix=88.118.9") == {
        "responseCode": 1,
        "prefix": "88.118.9",
        "totalCount": "3",
        "page": 0,
        "pageSize": 1000,
        "handles": ["88.118.9/a", "88.118.9/B", "88.118.9/c"],
    }


@pytest.mark.parametrize(
    ("query", "size", "handles"),
    [
        ("pageSize=2&page=1", 2, ["88.118.9/c"]),
        ("pageSize=2&page=2", 2, []),
        ("pageSize=2&page=2147483647", 2, []),
        ("pageSize=0", 0, []),
        ("pageSize=-1&page=-1", 1000, ["88.118.9/a", "88.118.9/B", "88.118.9/c"]),
        ("pageSize=100000000", 10_000, ["88.118.9/a", "88.118.9/B", "88.118.9/c"]),
    ],
)
async def test_pages(shelf: Peer, query: str, size: int, handles: list[str]) -> None:
    told = await listed(shelf, f"prefix=88.118.9&{query}")
    assert (told["pageSize"], told["handles"], told["totalCount"]) == (size, handles, "3")


async def test_the_prefix_may_come_as_its_own_handle(shelf: Peer) -> None:
    assert (await listed(shelf, "prefix=0.NA/88.118.9"))["totalCount"] == "3"


async def test_withdrawn_handles_are_not_listed(shelf: Peer) -> None:
    await shelf.delete("/api/handles/88.118.9/a")
    assert (await listed(shelf, "prefix=88.118.9"))["handles"] == ["88.118.9/B", "88.118.9/c"]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("prefix=", (400, 102)),
        ("prefix=88.999", (400, 301)),
        ("prefix=88.118.9/x", (400, 102)),
        ("prefix=" + "8" * 300, (400, 4)),
        ("prefix=%00", (400, 102)),
        ("prefix=88.118.9&page=x", (400, 4)),
        ("prefix=88.118.9&page=99999999999", (400, 4)),
        ("prefix=88.118.9&pageSize=1.5", (400, 4)),
    ],
)
async def test_lists_of_nothing(shelf: Peer, query: str, told: tuple[int, int]) -> None:
    assert (await shelf.get(f"/api/handles?{query}", headers=ADMIN)).told == told


async def test_lists_are_for_those_who_may(shelf: Peer) -> None:
    answer = await shelf.get("/api/handles?prefix=88.118.9")
    assert answer.json == {"responseCode": 402, "handle": "88.118.9"}
    assert answer.status == 401
