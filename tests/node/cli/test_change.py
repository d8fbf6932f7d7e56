"""`biaoshi amend` and `biaoshi withdraw` against a live node."""

from __future__ import annotations

from tests.node.cli.conftest import Cli
from tests.node.cli.test_register import refused_lines, written
from tests.node.live import Enterprise, Live


async def test_amend_and_withdraw_a_file_twice(cli: Cli, live: Live, owner: Enterprise) -> None:
    file = written("up.csv", "suffix,url\nA,https://e/1\nB,https://e/2\n")
    await cli("register", file, key=owner.key)
    changed = written("new.csv", "suffix,url\nA,https://e/9\nB,https://e/2\nC,https://e/3\n")
    trial = await cli("amend", changed, "--dry-run", key=owner.key)
    assert (trial.status, "试运行" in trial.out) == (1, True)
    done = await cli("amend", changed, key=owner.key)
    assert done.status == 1
    assert "变更 amended" in done.out
    assert refused_lines(changed)[1][:3] == ["4", f"{owner.prefix}/C", "not-found"]
    shown = await live.ask("GET", f"/v1/resolve/{owner.prefix}/A")
    assert shown.body["values"][0]["data"]["value"] == "https://e/9"
    again = await cli("amend", changed, key=owner.key)
    assert "amended" not in again.out
    done = await cli("withdraw", file, key=owner.key)
    assert (done.status, "撤销 withdrawn" in done.out) == (0, True)
    assert (await live.ask("GET", f"/v1/resolve/{owner.prefix}/A")).status == 410
    again = await cli("withdraw", file, key=owner.key)
    assert (again.status, "内容一致 unchanged" in again.out) == (0, True)
    assert "refused" not in done.out + again.out


async def test_ndjson_with_indexes_to_remove(cli: Cli, live: Live, owner: Enterprise) -> None:
    file = written("up.csv", "suffix,url,名称\nA,https://e/1,灯\n")
    await cli("register", file, key=owner.key)
    changes = written("c.ndjson", f'{{"handle": "{owner.prefix}/A", "remove": [2000]}}\n')
    assert (await cli("amend", changes, key=owner.key)).status == 0
    shown = await live.ask("GET", f"/v1/resolve/{owner.prefix}/A")
    assert [value["index"] for value in shown.body["values"]] == [1]
