"""What `biaoshi run` shows: the tour, a product, and how to go on."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from node.cli.terminal import facts, table
from node.demo.demonstration import FILE_NAME, Demonstration
from node.demo.tour import Step
from registry.identifier import Identifier, to_url_path

STOPPED = "已依次停止。Stopped in order: HTTP, filing, sandbox, PostgreSQL."
NEW_SUFFIX = "MY-LAMP-0001"


def greeting(url: str, seconds: float) -> Text:
    return Text.assemble(
        ("标识解析二级节点已启动 ", "bold"), f"Node up at {url} after {seconds:.1f} s"
    )


def steps_taken(steps: Sequence[Step]) -> Table:
    shown = table("", "步骤 Step", "结果 Result", "用时 ms", title="\n演示流程 Tour")
    shown.columns[0].justify = shown.columns[3].justify = "right"
    shown.columns[3].no_wrap = True
    for number, step in enumerate(steps, start=1):
        shown.add_row(
            str(number),
            _two(step.title, step.title_english),
            _two(step.result, step.result_english),
            f"{step.milliseconds:,.1f}",
        )
    return shown


def product(resolution: dict[str, Any]) -> Table:
    """A resolved product: its values by their types."""
    shown = table("类型 Type", "值 Value", title=f"\n解析结果 {resolution['handle']}")
    for value in resolution["values"]:
        shown.add_row(Text(value["type"]), Text(str(value["data"]["value"])))
    return shown


def kept(folder: Path) -> Text:
    return Text(f"\n数据与密钥保存在 Data and keys are kept in {folder} ({FILE_NAME}, node.log)")


def addresses(out: Console, demo: Demonstration, folder: Path) -> None:
    """Where everything answers, the keys, and lines to paste. Keys appear on a terminal only:
    elsewhere the output may end up in a log."""
    seen = out.is_terminal
    out.print(_places(demo, folder))
    out.print(_keys(demo, folder, seen))
    if demo.example:  # the tour came far enough
        out.print(Text("\n可直接粘贴执行 Paste to try", "bold"))
        _pastes(out, demo, folder, seen)
    out.print(Text("\n按 Ctrl-C 停止。Ctrl-C stops everything.", "bold"))


def _pastes(out: Console, demo: Demonstration, folder: Path, seen: bool) -> None:
    for line in pastes(demo, folder, key=demo.enterprise_key if seen else None):
        # Neither cut nor wrapped, so that it stays what it is when copied.
        out.print(Text(line), soft_wrap=True)


def _places(demo: Demonstration, folder: Path) -> Group:
    return _listed(
        "服务地址 Serving",
        ("本节点 this node", demo.base_url),
        ("国家顶级节点（沙箱） national node", demo.national_node_url),
        ("沙箱管理口 the sandbox's faults", demo.management_url),
        ("外地节点（沙箱） another city's node", demo.foreign_url),
        ("数据目录 data, log, keys", folder),
    )


def _keys(demo: Demonstration, folder: Path, seen: bool) -> Group | Text:
    if not seen:
        return Text(f"\n演示密钥见 The keys are in {folder / FILE_NAME}")
    return _listed(
        f"演示密钥 Keys, also in {FILE_NAME}",
        ("企业 enterprise", demo.enterprise_key),
        ("运营方 operator", demo.operator_key),
        ("主管部门 bureau", demo.bureau_key),
        ("Handle user", demo.handle_admin),
        ("Handle password", demo.handle_admin_secret),
    )


def _listed(title: str, *pairs: tuple[str, object]) -> Group:
    return Group(Text(f"\n{title}", "bold"), facts(pairs))


def pastes(demo: Demonstration, folder: Path, *, key: str | None) -> list[str]:
    """Three lines for a shell, with the key itself or (None) with how to read it."""
    resolve = demo.base_url + _path("/v1/resolve", demo.example)
    new = demo.base_url + _path("/v1/identifiers", f"{demo.prefix}/{NEW_SUFFIX}")
    handle = f"{demo.base_url}{_path('/api/handles', demo.example)}?pretty"
    body = '{"values":[{"index":1,"type":"URL","data":"https://lamps.example.com/p/1"}]}'
    return [
        f"curl {shlex.quote(resolve)}",
        f"curl -X PUT -H {_bearer(folder, key)} -H content-type:application/json "
        f"-d {shlex.quote(body)} {shlex.quote(new)}",
        f"curl {shlex.quote(handle)}",
    ]


def _bearer(folder: Path, key: str | None) -> str:
    if key is not None:
        return shlex.quote(f"Authorization: Bearer {key}")
    file = shlex.quote(str(folder / FILE_NAME))
    read = f"""sed -n 's/.*"enterprise_key": "\\(.*\\)".*/\\1/p' {file}"""
    return f'"Authorization: Bearer $({read})"'


def _two(chinese: str, english: str) -> Group:
    return Group(Text(chinese), Text(english, "dim"))


def _path(start: str, handle: str) -> str:
    return f"{start}/{to_url_path(Identifier.parse(handle))}"
