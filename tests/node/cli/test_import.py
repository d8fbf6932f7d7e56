"""`biaoshi import`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.node.cli.conftest import Cli
from tests.node.live import Enterprise, Live


def write(file: Path, handles: list[str]) -> None:
    lines = [
        json.dumps({"handle": one, "values": [], "registered_at": "2024-05-06T07:08:09Z"})
        for one in handles
    ]
    file.write_text("\n".join(lines))


async def test_a_file_from_another_node(
    cli: Cli, live: Live, owner: Enterprise, tmp_path: Path
) -> None:
    file = tmp_path / "old.ndjson"
    write(file, [f"{owner.prefix}/{number}" for number in range(30)])
    rehearsed = await cli("import", file, "--from", "88.300", "--dry-run")
    assert (rehearsed.status, rehearsed.err) == (0, "")
    assert "未写入任何标识" in rehearsed.out
    done = await cli("import", file, "--from", "88.300")
    assert (done.status, done.err) == (0, "")
    assert "导入 imported" in done.out
    write(file, [f"{owner.prefix}/0", "88.9.9/x"])
    again = await cli("import", file, "--from", "88.300")
    assert again.status == 1
    refused = (tmp_path / "old.ndjson.refused.csv").read_text("utf-8-sig").splitlines()
    assert refused[1].startswith("2,88.9.9/x,prefix-not-found,")


async def test_an_enterprise_may_not(cli: Cli, owner: Enterprise, tmp_path: Path) -> None:
    file = tmp_path / "old.ndjson"
    write(file, [f"{owner.prefix}/0"])
    done = await cli("import", file, "--from", "88.300", key=owner.key)
    assert (done.status, done.out) == (1, "")
    assert "only an operator" in done.err


async def test_a_file_that_is_none(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "old.ndjson"
    file.write_text("{")
    done = await cli("import", file, "--from", "88.300")
    assert done.status == 1
    assert "line 1" in done.err
