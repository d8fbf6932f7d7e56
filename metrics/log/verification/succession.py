"""Whether logs that were opened are all there, and successors go on from what they succeed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from metrics.log.fault import LogFault
from metrics.log.merkle import EMPTY_ROOT, root
from metrics.log.statement import DAILY, LOG_CLOSED, LOG_OPENED, LOG_SUCCEEDED, Statement
from metrics.log.verification.finding import Finding
from metrics.log.verification.verify import Tags, Verified


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
        carried, shared = stated[0].get("carried"), stated[0].get("shared")
        if not isinstance(carried, int) or not isinstance(shared, int):
            yield _blamed(log, "what it carried over is not stated in whole numbers")
            continue
        yield from _begins(log, carried, str(stated[0].get("carried_root")))
        if old is not None and old.head is not None:
            yield from _carried(log, old, carried)
        elif shared > 0:
            yield _blamed(log, f"{before}, which it succeeds, is not here")


def told(logs: Sequence[Verified]) -> Iterator[str]:
    """Remarks on what was succeeded, and what was lost of it by what is stated; and by the leaves
    themselves, where an export of before is at hand."""
    found: dict[str, None] = {}
    for log in logs:
        if log.year or log.head is None:
            continue
        for one in _said([log], LOG_SUCCEEDED):
            name, successor = one.content.get("log"), one.content.get("successor")
            least, most = one.content.get("lost_at_least"), one.content.get("lost_at_most")
            lost = f"{least}" if least == most else f"{least}–{most}"
            found[
                f"日志 {name} 由 {successor} 接续，所见证的条目丢失 {lost} 条"
                f"{_counted(logs, log, str(name), str(successor))}。"
                f"{name} goes on as {successor}, and of what was witnessed {lost} leaves are lost: "
                f"{one.content.get('reason')}"
            ] = None
    yield from found


def _counted(logs: Sequence[Verified], said: Verified, name: str, successor: str) -> str:
    """How many leaves of the longest export of the old log its successor does not have."""
    assert said.head is not None  # it was read
    node = said.head.checkpoint.origin.rpartition("/")[0]
    tags: dict[str, Tags] = {}
    for one in logs:
        if one.head is None or one.tags is None:
            continue
        name_there, size = one.folder.name, len(tags.get(one.folder.name, ()))
        if one.head.checkpoint.origin == f"{node}/{name_there}" and len(one.tags) >= size:
            tags[name_there] = one.tags
    if name not in tags or successor not in tags:
        return ""
    old, new = tags[name], tags[successor]
    gone = int((~np.isin(old, new)).sum())
    return f"（现有文件中的 {len(old)} 条里，{gone} 条不在其中）"


def restated(logs: Sequence[Verified]) -> Iterator[Finding]:
    """After a succession a day may be stated again, since the first time was lost; but a day that
    was over can't have come to more than it did."""
    days: dict[tuple[str, str], tuple[str, dict[str, int]]] = {}
    for log in sorted(logs, key=lambda one: (len(one.folder.name), one.folder.name)):
        if log.year or log.head is None:
            continue
        node = log.head.checkpoint.origin.rpartition("/")[0]
        for one in _said([log], DAILY):
            found = {name: one.content.get(name) for name in ("created", "imported", "counted")}
            numbers = {name: count for name, count in found.items() if isinstance(count, int)}
            day = str(one.content.get("day"))
            first, before = days.setdefault((node, day), (log.folder.name, numbers))
            more = [name for name in numbers if numbers[name] > before.get(name, 0)]
            if more and first != log.folder.name:
                detail = (
                    f"{day} is stated to have come to {numbers[more[0]]} ({more[0]}), "
                    f"and to {before.get(more[0], 0)} in {first}"
                )
                yield Finding(log.folder.name, "restated", detail)


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


def _begins(log: Verified, carried: int, wanted: str) -> Iterator[Finding]:
    """The successor begins as it was stated to."""
    assert log.head is not None
    size = log.head.checkpoint.size
    if carried > size:
        yield _blamed(log, f"it has fewer leaves than the {carried} that it carried over")
        return
    try:
        found = root(carried, log.folder.reader(size)) if carried else EMPTY_ROOT
    except LogFault as fault:
        yield _blamed(log, fault.detail)
        return
    if found.hex() != wanted:
        yield _blamed(log, f"its first {carried} leaves are not those that were carried over")


def _carried(log: Verified, old: Verified, carried: int) -> Iterator[Finding]:
    assert log.head is not None
    assert old.head is not None
    size = min(carried, old.head.checkpoint.size)
    if size > log.head.checkpoint.size:
        return  # which was blamed already
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


def predecessors(name: str) -> Iterator[str]:
    """registrations-2026-2 and registrations-2026 of registrations-2026-3."""
    before = _predecessor(name)
    while before is not None:
        yield before
        before = _predecessor(before)


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
