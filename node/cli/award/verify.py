"""Checking a report's package on the terminal, offline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.text import Text

from award import form
from award.policy.policy import load
from award.report import package, trust
from award.report.verification import Check, State, Verification, failed
from award.report.whole import WholeLogs
from metrics.log.note import VerifierKey
from metrics.log.verification.folder import log_folders
from metrics.log.verification.run import Question, run
from node.cli.access import Json
from node.cli.log.progress import Advance, bar
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
    log: Annotated[
        tuple[Path, ...],
        repeated("Exported logs, all of which are read, and held against the report."),
    ] = (),
    json: Json = False,
) -> int:
    """Check a report offline: signatures, counts, proofs, the witness, every amount, the law.

    Exits with 1 when anything does not hold.
    """
    return check(path, key, Question(log) if log else None, json=json)


def check(path: Path, key: Sequence[str], question: Question | None, *, json: bool) -> int:
    """`question` is what is asked of whole logs, where there are any; keys are those named here,
    else those of the report's package."""
    trusted = [VerifierKey.parse(text) for text in key]
    files = package.unpack(path)
    whole = (
        None if question is None else _whole(question, trust.Keys.of(trusted, files[package.KEYS]))
    )
    checks = Verification(files, trusted, load, whole).checks()
    if json:
        print_json(form.builtins(checks))
    else:
        show(checks)
    return 1 if failed(checks) else 0


def _whole(question: Question, keys: trust.Keys) -> WholeLogs:
    """The logs after all of them were read."""
    names = [folder.name for path in question.paths for folder in log_folders(path)]
    nodes = dict.fromkeys(key.name.rpartition("/")[0] for key in (*keys.trusted, *keys.own))
    believed = keys.trust([f"{node}/{name}" for node in nodes for name in names], question.needed)
    with bar() as progress:
        result = run(replace(question, trust=believed), Advance(progress).tell)
    return WholeLogs(question.paths, result)


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
        left = [one.title for one in checks if one.state is State.NOT_CHECKED]
        more = f"未核对：{'、'.join(left)}。" if left else ""
        console().print(Text(f"报告通过所作的全部核对。{more}", "green"))
