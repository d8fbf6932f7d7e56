"""`biaoshi export` and the way back."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from node.cli.client import NodeClient
from registry.errors import Unavailable
from registry.query import export
from tests.node.cli.conftest import Cli
from tests.node.live import Enterprise, Live


@pytest.fixture
async def stock(live: Live, owner: Enterprise) -> Enterprise:
    items = [
        {"handle": f"{owner.prefix}/SN{n}", "values": [{"index": 1, "type": "N", "data": str(n)}]}
        for n in range(25)
    ]
    reply = await live.ask("POST", "/v1/identifiers", key=owner.key, json=items)
    assert reply.body["totals"] == {"created": 25}
    return owner


async def test_a_whole_prefix_and_back(cli: Cli, stock: Enterprise, tmp_path: Path) -> None:
    done = await cli("export", key=stock.key)
    assert (done.status, done.err) == (0, "")
    assert "已导出 25 个标识" in done.out
    file = tmp_path / f"{stock.prefix}.ndjson"
    assert len(file.read_text().splitlines()) == 26
    assert file.stat().st_mode & 0o077 == 0
    again = await cli("register", file, key=stock.key)
    assert again.status == 0, again.err
    assert "unchanged" in again.out
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".part")]


async def test_formats(cli: Cli, stock: Enterprise, tmp_path: Path) -> None:
    assert (await cli("export", "all.csv", key=stock.key)).status == 0
    assert len((tmp_path / "all.csv").read_text("utf-8-sig").splitlines()) == 27
    dated = await cli("export", "dated.txt", "--format", "ndjson", "--dates", key=stock.key)
    assert dated.status == 0
    first = json.loads((tmp_path / "dated.txt").read_text().splitlines()[0])
    assert first["registered_at"].startswith("20")


async def test_a_broken_export_leaves_the_file_as_it_was(
    cli: Cli, stock: Enterprise, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*arguments: Any) -> Any:
        raise Unavailable("the database is away")

    monkeypatch.setattr(export._Reader, "read", failing)
    (tmp_path / "all.ndjson").write_text("as it was")
    (tmp_path / "all.csv").write_text("as it was")
    for name in ("all.ndjson", "all.csv"):
        done = await cli("export", name, key=stock.key)
        assert done.status == 1
        assert done.err.startswith("biaoshi: the export broke off")
        assert (tmp_path / name).read_text() == "as it was"
    names = [name for name in os.listdir(tmp_path) if name.startswith("all.")]
    assert sorted(names) == ["all.csv", "all.ndjson"]


def shorten(file: Path) -> None:
    """Take the last line off a file."""
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))


async def test_a_file_that_ends_too_early(
    cli: Cli, stock: Enterprise, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = NodeClient.download

    async def cut(self: NodeClient, path: str, file: Path) -> None:
        await whole(self, path, file)
        shorten(file)

    monkeypatch.setattr(NodeClient, "download", cut)
    for name in ("all.ndjson", "all.csv"):
        done = await cli("export", name, key=stock.key)
        assert (done.status, (tmp_path / name).exists()) == (1, False)
        assert "last line is missing" in done.err


async def test_who_may_not(cli: Cli, stock: Enterprise, live: Live) -> None:
    done = await cli("export", "--prefix", "88.118.999", key=stock.key)
    assert done.status == 1
    assert "does not live here" in done.err
