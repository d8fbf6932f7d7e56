"""The logs over HTTP, as any reader of C2SP logs finds them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from metrics.log.cosignature import times
from metrics.log.export import cut
from metrics.log.leaf import Leaf
from metrics.log.merkle import leaf_hash
from metrics.log.note import check_signed
from metrics.log.statement import Statement
from metrics.log.tile import ENTRIES, Tile, tiles, unpack
from metrics.log.tree import Tree
from node.log.serving import covers
from tests.node.log.conftest import ORIGIN, Logged

YEAR = f"registrations-{datetime.now(UTC).year}"


async def test_registrations_of_every_path_are_in_the_log(logged: Logged) -> None:
    live = logged.live
    owner = await live.enterprise()
    prefix, key = owner.prefix, owner.key

    def item(suffix: str) -> dict[str, object]:
        return {"handle": f"{prefix}/{suffix}", "values": [{"index": 1, "type": "A", "data": "b"}]}

    values = {"values": item("")["values"]}
    assert (
        await live.ask("PUT", f"/v1/identifiers/{prefix}/put", key=key, json=values)
    ).status == 201
    body = [item("list-1"), item("list-2")]
    reply = await live.ask("POST", "/v1/identifiers", key=key, json=body)
    assert reply.status == 200, reply.body
    lines = "\n".join(json.dumps(item(f"line-{number}")) for number in range(300))
    ndjson = {"Content-Type": "application/x-ndjson"}
    headers = ndjson | {"Authorization": f"Bearer {key}"}
    streamed = await live.session.post(f"{live.url}/v1/identifiers", data=lines, headers=headers)
    assert '"complete":true' in await streamed.text()
    handle = await live.ask(
        "POST",
        f"/v1/prefixes/{prefix}/blocks",
        key=key,
        json={"pattern": "BLK{serial:04d}", "start": 1, "count": 50, "values": []},
    )
    assert handle.status in (200, 201, 202), handle.body
    again = await live.ask("PUT", f"/v1/identifiers/{prefix}/put", key=key, json=values)
    assert again.status == 200

    checkpoint, note = await logged.checkpoint(YEAR, 353)
    assert checkpoint.origin == f"{ORIGIN}/{YEAR}"
    check_signed(note, logged.keys.verifiers(checkpoint.origin))
    assert times(note, (logged.witness,))
    assert checkpoint.size == 353

    entries: list[bytes] = []
    for path in ("tile/entries/000", "tile/entries/001.p/97"):
        reply = await live.session.get(f"{live.url}/log/{YEAR}/{path}")
        assert reply.headers["Content-Type"] == "application/octet-stream"
        assert reply.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        entries += unpack(await reply.read())
    tree = Tree()
    for tile, content in tree.append([leaf_hash(entry) for entry in entries]).items():
        reply = await live.session.get(f"{live.url}/log/{YEAR}/{tile.path}")
        assert await reply.read() == content
    assert tree.root == checkpoint.root
    wanted = [
        "PUT", "LIST-1", "LIST-2", *(f"LINE-{number}" for number in range(300)),
        *(f"BLK{number:04d}" for number in range(1, 51)),
    ]  # fmt: skip
    tags = {logged.keys.leaf.tag(f"{prefix}/{suffix}") for suffix in wanted}
    assert {Leaf.parse(entry).tag for entry in entries} == tags


async def test_the_statements_log_and_what_is_not_there(logged: Logged) -> None:
    live = logged.live
    checkpoint, _ = await logged.checkpoint("statements", 2)
    reply = await live.session.get(f"{live.url}/log/statements/checkpoint")
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert reply.headers["Cache-Control"] == "no-cache"
    path = next(iter(tiles(checkpoint.size))).path.replace("tile/0", "tile/entries")
    reply = await live.session.get(f"{live.url}/log/statements/{path}")
    first = Statement.parse(unpack(await reply.read())[0])
    assert first.content == {
        "commitment": logged.keys.leaf.commitment.hex(),
        "origin": ORIGIN,
        "case_sensitive": False,
    }
    narrower = await live.session.get(f"{live.url}/log/statements/tile/entries/000.p/1")
    assert len(unpack(await narrower.read())) == 1
    for path in (
        "/log/nothing/checkpoint", "/log/statements/tile/0/000", "/log/statements/tile/1/000.p/1",
        "/log/statements/tile/0/000.p/256", "/log/statements/tile/0/0",
        "/log/statements/tile/entries",
        "/log/statements/tile/0/000.p/200", "/log/nothing/tile/0/000.p/1", "/log/statements",
    ):  # fmt: skip
        assert (await live.ask("GET", path)).status == 404, path
    problem = (await live.ask("GET", "/log/nothing/checkpoint")).body
    assert problem["rule"] == "not-in-log"


@pytest.mark.parametrize(
    ("size", "tile", "covered"),
    [
        (255, Tile(0, 0, 255), True), (255, Tile(0, 0), False), (256, Tile(0, 0), True),
        (256, Tile(1, 0, 1), True), (255, Tile(1, 0, 1), False), (300, Tile(ENTRIES, 1, 44), True),
        (300, Tile(ENTRIES, 1, 45), False), (65_536, Tile(2, 0, 1), True),
        (65_535, Tile(2, 0, 1), False),
    ],
)  # fmt: skip
def test_what_a_checkpoint_covers(size: int, tile: Tile, covered: bool) -> None:
    assert covers(size, tile) is covered


def test_a_tile_that_grew_is_cut() -> None:
    assert cut(b"x" * 64, Tile(0, 0, 1)) == b"x" * 32
    assert cut(b"\0\1a\0\1b", Tile(ENTRIES, 0, 1)) == b"\0\1a"
