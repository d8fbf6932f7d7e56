"""Handles in paths: whatever a handle holds, the record found is its own."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.errors import InvalidIdentifier
from registry.identifier import Identifier, to_url_path
from tests.node.handle_json.peer import ADMIN, Peer, owner_of

ROOT = "/api/handles/"
VALUE = {"index": 1, "type": "URL", "data": "https://e.example/1"}


async def raw(peer: Peer, target: bytes, method: bytes = b"GET") -> tuple[int, dict[str, object]]:
    """A request whose target goes out byte for byte."""
    address = urlsplit(peer.live.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(method + b" " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n")
        if method == b"PUT":
            writer.write(f"Authorization: {ADMIN['Authorization']}\r\n".encode())
            writer.write(b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n[]")
        else:
            writer.write(b"\r\n")
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    told: dict[str, object] = json.loads(body) if body.startswith(b"{") else {}
    return int(head.split()[1]), told


@pytest.mark.parametrize(
    ("sent", "suffix"),
    [
        ("a%2Fb", "a/b"),
        ("a/b", "a/b"),
        ("a/", "a/"),
        ("a%2F", "a/"),
        ("a//b", "a//b"),
        ("/a", "/a"),
        ("%2Fa", "/a"),
        ("a+b", "a+b"),
        ("a%2Bb", "a+b"),
        ("a%20b", "a b"),
        ("a%3Cb%3E", "a<b>"),
        ("a<b>", "a<b>"),
        ("a%23b", "a#b"),
        ("a%25b", "a%b"),
        ("a%2525", "a%25"),
        ("a%3Fb=1", "a?b=1"),
        ("a&b=c;d", "a&b=c;d"),
        ("%E6%A0%87", "标"),
        (".%2F%2E%2E", "./.."),
        ("..", ".."),
        ("%2E", "."),
        ("a%27%22%5C%7B%7D", "a'\"\\{}"),
    ],
)
async def test_a_handle_comes_back_as_it_was_meant(peer: Peer, sent: str, suffix: str) -> None:
    status, told = await raw(peer, f"{ROOT}88.118.9/{sent}".encode(), b"PUT")
    assert (status, told) == (201, {"responseCode": 1, "handle": f"88.118.9/{suffix}"})
    status, told = await raw(peer, f"{ROOT}88.118.9/{sent}".encode())
    assert (status, told["responseCode"], told["handle"]) == (200, 200, f"88.118.9/{suffix}")
    # It is that record and no other.
    total, handles = await peer.wiring.catalogue.numbered_page(owner_of(1), "88.118.9", 0, 10)
    assert (total, handles) == (1, [f"88.118.9/{suffix}"])


NO_HANDLES = (
    b"88.118.9/%",
    b"88.118.9/%4",
    b"88.118.9/%zz",
    b"88.118.9/%E6%A0",
    b"88.118.9/%FF",
    b"88.118.9/%00",
    b"88.118.9/a%0Ab",
    b"88.118.9/a%7Fb",
    b"88.118.9/%E2%80%AEx",
    b"88.118.9/%20",
    b"88.118.9/a%20",
    b"88.118.9/",
    b"/88.118.9",
    b"/",
    b"%2F",
    b"88.118.9/" + b"x" * 247,
    b"88.118.9/a#b",
)


@pytest.mark.parametrize("method", [b"GET", b"PUT"])
async def test_what_is_no_handle_is_said_to_be_none(peer: Peer, method: bytes) -> None:
    for sent in NO_HANDLES:
        status, told = await raw(peer, ROOT.encode() + sent, method)
        assert (sent, status, told["responseCode"]) == (sent, 400, 102)
        assert told["message"]
    # Nothing was written, not even to what stands before a bare #.
    total, _ = await peer.wiring.catalogue.numbered_page(owner_of(1), "88.118.9", 0, 1)
    assert total == 0


async def test_a_path_may_be_sent_with_its_host(peer: Peer) -> None:
    await peer.put(f"{ROOT}88.118.9/a%2Fb", [VALUE])
    status, told = await raw(peer, b"http://x/api/handles/88.118.9/a%2Fb?index=1")
    assert (status, told["handle"]) == (200, "88.118.9/a/b")


async def test_the_paths_own_letters_may_come_encoded(peer: Peer) -> None:
    await peer.put(f"{ROOT}88.118.9/LAMP", [VALUE])
    status, told = await raw(peer, b"/api/h%61ndles/88.118.9/LAMP")
    assert (status, told["handle"]) == (200, "88.118.9/LAMP")


async def test_odd_paths_are_unknown_ones(peer: Peer) -> None:
    for target in (b"/api/%FF", b"/api/%0A", b"/hrls/" + b"x" * 4000, b"/api%2Fhandles/88.118.9/a"):
        status, told = await raw(peer, target)
        assert (status, told["responseCode"]) == (404, 4)


async def test_bytes_beyond_ascii_come_encoded(peer: Peer) -> None:
    """HTTP knows no others; the server itself refuses them."""
    status, _ = await raw(peer, f"{ROOT}88.118.9/标".encode())
    assert status == 400


def is_valid(suffix: str) -> bool:
    try:
        Identifier("88.118.9", suffix)
    except InvalidIdentifier:
        return False
    return True


SUFFIXES = st.one_of(
    st.text(min_size=1, max_size=40),
    st.text(alphabet="/+<>#%?&=;. \\\"'aA0", min_size=1, max_size=20),
).filter(is_valid)


async def test_any_handle_can_be_put_and_got(peer: Peer) -> None:
    """Through real sockets, encoded as this node encodes and as clients do."""
    loop = asyncio.get_running_loop()

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(suffix=SUFFIXES, text=st.text(alphabet=st.characters(exclude_categories=["Cs"])))
    def round_trip(suffix: str, text: str) -> None:
        work = _round_trip(peer, suffix, text.replace("\0", ""))
        asyncio.run_coroutine_threadsafe(work, loop).result(30)

    await asyncio.to_thread(round_trip)


async def _round_trip(peer: Peer, suffix: str, text: str) -> None:
    identifier = Identifier("88.118.9", suffix)
    put = await peer.put(
        ROOT + to_url_path(identifier), [{"index": 1, "type": "TEXT", "data": text}]
    )
    assert put.status in (200, 201)
    assert put.json == {"responseCode": 1, "handle": identifier.text}
    got = await peer.get(f"{ROOT}88.118.9/{quote(suffix, safe='')}")
    assert (got.status, got.json["handle"]) == (200, f"88.118.9/{suffix}")
    assert got.json["values"][0]["data"] == {"format": "string", "value": text}
