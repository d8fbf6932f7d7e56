"""`biaoshi block`, `biaoshi upload` and `biaoshi job` against a live node."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.node.cli.conftest import Cli
from tests.node.live import Enterprise, Live
from tests.registry.table.workbook import sheet, workbook


def written(name: str, content: str | bytes) -> Path:
    file = Path(name)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def rows_of(file: Path) -> list[list[str]]:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.reader(stream))


async def test_a_block(cli: Cli, live: Live, owner: Enterprise) -> None:
    done = await cli("block", "SN-{serial:06d}", 700, "--value", "1:URL=https://e/p", key=owner.key)
    assert (done.status, done.err) == (0, "")
    assert "700 / 700" in done.out
    assert "完成 done" in done.out
    found = await live.ask("GET", f"/v1/resolve/{owner.prefix}/SN-000700")
    assert found.body["values"][0]["data"]["value"] == "https://e/p"
    more = await cli("block", "SN-{serial:06d}", 3, "--json", key=owner.key)
    assert json.loads(more.out)["created"] == 3
    assert (await live.ask("GET", f"/v1/resolve/{owner.prefix}/SN-000703")).status == 200


async def test_a_block_that_is_none(cli: Cli, owner: Enterprise) -> None:
    done = await cli("block", "{random:8}", 7, key=owner.key)
    assert (done.status, done.out) == (1, "")
    assert "serial" in done.err
    done = await cli("block", "{serial:8}", 7, "--value", "URL", key=owner.key)
    assert done.status == 1
    assert "1:URL=" in done.err


async def test_an_upload_and_its_verdicts(cli: Cli, live: Live, owner: Enterprise) -> None:
    text = "标识后缀,详情网址\nA1,https://e/1\nA2,\n,x\n"
    file = written("灯具.csv", text.encode("gb18030"))
    done = await cli("upload", file, key=owner.key)
    assert (done.status, done.err) == (1, "")  # one row was refused
    assert "灯具.csv" in done.out
    assert "被拒 refused" in done.out
    listed = await cli("job", "list", "--json", key=owner.key)
    (job,) = json.loads(listed.out)
    assert (job["created"], job["refused"]) == (2, 1)
    number = job["job_id"]
    saved = await cli("job", "verdicts", number, key=owner.key)
    assert f"job-{number}.verdicts.csv" in saved.out
    rows = rows_of(Path(f"job-{number}.verdicts.csv"))
    assert [row[2] for row in rows] == ["outcome", "created", "created", "refused"]


async def test_columns_are_said(cli: Cli, live: Live, owner: Enterprise) -> None:
    data = workbook(
        一=sheet([["x"]]), 二=sheet([["价格", "编号", "网址"], [9.5, "A1", "https://e"]])
    )
    file = written("a.xlsx", data)
    options = ("--column", "编号=suffix", "--column", "网址=1:URL", "--sheet", "二")
    done = await cli("upload", file, *options, "--json", key=owner.key)
    assert done.status == 0, done.err
    assert json.loads(done.out)["created"] == 1
    shown = await live.ask("GET", f"/v1/identifiers/{owner.prefix}/A1", key=owner.key)
    assert [value["type"] for value in shown.body["values"]] == ["URL"]
    for wrong in ("编号", "编号=king", "编号=x:URL"):
        done = await cli("upload", file, "--column", wrong, key=owner.key)
        assert done.status == 1
        assert "NAME=suffix" in done.err


async def test_jobs_are_listed_watched_and_cancelled(
    cli: Cli, live: Live, owner: Enterprise
) -> None:
    long = await cli("block", "L{serial:09d}", 90_000_000, "--detach", key=owner.key)
    assert long.status == 0
    assert "biaoshi job watch 1" in long.out
    listed = await cli("job", "list", key=owner.key)
    assert "L{serial:09d}" in listed.out
    assert "90,000,000" in listed.out
    cancelled = await cli("job", "cancel", 1, key=owner.key)
    assert "已取消 cancelled" in cancelled.out
    watched = await cli("job", "watch", 1, key=owner.key)
    assert watched.status == 1
    shown = await cli("job", "show", 1, key=owner.key)
    assert "已取消 cancelled" in shown.out
    assert "cancelled" not in (await cli("job", "list", "--state", "done", key=owner.key)).out
    missing = await cli("job", "show", 99, key=owner.key)
    assert (missing.status, missing.err) == (1, "biaoshi: there is no job 99\n")


@pytest.mark.parametrize("name", ["none.csv", "."])
async def test_files_that_cannot_be_read(cli: Cli, owner: Enterprise, name: str) -> None:
    done = await cli("upload", name, key=owner.key)
    assert done.status == 1
    assert name in done.err


async def test_the_job_of_a_failed_file_says_why(cli: Cli, owner: Enterprise) -> None:
    done = await cli("upload", written("a.xlsx", b"PK\x03\x04none"), key=owner.key)
    assert done.status == 1
    assert "失败 failed" in done.out
    assert "no XLSX workbook" in done.out
