"""Checking a report's package on the terminal, offline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.text import Text

from award import form
from award.policy.policy import load
from award.report import package
from award.report.verification import Check, State, Verification, failed
from metrics.log.note import VerifierKey
from node.cli.access import Json
from node.cli.option import repeated
from node.cli.terminal import complain, console, print_json, table

STYLES = {State.PASSED: "green", State.FAILED: "red", State.NOT_CHECKED: "yellow"}

Keys = Annotated[
    tuple[str, ...],
    repeated("A verifier key you trust, instead of those in the package; may stand several times."),
]


def verify(
    path: Annotated[Path, Parameter(help="The report's zip, or a folder it was unpacked into.")],
    /,
    *,
    key: Keys = (),
    json: Json = False,
) -> int:
    """Check a report offline: signatures, counts, the witness, every amount, the law's version.

    Exits with 1 when anything does not hold.
    """
    trusted = [VerifierKey.parse(text) for text in key]
    checks = Verification(package.unpack(path), trusted, load).checks()
    if json:
        print_json(form.builtins(checks))
    else:
        show(checks)
    return 1 if failed(checks) else 0


def show(checks: Sequence[Check]) -> None:
    shown = table("核对项", "结果", "说明")
    shown.columns[0].no_wrap = shown.columns[1].no_wrap = True
    for one in checks:
        shown.add_row(one.title, Text(one.state.chinese, STYLES[one.state]), one.detail)
    console().print(shown)
    wrong = [one.title for one in checks if one.state is State.FAILED]
    if wrong:
        complain(f"报告未通过核对：{'、'.join(wrong)}")
    else:
        console().print(Text("报告通过全部核对。", "green"))
