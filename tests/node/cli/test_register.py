"""`biaoshi register` against a live node."""

from __future__ import annotations

import csv
from importlib.resources import files
from pathlib import Path

from registry.access.actor import console
from tests.node.cli.conftest import Cli
from tests.node.live import Enterprise, Live


def written(name: str, text: str) -> Path:
    file = Path(name)
    file.write_text(text, "utf-8")
    return file


def refused_lines(file: Path) -> list[list[str]]:
    with Path(f"{file}.refused.csv").open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.reader(stream))


async def test_the_shipped_file_twice(cli: Cli, live: Live, owner: Enterprise) -> None:
    shipped = files("node.demo").joinpath("products.csv").read_text("utf-8")
    file = written("products.csv", shipped)
    first = await cli("register", file, key=owner.key)  # the prefix is the enterprise's only one
    assert first.status == 0, first.err
    assert "created" in first.out
    assert "1,000" in first.out
    again = await cli("register", file, "--prefix", owner.prefix, key=owner.key)
    assert "unchanged" in again.out
    assert "created" not in again.out
    assert "refused" not in first.out + again.out


async def test_refused_lines_are_kept_with_their_reasons(
    cli: Cli, live: Live, owner: Enterprise
) -> None:
    prefix = owner.prefix
    file = written(
        "mixed.csv", f"handle,名称\n{prefix}/A,灯\n99.1.1/B,灯\nzzz,灯\n{prefix}/A,另一盏\n"
    )
    done = await cli("register", file, key=owner.key)
    assert done.status == 1
    assert "mixed.csv.refused.csv" in done.out
    header, *lines = refused_lines(file)
    assert header == ["line", "identifier", "rule", "reason"]
    assert [line[:3] for line in lines] == [
        ["3", "99.1.1/B", "prefix-not-found"],
        ["4", "zzz", "no-slash"],
        ["5", f"{prefix}/A", "identifier-exists"],
    ]


async def test_a_longer_file_goes_in_several_lists_in_order(
    cli: Cli, live: Live, owner: Enterprise
) -> None:
    rows = (f"N-{i}" if i % 1000 else "x\u200by" for i in range(6500))
    file = written("long.csv", "suffix\n" + "\n".join(rows))
    done = await cli("register", file, key=owner.key)
    assert "6,493" in done.out
    assert [line[0] for line in refused_lines(file)[1:]] == [str(2 + i * 1000) for i in range(7)]


async def test_ndjson_with_a_bad_value(cli: Cli, live: Live, owner: Enterprise) -> None:
    good = f'{{"handle": "{owner.prefix}/A", "values": []}}'
    bad = f'{{"handle": "{owner.prefix}/B", "values": [{{"index": 0, "type": "U", "data": ""}}]}}'
    file = written("up.ndjson", f"{good}\n{bad}\n")
    assert (await cli("register", file, key=owner.key)).status == 1
    assert refused_lines(file)[1][:3] == ["2", f"{owner.prefix}/B", "index-range"]


async def test_a_broken_file_sends_nothing(cli: Cli, live: Live, owner: Enterprise) -> None:
    file = written("ragged.csv", "suffix,a\nGOOD,1\nBAD\n")
    refused = await cli("register", file, key=owner.key)
    assert (refused.status, refused.out) == (1, "")
    assert refused.err == "biaoshi: ragged.csv, line 3: 1 cells, but the header has 2\n"
    assert (await live.ask("GET", f"/v1/resolve/{owner.prefix}/GOOD")).status == 404


async def test_a_dry_run_sends_nothing_and_needs_no_node(
    cli: Cli, live: Live, owner: Enterprise
) -> None:
    file = written("up.csv", f"handle,a\n{owner.prefix}/A,1\n{owner.prefix}/a,2\nzzz,1\n")
    done = await cli("register", file, "--dry-run", "--url", "http://127.0.0.1:1", key=None)
    assert done.status == 1
    assert [line[2] for line in refused_lines(file)[1:]] == ["duplicate-line", "no-slash"]
    assert (await live.ask("GET", f"/v1/resolve/{owner.prefix}/A")).status == 404


async def test_an_enterprise_with_two_prefixes_must_name_one(
    cli: Cli, live: Live, owner: Enterprise
) -> None:
    made = await live.ask("POST", "/v1/prefixes", key=owner.key, json={})
    await cli("prefix", "approve", made.body["prefix"])
    await live.node.wiring.prefixes.settle_review(console(), made.body["prefix"], True, "")
    refused = await cli("register", written("up.csv", "suffix\nA\n"), key=owner.key)
    assert refused.status == 1
    assert f"say with --prefix where the suffixes belong: there are {owner.prefix}" in refused.err


async def test_other_failures_are_one_line(cli: Cli, owner: Enterprise) -> None:
    good = written("up.csv", "suffix\nA\n")
    for file, key, told in (
        (good, "bsk_wrong", "this is not a key of this node"),
        (Path("none.csv"), owner.key, "none.csv: No such file or directory"),
        (written("up.xlsx", "x"), owner.key, "is named .csv or .ndjson"),
    ):
        refused = await cli("register", file, "--prefix", owner.prefix, key=key)
        assert refused.status == 1
        assert told in refused.err
        assert refused.err.count("\n") == 1
