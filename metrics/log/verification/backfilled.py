"""Leaves from before the log: only such, only until the walk that made them was over, and so many
as were stated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from metrics.log.fault import LogFault
from metrics.log.leaf import ENTRY_BYTES, VERSION, Leaf
from metrics.log.merkle import EMPTY_ROOT, root
from metrics.log.statement import BACKFILL, LEAF_KEY
from metrics.log.tile import bundles, unpack
from metrics.log.verification.finding import Finding
from metrics.log.verification.said import Said, of
from metrics.log.verification.scan import TOLERANCE
from metrics.log.verification.verify import YEAR_NAME, Verified, latest

PATIENCE = timedelta(days=7)  # that the walk through old registrations may take


@dataclass(frozen=True, slots=True)
class BackfillCheck:
    """Of one statements log, with the registrations' logs beside it."""

    name: str
    logs: Sequence[Verified]

    def run(self, said: Sequence[Said]) -> Iterator[Finding]:
        committed = of(said, LEAF_KEY)
        if committed:
            yield from self._times(int(committed[0].at.timestamp() * 1_000_000))
        closed = of(said, BACKFILL)
        for more in closed[1:]:
            yield Finding(self.name, "backfill", "a backfill is closed a second time", more.index)
        if closed:
            yield from self._closed(closed[0])
        elif committed:
            yield from self._open(committed[0])

    def _times(self, begun: int) -> Iterator[Finding]:
        """Marked leaves are older than the commitment to K, and all others younger."""
        for log in self.logs:
            if log.marked.latest > begun:
                detail = "it is marked as from before the log, and is younger than that"
                yield _first(log, "backfill", detail, lambda _, leaf: (
                    leaf.backfilled and leaf.time > begun
                ))  # fmt: skip
            if log.marked.oldest_unmarked < begun - TOLERANCE:
                detail = "it is older than the log, and is not marked so"
                yield _first(log, "backfill", detail, lambda _, leaf: (
                    not leaf.backfilled and leaf.time < begun - TOLERANCE
                ))  # fmt: skip

    def _closed(self, one: Said) -> Iterator[Finding]:
        stated, marked = one.number("leaves"), sum(log.marked.count for log in latest(self.logs))
        if stated != marked:
            detail = f"{stated} leaves are stated to be from before the log, {marked} are marked so"
            yield Finding(self.name, "backfill", detail, one.index)
        logs = one.statement.content.get("logs")
        reached = logs if isinstance(logs, Mapping) else {}
        by_name = {log.folder.name: log for log in self.logs}
        sizes: dict[int, int] = {}  # by year
        for name, place in reached.items():
            size = one.whole(place["size"], "size")
            if found := YEAR_NAME.fullmatch(name):
                sizes[int(found["year"])] = size
            if name in by_name:
                yield from self._held(one, by_name[name], size, str(place["root"]))
        for log in self.logs:
            yield from self._over(log, sizes.get(log.year, 0))

    def _over(self, log: Verified, size: int) -> Iterator[Finding]:
        """No leaf from there on is marked."""
        if log.marked.last >= size:
            detail = "it is marked as from before the log, after that was over"
            yield _first(log, "backfill", detail, lambda at, leaf: leaf.backfilled and at >= size)

    def _held(self, one: Said, log: Verified, size: int, wanted: str) -> Iterator[Finding]:
        """The log was what it was stated to be when the backfill was closed."""
        assert log.head is not None  # only logs that were read stand here
        whole = log.head.checkpoint.size
        if size > whole:
            detail = f"{log.folder.name} is stated to have had {size} leaves, and has {whole}"
            yield Finding(self.name, "backfill", detail, one.index)
            return
        try:
            found = root(size, log.folder.reader(whole)) if size else EMPTY_ROOT
        except LogFault as fault:
            yield Finding(log.folder.name, fault.rule or "missing", fault.detail)
            return
        if found.hex() != wanted:
            detail = f"at {size} leaves {log.folder.name} is not what was stated"
            yield Finding(self.name, "backfill", detail, one.index)

    def _open(self, committed: Said) -> Iterator[Finding]:
        seen = [one.time for log in self.logs if log.figures for one in log.figures.cosigned]
        since = max(seen, default=0) - committed.at.timestamp()
        if since > PATIENCE.total_seconds():
            yield Finding(
                self.name, "backfill",
                "the log was begun more than a week ago, and leaves from before it may still come",
            )  # fmt: skip


def _first(log: Verified, rule: str, detail: str, bad: Callable[[int, Leaf], bool]) -> Finding:
    """Names the first bad leaf, for which the log is read again."""
    assert log.head is not None  # only logs that were read have leaves
    for bundle in bundles(log.head.checkpoint.size):
        try:
            entries = unpack(log.folder.content(bundle))
        except LogFault:
            continue  # it was blamed for that already
        for at, entry in enumerate(entries, bundle.start):
            if len(entry) == ENTRY_BYTES and entry[0] == VERSION and bad(at, Leaf.parse(entry)):
                return Finding(log.folder.name, rule, detail, at)
    return Finding(log.folder.name, rule, detail)
