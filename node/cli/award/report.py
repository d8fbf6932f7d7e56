"""Issuing a report by the node, and fetching its package."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from award.report.report import Kind
from node.cli.access import USUAL, Access, Json
from node.cli.client import NodeClient
from node.cli.option import flag
from node.cli.terminal import console, facts, moment, print_json, table
from registry.errors import InvalidInput

REPORTS = "/v1/bureau/reports"


class InvalidReport(InvalidInput):
    kind = "invalid-report-request"
    title = "The report cannot be asked for like this"


async def report(
    *,
    year: Annotated[int, Parameter(help="The year whose counts are claimed.")],
    facts: Annotated[Path, Parameter(help="TOML file of facts; `biaoshi award template`.")],
    out: Annotated[
        Path, Parameter(help="Where the package goes: a folder, or a file that ends in .zip.")
    ] = Path(),
    certified: Annotated[
        bool, flag("Issue a certified report. Without this it is a draft with a watermark.")
    ] = False,
    on: Annotated[
        str | None, Parameter(help="The day on which the question is asked. Default: today.")
    ] = None,
    policy: Annotated[str, Parameter(help="The policy's name.")] = "zhongshan_2025",
    corrects: Annotated[
        str | None, Parameter(help="Number of the report that this one takes the place of.")
    ] = None,
    reason: Annotated[str, Parameter(help="Why it is corrected.")] = "",
    challenge: Annotated[
        str, Parameter(help="Drawn into the sample of leaves; the bureau names one.")
    ] = "",
    access: Access = USUAL,
    json: Json = False,
) -> None:
    """Issue a report on the award: signed JSON, a PDF to read, and what they are checked with."""
    wish = {
        "year": year,
        "facts": _read(facts),
        "policy": policy,
        "kind": Kind.CERTIFIED if certified else Kind.DRAFT,
        "on": on,
        "corrects": corrects,
        "reason": reason,
        "challenge": challenge,
    }
    async with access.as_("operator") as client:
        issued = await client.post(REPORTS, wish)
        place = await _fetch(client, issued, out)
    if json:
        return print_json(issued)
    return _show(issued, place)


async def reports(*, access: Access = USUAL, json: Json = False) -> None:
    """List the reports that were issued."""
    async with access.as_("operator") as client:
        found = [one async for one in client.pages(REPORTS)]
    if json:
        return print_json(found)
    shown = table("编号", "版", "年度", "性质", "出具时间", "最高可奖励金额（元）", "摘要")
    for one in found:
        shown.add_row(
            one["number"],
            str(one["revision"]),
            str(one["year"]),
            _kind(one),
            moment(one["issued_at"]),
            _total(one),
            one["digest"][:16],
        )
    return console().print(shown if found else "没有报告。")


async def _fetch(client: NodeClient, issued: dict[str, Any], out: Path) -> Path:
    """The package as a zip, or unpacked into a folder of its own."""
    name = f"report-{issued['number']}-r{issued['revision']}"
    file = out if out.suffix == ".zip" else out / f"{name}.zip"
    file.parent.mkdir(parents=True, exist_ok=True)
    path = f"{REPORTS}/{issued['number']}/{issued['revision']}/package"
    await client.download(path, file)
    if out.suffix == ".zip":
        return file
    with zipfile.ZipFile(BytesIO(file.read_bytes())) as archive:
        archive.extractall(out / name)
    return out / name


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8-sig")
    except OSError as error:
        raise InvalidReport(f"cannot read {file}: {error.strerror}", field="facts") from None
    except UnicodeDecodeError:
        raise InvalidReport(f"{file} is not UTF-8", field="facts") from None


def _show(issued: dict[str, Any], place: Path) -> None:
    out = console()
    out.print(
        facts(
            [
                ("编号", f"{issued['number']} 第 {issued['revision']} 版"),
                ("性质", _kind(issued)),
                ("最高可奖励金额（元）", _total(issued)),
                ("独立交叉核对", _AGREEMENT[issued["agreement"]]),
                ("摘要 SHA-256", issued["digest"]),
                ("保存于", place),
            ]
        )
    )


_AGREEMENT = {"within": "相互印证", "beyond": "差异超出容许范围", "none": "无独立交叉核对"}


def _kind(issued: dict[str, Any]) -> str:
    kind = "认证报告" if issued["kind"] == Kind.CERTIFIED else "草稿"
    return f"{kind}（演示数据）" if issued["demo"] else kind


def _total(issued: dict[str, Any]) -> str:
    if issued["total"] is None:
        return f"待核实（至多 {issued['potential']}）"
    return str(issued["total"])
