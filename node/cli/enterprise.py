"""`biaoshi enterprise`: enterprises, for operators."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import App, Parameter

from node.cli.access import USUAL, Access, Json
from node.cli.terminal import console, facts, moment, print_json, table
from registry.enterprise.enterprise import EnterpriseState

Number = Annotated[int, Parameter(help="The enterprise's number.")]
Reason = Annotated[
    str, Parameter(help="Why; the enterprise sees it, and the audit trail keeps it.")
]

LABELS = {
    "name": "企业名称 name",
    "credit_code": "统一社会信用代码 credit code",
    "legal_person": "法定代表人 legal person",
    "contact_name": "联系人 contact",
    "contact_phone": "联系电话 phone",
    "contact_email": "电子邮箱 e-mail",
    "address": "住所 address",
    "industry": "行业 industry (GB/T 4754)",
    "website": "网站 website",
}


def add_to(app: App) -> None:
    group = App(name="enterprise", help="Verify, suspend and list enterprises (operators).")
    for command in (list_, show, verify, reject, suspend, resume):
        group.command(command, name=command.__name__.rstrip("_"))
    app.command(group)


async def list_(
    *,
    state: Annotated[EnterpriseState | None, Parameter(help="Only those in this state.")] = None,
    access: Access = USUAL,
    json: Json = False,
) -> None:
    """List enterprises."""
    query = {"state": str(state)} if state else {}
    async with access.as_("operator") as client:
        found = [item async for item in client.pages("/v1/enterprises", **query)]
    if json:
        return print_json(found)
    shown = table("编号 No.", "企业名称 Name", "信用代码 Credit code", "状态 State", "申请 Applied")
    for one in found:
        shown.add_row(
            str(one["enterprise_id"]),
            one["subject"]["name"],
            one["subject"]["credit_code"],
            one["state"],
            moment(one["applied_at"]),
        )
    return console().print(shown if found else "没有企业 No enterprises.")


async def show(number: Number, /, *, access: Access = USUAL, json: Json = False) -> None:
    """Show an enterprise with its subject data."""
    async with access.as_("operator") as client:
        _print(await client.get(f"/v1/enterprises/{number}"), json)


async def verify(
    number: Number,
    /,
    *,
    evidence: Annotated[
        str, Parameter(help="What the verification rests on: a file, a case, a certificate.")
    ],
    access: Access = USUAL,
) -> None:
    """Record that an enterprise's identity was verified."""
    await _step(access, number, "verify", {"evidence": evidence})


async def reject(number: Number, /, *, reason: Reason, access: Access = USUAL) -> None:
    """Refuse an application. The enterprise may apply again."""
    await _step(access, number, "reject", {"note": reason})


async def suspend(number: Number, /, *, reason: Reason, access: Access = USUAL) -> None:
    """Stop registration for an enterprise. What it has registered goes on resolving."""
    await _step(access, number, "suspend", {"note": reason})


async def resume(number: Number, /, *, access: Access = USUAL) -> None:
    """Lift a suspension."""
    await _step(access, number, "resume")


async def _step(access: Access, number: int, step: str, body: dict[str, str] | None = None) -> None:
    async with access.as_("operator") as client:
        enterprise = await client.post(f"/v1/enterprises/{number}/{step}", body)
    console().print(f"{enterprise['subject']['name']}: {enterprise['state']}")


def _print(enterprise: dict[str, Any], json: bool) -> None:
    if json:
        return print_json(enterprise)
    subject = enterprise["subject"]
    return console().print(
        facts(
            [
                ("编号 number", enterprise["enterprise_id"]),
                *((label, subject.get(name)) for name, label in LABELS.items()),
                ("状态 state", enterprise["state"]),
                ("申请时间 applied", moment(enterprise["applied_at"])),
                ("核验依据 evidence", enterprise["evidence"]),
                ("核验时间 decided", moment(enterprise["decided_at"])),
                ("经办人 by", enterprise["decided_by"]),
                ("说明 note", enterprise["note"]),
            ]
        )
    )
