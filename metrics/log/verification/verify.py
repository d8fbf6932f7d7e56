"""Verifying logs: signatures, every hash, what older checkpoints say, that nothing counts twice."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from metrics.log.fault import LogFault
from metrics.log.merkle import EMPTY_ROOT, HASH_BYTES, complete_root, root
from metrics.log.tile import HEIGHT, WIDTH, Tile
from metrics.log.verification.finding import Figures, Finding, Witnessed
from metrics.log.verification.folder import Head, LogFolder
from metrics.log.verification.heads import Trust
from metrics.log.verification.scan import Marked, Scanned, scan, tasks

Tags = npt.NDArray[np.uint64]
Progress = Callable[[str, int, int], None]

FAR = 64  # times the bundles that are there: so many are not looked for one by one
YEAR_NAME = re.compile(r"registrations-(?P<year>[0-9]{4})(-[0-9]+)?")


@dataclass(slots=True)
class Verified:
    """A log that was read to its end."""

    folder: LogFolder
    head: Head | None = None
    figures: Figures | None = None
    findings: list[Finding] = field(default_factory=list)
    tags: Tags | None = None  # the first 8 bytes of each, sorted
    sums: Tags | None = None
    prefixes: dict[bytes, int] = field(default_factory=dict)
    statements: list[bytes] = field(default_factory=list)
    marked: Marked = field(default_factory=Marked)
    seen: tuple[tuple[int, int], ...] = ()  # sizes and times (µs) of cosigned checkpoints

    @property
    def year(self) -> int:
        found = YEAR_NAME.fullmatch(self.folder.name)
        return int(found["year"]) if found else 0

    def blame(self, fault: LogFault, default: str) -> None:
        path = fault.field if fault.field and "/" in fault.field else None
        self.findings.append(
            Finding(self.folder.name, fault.rule or default, fault.detail, None, path)
        )


def verify_log(
    folder: LogFolder,
    trust: Trust,
    pool: Executor,
    progress: Progress,
    elsewhere: Sequence[Head] = (),
) -> Verified:
    """Read a whole log. What does not hold is in the findings; nothing is raised. Checkpoints of it
    from `elsewhere` say when its leaves were there, as those that lie beside it do."""
    verified = Verified(folder)
    try:
        head = verified.head = Head.read(folder.path / "checkpoint")
    except LogFault as fault:
        verified.blame(fault, "checkpoint")
        return verified
    if head.checkpoint.origin.rpartition("/")[2] != folder.name:
        detail = f"the folder is not named as the log in it, {head.checkpoint.origin}"
        verified.findings.append(Finding(folder.name, "origin", detail, None, str(head.path)))
    if head.checkpoint.size // WIDTH > FAR * folder.bundles + FAR:
        verified.blame(
            LogFault(
                f"{head.checkpoint.size} leaves are signed for, and most of their bundles are gone",
                rule="missing",
            ),
            "missing",
        )
        return verified
    cosigned = _cosigned(verified, trust, head)
    older = _older(verified, trust)
    seen = tuple(
        (one.checkpoint.size, max(witness.time for witness in by) * 1_000_000)
        for one, by in (*older, *_cosigned_elsewhere(trust, elsewhere))
        if by
    )
    last = max((one.time for one in cosigned), default=None)
    moment = None if last is None else last * 1_000_000
    size = head.checkpoint.size
    verified.seen = _rising((*seen, (size, moment)) if moment is not None else seen)
    todo = list(tasks(folder, size, verified.year, _rising(seen), moment))
    tags = np.zeros(size if verified.year else 0, np.uint64)
    stretches = []
    for task, stretch in zip(todo, pool.map(scan, todo), strict=True):
        if stretch.tags is not None:
            tags[task.start : task.start + len(stretch.tags)] = stretch.tags
            stretch.tags = None  # eight bytes a leaf are kept once
        stretches.append(stretch)
        progress(folder.name, task.end, size)
    if verified.year:
        tags.sort()
        verified.tags = tags
    for stretch in stretches:
        verified.findings += stretch.findings
    _check_tiles(verified, head, stretches)
    held = _check_older(verified, [one for one, _ in older])
    _gather(verified, head, stretches, cosigned, held)
    return verified


def latest(logs: Iterable[Verified]) -> list[Verified]:
    """Of a year's log and its successors the last one, which holds what the earlier ones did."""
    by_year: dict[int, Verified] = {}
    for log in sorted(logs, key=lambda log: (len(log.folder.name), log.folder.name)):
        by_year[log.year] = log
    return list(by_year.values())


def check_against(verified: Verified, other: Head) -> Finding | None:
    """Whether a checkpoint from elsewhere is a beginning of a verified log; None if it is."""
    size = other.checkpoint.size
    head = verified.head
    if head is None or size > head.checkpoint.size:
        return None
    try:
        found = root(size, verified.folder.reader(head.checkpoint.size))
    except LogFault as fault:
        return Finding(verified.folder.name, fault.rule or "missing", fault.detail)
    if found == other.checkpoint.root:
        return None
    return Finding(
        verified.folder.name,
        "consistency",
        f"at {size} leaves this log is not the one that {other.path} was signed for",
        None,
        str(other.path),
    )


def _cosigned(verified: Verified, trust: Trust, head: Head) -> tuple[Witnessed, ...]:
    try:
        return trust.check_latest(head)
    except LogFault as fault:
        verified.findings.append(
            Finding(
                verified.folder.name, fault.rule or "signature", fault.detail, None, str(head.path)
            )
        )
        return ()


def _older(verified: Verified, trust: Trust) -> list[tuple[Head, tuple[Witnessed, ...]]]:
    found = []
    for path in verified.folder.older:
        try:
            head = Head.read(path)
            found.append((head, trust.check(head)))
        except LogFault as fault:
            verified.findings.append(
                Finding(
                    verified.folder.name, fault.rule or "checkpoint", fault.detail, None, str(path)
                )
            )
    return found


def _cosigned_elsewhere(
    trust: Trust, heads: Iterable[Head]
) -> Iterator[tuple[Head, tuple[Witnessed, ...]]]:
    for head in heads:
        try:
            yield head, trust.check(head)
        except LogFault:
            continue  # it is blamed where it lies


def _rising(seen: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    """By size, each with the latest moment up to then."""
    rising: list[tuple[int, int]] = []
    for size, moment in sorted(seen):
        rising.append((size, max(moment, rising[-1][1] if rising else 0)))
    return tuple(rising)


def _check_tiles(verified: Verified, head: Head, stretches: Iterable[Scanned]) -> None:
    """Every tile of level 1 and above, from the roots of those below; then the log's own root."""
    size = head.checkpoint.size
    row = b"".join(stretch.roots for stretch in stretches)
    folder = verified.folder
    level, complete = 1, len(row) // HASH_BYTES == size // WIDTH
    while row and complete:
        above = []
        for tile in _of_level(size, level):
            wanted = row[tile.start * HASH_BYTES : (tile.start + tile.width) * HASH_BYTES]
            try:
                stored = folder.content(tile)
            except LogFault as fault:
                verified.blame(fault, "missing")
                return
            if stored != wanted:
                at = next(
                    n for n in range(tile.width)
                    if stored[n * HASH_BYTES : (n + 1) * HASH_BYTES]
                    != wanted[n * HASH_BYTES : (n + 1) * HASH_BYTES]
                )  # fmt: skip
                leaf = (tile.start + at) << HEIGHT * level
                verified.findings.append(
                    Finding(
                        folder.name, "tile-hash",
                        f"a hash in {tile.path} is not that of what lies below it", leaf, tile.path,
                    )
                )  # fmt: skip
            if tile.width == WIDTH:
                above.append(complete_root(wanted))
        row, level = b"".join(above), level + 1
    _check_root(verified, head)


def _of_level(size: int, level: int) -> Iterator[Tile]:
    count = size >> HEIGHT * level
    for index in range(count // WIDTH):
        yield Tile(level, index)
    if count % WIDTH:
        yield Tile(level, count // WIDTH, count % WIDTH)


def _check_root(verified: Verified, head: Head) -> None:
    size = head.checkpoint.size
    try:
        found = root(size, verified.folder.reader(size)) if size else EMPTY_ROOT
    except LogFault as fault:
        verified.blame(fault, "missing")
        return
    if found != head.checkpoint.root:
        verified.findings.append(
            Finding(
                verified.folder.name,
                "root",
                "the checkpoint's root is not that of the log's hashes",
                None,
                str(head.path),
            )
        )


def _check_older(verified: Verified, older: Iterable[Head]) -> int:
    """How many older checkpoints are beginnings of the log."""
    held = 0
    head = verified.head
    assert head is not None  # it was read
    for one in older:
        if one.checkpoint.size > head.checkpoint.size:
            verified.findings.append(
                Finding(
                    verified.folder.name,
                    "rolled-back",
                    f"{one.path} was signed for {one.checkpoint.size} leaves, and there are "
                    f"{head.checkpoint.size}",
                    head.checkpoint.size,
                    str(one.path),
                )
            )
        elif finding := check_against(verified, one):
            verified.findings.append(finding)
        else:
            held += 1
    return held


def _gather(
    verified: Verified,
    head: Head,
    stretches: Sequence[Scanned],
    cosigned: tuple[Witnessed, ...],
    held: int,
) -> None:
    days: dict[int, int] = {}
    for stretch in stretches:
        verified.statements += stretch.entries
        verified.marked.add(stretch.marked)
        for day, count in stretch.days.items():
            days[day] = days.get(day, 0) + count
        for prefix, count in stretch.prefixes.items():
            verified.prefixes[prefix] = verified.prefixes.get(prefix, 0) + count
    sums = [one.sums for one in stretches if one.sums is not None]
    if sums:
        verified.sums = np.sum(sums, axis=0, dtype=np.uint64)
    verified.figures = Figures(
        name=verified.folder.name,
        origin=head.checkpoint.origin,
        size=head.checkpoint.size,
        root=head.checkpoint.root.hex(),
        cosigned=cosigned,
        checkpoints=held,
        backfilled=verified.marked.count,
        prefixes=len(verified.prefixes),
        days={_day(day): count for day, count in sorted(days.items())},
        demonstration=is_demonstration(head.checkpoint.origin),
    )


def is_demonstration(origin: str) -> bool:
    """Whether a log's name says that it can't be a real one (RFC 2606)."""
    return origin.partition("/")[0].endswith(".invalid")


def _day(number: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=number)).isoformat()
