"""Whether logs that were opened are all there, and successors go on from what they succeed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from metrics.log.fault import LogFault
from metrics.log.merkle import EMPTY_ROOT, root
from metrics.log.statement import LOG_CLOSED, LOG_OPENED, LOG_SUCCEEDED, Statement
from metrics.log.verification.finding import Finding
from metrics.log.verification.verify import Verified


def succession(logs: Sequence[Verified]) -> Iterator[Finding]:
    """A successor must have been stated, and begin with the leaves of the log before it that were
    carried over: else a log could be written anew under another name."""
    for log in logs:
        before = _predecessor(log.folder.name)
        beside = _beside(logs, log)
        if log.head is None or before is None:
            continue
        if not any(_is_statements(one) for one in beside):
            continue  # a log alone was to be verified
        stated = [
            one.content
            for one in _said(beside, LOG_SUCCEEDED)
            if (one.content.get("log"), one.content.get("successor")) == (before, log.folder.name)
        ]
        if not stated:
            yield _blamed(log, f"no statement says that it succeeds {before}")
            continue
        old = next((one for one in beside if one.folder.name == before), None)
        carried, witnessed = stated[0].get("carried"), stated[0].get("witnessed")
        if not isinstance(carried, int) or not isinstance(witnessed, int):
            yield _blamed(log, "what it carried over is not stated in whole numbers")
        elif old is None or old.head is None:
            if witnessed > 0:
                yield _blamed(log, f"{before}, which it succeeds, is not here")
        else:
            yield from _carried(log, old, carried)


def missing(logs: Sequence[Verified]) -> Iterator[str]:
    """Logs that were opened, by what is stated, and are not among those verified."""
    here = {(log.folder.path.parent, log.folder.name) for log in logs if log.head is not None}
    found: dict[str, None] = {}
    for log in logs:
        for kind in (LOG_OPENED, LOG_CLOSED, LOG_SUCCEEDED):
            for one in _said([log], kind):
                name = str(one.content.get("log"))
                if (log.folder.path.parent, name) not in here:
                    found[name] = None
    for name in found:
        yield (
            f"日志 {name} 已开立，但不在所核验的文件中。{name} was opened and is not among what "
            "was verified: nothing was counted in it, or it was left out."
        )


def _carried(log: Verified, old: Verified, carried: int) -> Iterator[Finding]:
    assert log.head is not None
    assert old.head is not None
    size = min(carried, old.head.checkpoint.size)
    if size > log.head.checkpoint.size:
        yield _blamed(log, f"it has fewer leaves than the {size} that it carried over")
        return
    try:
        one, two = (
            root(size, some.folder.reader(some.head.checkpoint.size)) if size else EMPTY_ROOT
            for some in (log, old)
            if some.head is not None
        )
    except LogFault as fault:
        yield _blamed(log, fault.detail)
        return
    if one != two:
        yield _blamed(log, f"its first {size} leaves are not those of {old.folder.name}")


def _predecessor(name: str) -> str | None:
    """registrations-2026 of registrations-2026-2; None for what is no successor."""
    stem, _, number = name.rpartition("-")
    plain = "statements" if name.startswith("statements-") else stem
    if not number.isdecimal() or len(number) == 4 or plain != stem or int(number) < 2:
        return None
    return stem if int(number) == 2 else f"{stem}-{int(number) - 1}"


def _beside(logs: Sequence[Verified], log: Verified) -> list[Verified]:
    """Those of the same export."""
    return [one for one in logs if one.folder.path.parent == log.folder.path.parent]


def _is_statements(log: Verified) -> bool:
    return not log.year and log.head is not None


def _said(logs: Sequence[Verified], kind: str) -> Iterator[Statement]:
    for log in logs:
        for entry in log.statements:
            try:
                statement = Statement.parse(entry)
            except LogFault:
                continue  # it was blamed for that already
            if statement.kind == kind:
                yield statement


def _blamed(log: Verified, detail: str) -> Finding:
    return Finding(log.folder.name, "log-succeeded", detail)
