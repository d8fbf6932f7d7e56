"""`biaoshi verify`: exported logs and receipts, from their files alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter
from cyclopts.validators import Number
from rich.text import Text

from award.report.package import is_package
from metrics.log.fault import LogFault
from metrics.log.keys import leaf_key_in
from metrics.log.log import SHANGHAI
from metrics.log.note import VerifierKey
from metrics.log.receipt import Receipt, check_receipt
from metrics.log.verification.dump import identifiers
from metrics.log.verification.finding import Figures, Result
from metrics.log.verification.heads import Trust
from metrics.log.verification.run import DEMONSTRATION, UNPINNED, Question, run
from metrics.log.verification.verify import is_demonstration
from node.cli.award import verify as award
from node.cli.log.progress import Advance, bar
from node.cli.option import flag, repeated
from node.cli.terminal import console, facts, print_json, table

SHOWN = 20  # findings


def add_to(app: App) -> None:
    app.command(verify)


def verify(
    *paths: Annotated[
        Path,
        Parameter(
            help="Exported folders, logs in them, receipts (.tlog-proof), or reports (.zip)."
        ),
    ],
    log: Annotated[
        tuple[Path, ...],
        repeated("Exported folder that a report is held against, besides its own package."),
    ] = (),
    log_key: Annotated[
        tuple[str, ...], repeated("Verifier key of a log, as you were given it.")
    ] = (),
    witness_key: Annotated[
        tuple[str, ...], repeated("Verifier key of a witness, as you were given it.")
    ] = (),
    cosignatures: Annotated[
        int, Parameter(validator=Number(gte=0, lte=16), help="How many a checkpoint must have.")
    ] = 1,
    leaf_key: Annotated[
        Path | None, Parameter(help="File with K: then the node's commitment to it is checked.")
    ] = None,
    dump: Annotated[
        Path | None,
        Parameter(help="All identifiers, one in a line or NDJSON: each must have its leaf."),
    ] = None,
    case_sensitive: Annotated[bool, flag("The node's suffixes differ by case.")] = False,
    processes: Annotated[
        int | None, Parameter(help="Processes to compute in; all cores where not given.")
    ] = None,
    json: Annotated[bool, flag("As JSON.")] = False,
) -> int:
    """Verify logs offline: every signature, every entry, every hash, and that nothing counts twice.

    Needs no network and trusts nobody. Several folders of one log are held against each other.
    Exits with 1 and names the first bad leaf where anything does not hold.
    """
    if not paths:
        raise LogFault("name a folder or a receipt", field="paths", rule="nothing")
    if dump is not None and leaf_key is None:
        raise LogFault("a dump is matched with --leaf-key", field="dump", rule="leaf-key")
    report = any(map(is_package, paths))
    if (log and not report) or (len(paths) > 1 and report):
        raise LogFault("--log goes with one report", field="paths", rule="report")
    if report and not log and (dump is not None or leaf_key is not None or cosignatures != 1):
        detail = "--leaf-key, --dump and --cosignatures are for logs: name them with --log"
        raise LogFault(detail, field="paths", rule="report")
    key = None if leaf_key is None else leaf_key_in(leaf_key)
    lines = None if dump is None else identifiers(dump, case_sensitive=case_sensitive)
    question = Question(log or paths, None, key, lines, processes, cosignatures, case_sensitive)
    if report:
        keys = (*log_key, *witness_key)
        return award.check(paths[0], keys, question if log else None, json=json)
    trust = _trust(log_key, witness_key, cosignatures)
    if all(path.is_file() for path in paths):
        return max(_receipt(path, trust, cosignatures, as_json=json) for path in paths)
    question = replace(question, trust=trust)
    with bar() as progress:
        result = run(question, Advance(progress).tell)
    if json:
        print_json(msgspec.to_builtins(result) | {"holds": result.holds})
    else:
        _show(result)
    return 0 if result.holds else 1


def _trust(logs: tuple[str, ...], witnesses: tuple[str, ...], needed: int) -> Trust | None:
    """None where the files' own keys are taken."""
    if not logs and not witnesses:
        return None
    if not logs:
        raise LogFault("--witness-key needs --log-key", field="log_key", rule="log-key")
    return Trust(
        tuple(VerifierKey.parse(text) for text in logs),
        tuple(VerifierKey.parse(text) for text in witnesses),
        pinned=True,
        needed=needed,
    )


def _show(result: Result) -> None:
    out = console()
    shown = table("日志 Log", "条目 Leaves", "见证 Cosigned", "历史检查点 Older", "补录 Backfilled")
    for log in result.logs:
        shown.add_row(
            Text(log.origin),
            f"{log.size:,}",
            Text(_cosigned(log)),
            f"{log.checkpoints:,}",
            f"{log.backfilled:,}",
        )
    out.print(shown)
    if result.matched is not None:
        out.print(f"已逐一核对标识 identifiers matched to leaves: {result.matched:,}")
    for remark in result.remarks:
        out.print(Text(remark, "yellow"))
    if result.holds:
        out.print(Text(f"全部核验通过，用时 {result.seconds:.1f} s。All of it holds.", "green"))
        return
    out.print(Text(f"核验不通过：{len(result.findings)} 处。It does not hold.", "bold red"))
    found = table("日志 Log", "条目 Leaf", "规则 Rule", "问题 What is wrong")
    for one in result.findings[:SHOWN]:
        leaf = "" if one.leaf is None else str(one.leaf)
        where = f" ({one.path})" if one.path else ""
        found.add_row(Text(one.log), leaf, one.rule, Text(one.detail + where))
    out.print(found)


def _cosigned(log: Figures) -> str:
    return "\n".join(
        f"{one.name} {datetime.fromtimestamp(one.time, UTC).astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"
        for one in log.cosigned
    )


def _receipt(path: Path, given: Trust | None, needed: int, *, as_json: bool) -> int:
    """One receipt."""
    try:
        trust = given or Trust.found(path.parent, needed)
        receipt = Receipt.parse(path.read_bytes().decode())
        cosigned = check_receipt(receipt, trust)
    except (LogFault, UnicodeDecodeError) as fault:
        detail = fault.detail if isinstance(fault, LogFault) else str(fault)
        if as_json:
            print_json({"holds": False, "path": str(path), "detail": detail})
        else:
            console().print(Text(f"{path}: 核验不通过 does not hold: {detail}", "bold red"))
        return 1
    found = receipt.facts()
    if as_json:
        remarks = [] if trust.pinned else [UNPINNED]
        print_json({"holds": True, "path": str(path), **found, "remarks": remarks})
        return 0
    out = console()
    out.print(facts(found.items()))
    for one in cosigned:
        at = datetime.fromtimestamp(one.time, UTC).astimezone(SHANGHAI)
        out.print(f"见证 cosigned by {one.name} at {at:%Y-%m-%d %H:%M:%S}")
    if is_demonstration(receipt.proof.checkpoint.origin):
        out.print(Text(DEMONSTRATION, "yellow"))
    if not trust.pinned:
        out.print(Text(UNPINNED, "yellow"))
    out.print(Text("凭证有效。The receipt holds.", "green"))
    return 0
