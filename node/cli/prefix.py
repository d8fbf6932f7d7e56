"""`biaoshi prefix`: prefixes, for operators."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from cyclopts import App, Parameter

from node.cli.access import USUAL, Access, Json
from node.cli.terminal import console, facts, moment, print_json, table
from registry.prefix.prefix import Hosting, PrefixState

Text = Annotated[str, Parameter(help="The prefix, such as 88.118.1.")]
Reason = Annotated[
    str, Parameter(help="Why; the enterprise sees it, and the audit trail keeps it.")
]

STATES = {
    PrefixState.STOPPED: "已停用 stopped",
    PrefixState.ACTIVE: "正常 active",
    PrefixState.TO_BE_DELETED: "待注销 to be deleted",
    PrefixState.REJECTED: "已驳回 rejected",
    PrefixState.WAITING: "待审核 waiting",
    PrefixState.UNDER_REVIEW: "国家顶级节点审核中 under review",
}
HOSTING = {
    Hosting.NOT_HOSTED: "企业自建 own resolver",
    Hosting.REQUESTED: "申请托管 hosting requested",
    Hosting.REJECTED: "托管被拒 hosting refused",
    Hosting.HOSTED: "本节点托管 hosted here",
}


def add_to(app: App) -> None:
    group = App(name="prefix", help="Review, stop and list prefixes (operators).")
    for command in (list_, show, approve, reject, stop, resume, delete):
        group.command(command, name=command.__name__.rstrip("_"))
    app.command(group)


async def list_(
    *,
    state: Annotated[PrefixState | None, Parameter(help="Only those in this state.")] = None,
    enterprise: Annotated[int | None, Parameter(help="Only those of this enterprise.")] = None,
    access: Access = USUAL,
    json: Json = False,
) -> None:
    """List prefixes."""
    wanted = {"state": state, "enterprise_id": enterprise}
    query = {name: int(value) for name, value in wanted.items() if value is not None}
    async with access.as_("operator") as client:
        found = [item async for item in client.pages("/v1/prefixes", **query)]
    if json:
        return print_json(found)
    shown = table("前缀 Prefix", "企业 Enterprise", "状态 State", "托管 Hosting", "报送 Filed")
    for one in found:
        shown.add_row(
            one["prefix"],
            str(one["enterprise_id"]),
            STATES[PrefixState(one["state"])],
            HOSTING[Hosting(one["hosting"])],
            "是 yes" if one["filed"] else "否 no",
        )
    return console().print(shown if found else "没有前缀 No prefixes.")


async def show(prefix: Text, /, *, access: Access = USUAL, json: Json = False) -> None:
    """Show a prefix."""
    async with access.as_("operator") as client:
        _print(await client.get(_path(prefix)), json)


async def approve(prefix: Text, /, *, access: Access = USUAL) -> None:
    """Approve a prefix: it is filed with the national node, which decides."""
    await _step(access, prefix, "approve")


async def reject(prefix: Text, /, *, reason: Reason, access: Access = USUAL) -> None:
    """Refuse a prefix."""
    await _step(access, prefix, "reject", {"note": reason})


async def stop(prefix: Text, /, *, reason: Reason, access: Access = USUAL) -> None:
    """Stop registration under a prefix. What is registered goes on resolving."""
    await _step(access, prefix, "stop", {"note": reason})


async def resume(prefix: Text, /, *, access: Access = USUAL) -> None:
    """Take a stopped prefix into service again."""
    await _step(access, prefix, "resume")


async def delete(prefix: Text, /, *, reason: Reason, access: Access = USUAL) -> None:
    """Give a prefix up. Its text is never allocated again."""
    await _step(access, prefix, "delete", {"note": reason})


async def _step(access: Access, prefix: str, step: str, body: dict[str, str] | None = None) -> None:
    async with access.as_("operator") as client:
        after = await client.post(f"{_path(prefix)}/{step}", body)
    console().print(f"{after['prefix']}: {STATES[PrefixState(after['state'])]}")


def _path(prefix: str) -> str:
    return f"/v1/prefixes/{quote(prefix, safe='')}"


def _print(prefix: dict[str, Any], json: bool) -> None:
    if json:
        return print_json(prefix)
    return console().print(
        facts(
            [
                ("前缀 prefix", prefix["prefix"]),
                ("企业 enterprise", prefix["enterprise_id"]),
                ("状态 state", STATES[PrefixState(prefix["state"])]),
                ("托管 hosting", HOSTING[Hosting(prefix["hosting"])]),
                ("解析地址 resolver", _routing(prefix["routing"])),
                ("管理员 administrators", _administrators(prefix["administrators"])),
                ("已报送 filed", "是 yes" if prefix["filed"] else "否 no"),
                ("申请时间 requested", moment(prefix["requested_at"])),
                ("审核时间 reviewed", moment(prefix["reviewed_at"])),
                ("经办人 by", prefix["reviewed_by"]),
                ("生效时间 active since", moment(prefix["activated_at"])),
                ("说明 note", prefix["note"]),
            ]
        )
    )


def _routing(routing: dict[str, Any] | None) -> str | None:
    if routing is None:
        return None
    listeners = (f"{one['protocol']} {one['port']}" for one in routing["listeners"])
    return f"{routing['address']} ({', '.join(listeners)})"


def _administrators(administrators: list[dict[str, Any]]) -> str | None:
    return ", ".join(f"{one['index']}:{one['handle']}" for one in administrators) or None
