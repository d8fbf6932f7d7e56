"""Reading every entry of a log and computing every hash again, a stretch of it at a time.

What is found out of a stretch is small, so that stretches can be read by several processes and a
log of a hundred million leaves fits into little memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from metrics.log.fault import LogFault
from metrics.log.leaf import BACKFILLED, ENTRY_BYTES, ROW, ROW_BYTES, VERSION, Rows, leaf_hashes
from metrics.log.log import year_end
from metrics.log.merkle import HASH_BYTES, complete_root, leaf_hash
from metrics.log.tile import ENTRIES, WIDTH, Tile, unpack
from metrics.log.verification.finding import Finding
from metrics.log.verification.folder import LogFolder

STRETCH = WIDTH * WIDTH  # leaves: what one tile of level 1 is about
TOLERANCE = 3600 * 1_000_000  # µs between a registration's beginning and its place in the log
SHANGHAI = 8 * 3600 * 1_000_000  # µs; no summer time since 1991
DAY = 86_400 * 1_000_000  # µs
MAX_FINDINGS = 20  # of a stretch


@dataclass(frozen=True, slots=True)
class Task:
    """A stretch to be read: leaves [start, end) of a log. `year` is 0 for statements. `seen` are
    sizes and times (µs) of cosigned checkpoints, ascending: later leaves are not older."""

    folder: Path
    start: int
    end: int
    year: int
    seen: tuple[tuple[int, int], ...] = ()
    latest: int | None = None  # µs: when a witness saw the last of them


@dataclass(slots=True)
class Marked:
    """Leaves that say they are from before the log, and how they and the others lie in time."""

    count: int = 0
    last: int = -1  # the place of the last of them
    latest: int = -(2**62)  # µs: the youngest of them
    oldest_unmarked: int = 2**62  # µs: the oldest of all others

    def add(self, other: Marked) -> None:
        self.count += other.count
        self.last = max(self.last, other.last)
        self.latest = max(self.latest, other.latest)
        self.oldest_unmarked = min(self.oldest_unmarked, other.oldest_unmarked)


@dataclass(slots=True)
class Scanned:
    """What a stretch holds."""

    start: int
    roots: bytes = b""  # of its full tiles of level 0
    tags: npt.NDArray[np.uint64] | None = None  # the first 8 bytes of each
    sums: npt.NDArray[np.uint64] | None = None  # of the tags, as four numbers each
    days: dict[int, int] = field(default_factory=dict)  # leaves by day since 1970 in Shanghai
    prefixes: dict[bytes, int] = field(default_factory=dict)
    marked: Marked = field(default_factory=Marked)
    entries: list[bytes] = field(default_factory=list)  # of a statements log
    findings: list[Finding] = field(default_factory=list)


def tasks(
    folder: LogFolder, size: int, year: int, seen: tuple[tuple[int, int], ...], latest: int | None
) -> Iterator[Task]:
    for start in range(0, size, STRETCH):
        yield Task(folder.path, start, min(start + STRETCH, size), year, seen, latest)


def scan(task: Task) -> Scanned:
    """Read one stretch. Faults are findings; the first of a kind in a bundle is enough."""
    folder = LogFolder(task.folder)
    scanned = Scanned(task.start)
    roots: list[bytes] = []
    rows: list[Rows] = []
    for start in range(task.start, task.end, WIDTH):
        width = min(WIDTH, task.end - start)
        try:
            hashes, found = _bundle(folder, task, start, width, scanned)
        except LogFault as fault:
            _note(scanned, folder, fault, start)
            continue
        if found is not None:
            rows.append(found)
        if width == WIDTH:
            roots.append(complete_root(hashes))
    scanned.roots = b"".join(roots)
    if task.year and rows:
        _sum_up(task, scanned, folder.name, np.concatenate(rows))
    return scanned


def _bundle(
    folder: LogFolder, task: Task, start: int, width: int, scanned: Scanned
) -> tuple[bytes, Rows | None]:
    """The hashes of a bundle's entries, compared with their tile, and its leaves."""
    content = folder.content(Tile(ENTRIES, start // WIDTH, width))
    rows: Rows | None = None
    if task.year:
        rows = _rows(content, width, start)
        hashes = b"".join(leaf_hashes(rows))
    else:
        entries = unpack(content)
        if len(entries) != width:
            raise LogFault(f"{len(entries)} entries and not {width}", rule="bundle")
        scanned.entries += entries
        hashes = b"".join([leaf_hash(entry) for entry in entries])
    tile = Tile(0, start // WIDTH, width)
    stored = folder.content(tile)
    if hashes != stored:
        at = next(
            n for n in range(width)
            if hashes[n * HASH_BYTES : (n + 1) * HASH_BYTES]
            != stored[n * HASH_BYTES : (n + 1) * HASH_BYTES]
        )  # fmt: skip
        scanned.findings.append(
            Finding(
                folder.name,
                "leaf-hash",
                f"the entry and its hash in {tile.path} do not belong together",
                start + at,
                Tile(ENTRIES, start // WIDTH, width).path,
            )
        )
    return stored, rows


def _rows(content: bytes, width: int, start: int) -> Rows:
    """A bundle of registrations. Raises LogFault naming the first that is none."""
    if len(content) == width * ROW_BYTES:
        rows = np.frombuffer(content, ROW)
        known = (rows["version"] == VERSION) & (rows["flags"] <= BACKFILLED)
        if (rows["length"] == ENTRY_BYTES).all() and known.all():
            return rows
    entries = unpack(content)
    wrong = [
        n for n, one in enumerate(entries)
        if len(one) != ENTRY_BYTES or one[0] != VERSION or one[1] > BACKFILLED
    ]  # fmt: skip
    if wrong:
        raise LogFault("not a registration's leaf", field=str(start + wrong[0]), rule="leaf")
    raise LogFault(f"the bundle has {len(entries)} entries and not {width}", rule="bundle")


def _sum_up(task: Task, scanned: Scanned, name: str, rows: Rows) -> None:
    """Tags, days and prefixes of a stretch, and whether its times can be true."""
    halves = np.frombuffer(np.ascontiguousarray(rows["tag"]).tobytes(), ">u8").reshape(-1, 4)
    scanned.tags = halves[:, 0].astype(np.uint64)
    scanned.sums = halves.astype(np.uint64).sum(axis=0, dtype=np.uint64)
    times = rows["time"].astype(np.int64)
    start, end = (
        int(year_end(year).timestamp()) * 1_000_000 for year in (task.year - 1, task.year)
    )
    within = (times >= start) & (times < end)
    _blame(task, scanned, name, ~within, "leaf-year", f"its time is not of the year {task.year}")
    days, counts = np.unique((times[within] + SHANGHAI) // DAY, return_counts=True)
    scanned.days = dict(zip(days.tolist(), counts.tolist(), strict=True))
    prefixes = np.ascontiguousarray(rows["prefix"])
    for prefix, count in zip(*np.unique(prefixes, return_counts=True), strict=True):
        scanned.prefixes[prefix.tobytes()] = int(count)
    flagged = (rows["flags"] & BACKFILLED) != 0
    scanned.marked = _marked(task, times, flagged)
    _check_times(task, scanned, name, times, flagged)


def _marked(task: Task, times: npt.NDArray[np.int64], flagged: npt.NDArray[np.bool_]) -> Marked:
    found = Marked(count=int(flagged.sum()))
    if found.count:
        found.last = task.start + int(np.flatnonzero(flagged)[-1])
        found.latest = int(times[flagged].max())
    if found.count < len(times):
        found.oldest_unmarked = int(times[~flagged].min())
    return found


def _check_times(
    task: Task,
    scanned: Scanned,
    name: str,
    times: npt.NDArray[np.int64],
    flagged: npt.NDArray[np.bool_],
) -> None:
    if task.latest is not None:
        late = times > task.latest + TOLERANCE
        _blame(task, scanned, name, late, "leaf-time", "its time is after the log was cosigned")
    if task.seen:
        sizes = np.array([size for size, _ in task.seen])
        moments = np.array([0, *(moment for _, moment in task.seen)])
        indexes = np.arange(task.start, task.start + len(times))
        bound = moments[np.searchsorted(sizes, indexes, side="right")]
        _blame(
            task, scanned, name, (times < bound - TOLERANCE) & ~flagged, "backdated",
            "it says that it is older than what was cosigned before it",
        )  # fmt: skip


def _blame(
    task: Task, scanned: Scanned, name: str, wrong: npt.NDArray[np.bool_], rule: str, detail: str
) -> None:
    count = int(wrong.sum())
    if count:
        more = f", and so of {count - 1} more nearby" if count > 1 else ""
        first = task.start + int(np.argmax(wrong))
        scanned.findings.append(Finding(name, rule, f"{detail}{more}", first))


def _note(scanned: Scanned, folder: LogFolder, fault: LogFault, start: int) -> None:
    if len(scanned.findings) < MAX_FINDINGS:
        leaf = int(fault.field) if fault.field and fault.field.isdigit() else start
        path = fault.field if fault.field and "/" in fault.field else None
        path = path or Tile(ENTRIES, start // WIDTH).path
        scanned.findings.append(
            Finding(folder.name, fault.rule or "bundle", fault.detail, leaf, path)
        )
