"""`biaoshi enterprise`: enterprises, for operators."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from cyclopts import App, Parameter

from node.cli.access import USUAL, Access, Json
from node.cli.terminal import console, facts, moment, print_json, table
from registry.enterprise.enterprise import EnterpriseState

Number = Annotated[int, Parameter(help="The enterprise's number.")]
MarkReason = Annotated[str, Parameter(help="Why; it stays with the mark, and in the audit trail.")]
Since = Annotated[
    date | None, Parameter(help="The day from which it holds, as 2026-03-02. Default: today.")
]
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
    for command in (list_, show, verify, reject, suspend, resume, relate, unrelate):
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
        enterprise = await client.get(f"/v1/enterprises/{number}")
        marks = await client.get(f"/v1/enterprises/{number}/related-party")
    if json:
        return print_json(enterprise | {"related_party_marks": marks})
    return _print(enterprise, marks)


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


async def relate(
    number: Number, /, *, reason: MarkReason, since: Since = None, access: Access = USUAL
) -> None:
    """Mark an enterprise as a related party: the operator's own, or affiliated.

    Reports show the counts without related parties beside those with them.
    """
    await _mark(access, number, {"related": True, "reason": reason, "since": since})


async def unrelate(
    number: Number, /, *, reason: MarkReason, since: Since = None, access: Access = USUAL
) -> None:
    """Mark an enterprise as a related party no more. Earlier marks stay on record."""
    await _mark(access, number, {"related": False, "reason": reason, "since": since})


async def _mark(access: Access, number: int, body: dict[str, object]) -> None:
    async with access.as_("operator") as client:
        enterprise = await client.put(f"/v1/enterprises/{number}/related-party", body)
    console().print(f"{enterprise['subject']['name']}: {_related(enterprise)}")


def _related(enterprise: dict[str, Any]) -> str:
    return "关联方 related party" if enterprise["related_party"] else "非关联方 no related party"


async def _step(access: Access, number: int, step: str, body: dict[str, str] | None = None) -> None:
    async with access.as_("operator") as client:
        enterprise = await client.post(f"/v1/enterprises/{number}/{step}", body)
    console().print(f"{enterprise['subject']['name']}: {enterprise['state']}")


def _print(enterprise: dict[str, Any], marks: list[dict[str, Any]]) -> None:
    subject = enterprise["subject"]
    out = console()
    out.print(
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
                ("关联关系 related party", _related(enterprise)),
            ]
        )
    )
    if marks:
        shown = table("起始日 Since", "标记 Mark", "原因 Reason", "登记 Marked", "经办人 By")
        for mark in marks:
            word = "关联方 related" if mark["related"] else "非关联方 not related"
            at = moment(mark["marked_at"])
            shown.add_row(mark["since"], word, mark["reason"], at, mark["marked_by"])
        out.print(shown)
