"""Reverse lookup."""

from __future__ import annotations

import pytest

from tests.node.handle_json.peer import ADMIN, Peer, basic

RECORDS = {
    "A": {"URL": "https://e.example/LAMP_1", "CHECKSUM": "abc"},
    "B": {"URL": "https://e.example/lamp%1", "CHECKSUM": "ABD"},
    "C": {"URL": "https://e.example/lampX1\\x"},
}


@pytest.fixture
async def shelf(peer: Peer) -> Peer:
    for suffix, types in RECORDS.items():
        values = [
            {"index": index, "type": type_, "data": data}
            for index, (type_, data) in enumerate(types.items(), 1)
        ]
        hidden = {"index": 9, "type": "SECRET", "data": "x", "permissions": "1100"}
        await peer.put(f"/api/handles/88.118.9/{suffix}", [*values, hidden])
    return peer


@pytest.mark.parametrize(
    ("query", "suffixes"),
    [
        ("URL=*lamp*", "ABC"),
        ("url=*LAMP*", "ABC"),
        ("URL=*lamp_*", "A"),  # _ and % are text here, as is the backslash
        ("URL=*lamp%25*", "B"),
        ("URL=*%5C*", "C"),
        ("URL=*%5C", ""),
        ("URL=lamp", ""),
        ("URL=https://e.example/lamp_1", "A"),
        ("URL=*&CHECKSUM=ab*", "AB"),
        ("URL=*%251&CHECKSUM=ab*", "B"),
        ("CHECKSUM=***", "AB"),
        ("CHECKSUM=", ""),
        ("NOSUCH=*", ""),
        ("SECRET=*", ""),
        ("URL=%00", ""),
        ("URL=*lamp*&limit=2", "AB"),
        ("URL=*lamp*&limit=0", ""),
        ("URL=%27%3B--", ""),
    ],
)
async def test_patterns(shelf: Peer, query: str, suffixes: str) -> None:
    answer = await shelf.get(f"/hrls/handles?{query}", headers=ADMIN)
    assert (answer.status, answer.json) == (200, [f"88.118.9/{suffix}" for suffix in suffixes])
    assert answer.headers["Content-Type"] == "application/json;charset=utf-8"


async def test_a_slash_at_the_end_makes_no_difference(shelf: Peer) -> None:
    answer = await shelf.get("/hrls/handles/?CHECKSUM=abd", headers=ADMIN)
    assert answer.json == ["88.118.9/B"]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "limit=5",
        "limit=x&URL=*",
        "URL=a&URL=b",
        "URL=a&url=b",
        "=x",
        "page=1&URL=*",
        "retrieverecords=true&URL=*",
        "URL=" + "*x" * 11,
        "URL=" + "x" * 1025,
        "x" * 256 + "=a",
        "&".join(f"K{number}=a" for number in range(11)),
    ],
)
async def test_searches_that_are_refused(shelf: Peer, query: str) -> None:
    answer = await shelf.get(f"/hrls/handles?{query}", headers=ADMIN)
    assert answer.told == (400, 4)


@pytest.mark.parametrize(
    "headers", [{}, basic("301:88.118.8/ADMIN", "wrong"), basic("search", "secret")]
)
async def test_searches_need_credentials(shelf: Peer, headers: dict[str, str]) -> None:
    answer = await shelf.get("/hrls/handles?URL=*", headers=headers)
    assert answer.told == (401, 402)
    assert "WWW-Authenticate" in answer.headers
