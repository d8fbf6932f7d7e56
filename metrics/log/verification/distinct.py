"""That no identifier counts twice, in one year or in two.

Tags are compared by their first eight bytes, sorted; where two are alike the leaves themselves are
looked for, and compared whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from metrics.log.fault import LogFault
from metrics.log.leaf import ENTRY_BYTES, VERSION, Leaf
from metrics.log.tile import bundles, unpack
from metrics.log.verification.finding import Finding
from metrics.log.verification.verify import Verified

Tags = npt.NDArray[np.uint64]
CHUNK = 1 << 20


def duplicates(logs: Sequence[Verified]) -> list[Finding]:
    """The later leaf of every two that have one tag."""
    suspected: set[int] = set()
    for number, log in enumerate(logs):
        if log.tags is None:
            continue
        suspected |= {int(tag) for tag in _repeated(log.tags)}
        for other in logs[:number]:
            if other.tags is not None:
                suspected |= {int(tag) for tag in _shared(log.tags, other.tags)}
    return list(_located(logs, suspected)) if suspected else []


def _repeated(tags: Tags) -> Tags:
    found: Tags = tags[1:][tags[1:] == tags[:-1]]
    return found


def _shared(tags: Tags, others: Tags) -> Iterator[int]:
    """Those of the tags that stand among the others too, a chunk at a time to spare memory."""
    if not len(others):
        return
    for start in range(0, len(tags), CHUNK):
        chunk = tags[start : start + CHUNK]
        at = np.searchsorted(others, chunk)
        at[at == len(others)] = 0
        yield from chunk[others[at] == chunk].tolist()


def _located(logs: Sequence[Verified], suspected: set[int]) -> Iterator[Finding]:
    """Read the logs again for the leaves with suspected tags."""
    seen: dict[bytes, tuple[str, int]] = {}
    for log in logs:
        if log.tags is None or log.head is None:
            continue
        for index, tag in _leaves(log, suspected):
            if tag in seen:
                name, first = seen[tag]
                detail = f"it has the tag of leaf {first} of {name}: one identifier counted twice"
                yield Finding(log.folder.name, "duplicate", detail, index)
            else:
                seen[tag] = (log.folder.name, index)


def _leaves(log: Verified, suspected: set[int]) -> Iterator[tuple[int, bytes]]:
    assert log.head is not None  # only logs that were read have tags
    for bundle in bundles(log.head.checkpoint.size):
        try:
            entries = unpack(log.folder.content(bundle))
        except LogFault:
            continue  # it was blamed for that already
        for number, entry in enumerate(entries):
            if len(entry) != ENTRY_BYTES or entry[0] != VERSION:
                continue  # that too
            tag = Leaf.parse(entry).tag
            if int.from_bytes(tag[:8], "big") in suspected:
                yield bundle.start + number, tag
