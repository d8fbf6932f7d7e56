"""Matching the leaves to the identifiers themselves, given K and a dump of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from metrics.log.fault import LogFault
from metrics.log.leaf import LeafKey
from metrics.log.verification.finding import Finding
from metrics.log.verification.verify import Verified
from registry.errors import InvalidIdentifier
from registry.identifier import Identifier

CHUNK = 50_000  # identifiers
MAX_FINDINGS = 20


class _Line(msgspec.Struct):
    """Of `biaoshi log export --dump`, or of an export of a prefix, whose last line says whether it
    is whole."""

    handle: str = ""
    imported: bool = False
    type: str = ""
    complete: bool = False


def identifiers(file: Path, *, case_sensitive: bool = False) -> Iterator[str]:
    """Canonical identifiers out of a text with one in each line: alone, or as the `handle` of an
    NDJSON export. Imported ones are left out, as they have no leaf. Raises LogFault naming the
    line."""
    decoder = msgspec.json.Decoder(_Line)
    with file.open("rb") as lines:
        for number, read in enumerate(lines, start=1):
            text = read.strip()
            if not text:
                continue
            try:
                line = decoder.decode(text) if text[:1] == b"{" else _Line(text.decode())
                if line.imported or (line.type == "export" and line.complete):
                    continue
                yield Identifier.parse(line.handle).canonical(case_sensitive)
            except (msgspec.DecodeError, UnicodeDecodeError, InvalidIdentifier) as error:
                raise LogFault(
                    f"{file} line {number}: {error}", field=str(file), rule="dump"
                ) from None


def match(logs: Sequence[Verified], key: LeafKey, dump: Iterable[str]) -> tuple[int, list[Finding]]:
    """How many identifiers have a leaf, and what has none on either side."""
    logs = [log for log in logs if log.tags is not None]
    marks = [np.zeros(len(log.tags), np.bool_) for log in logs if log.tags is not None]
    sums = np.zeros(4, np.uint64)
    matched = 0
    findings: list[Finding] = []
    source = iter(dump)
    while some := list(islice(source, CHUNK)):
        halves = _tags(key, some)
        times = np.zeros(len(some), np.uint8)
        for log, mark in zip(logs, marks, strict=True):
            assert log.tags is not None  # chosen so above
            times += _mark(log.tags, mark, halves[:, 0])
        found = times > 0
        sums += halves[found].sum(axis=0, dtype=np.uint64)
        matched += int(found.sum())
        for at in np.flatnonzero(~found)[: MAX_FINDINGS - len(findings)]:
            findings.append(Finding("dump", "no-leaf", f"{some[at]} has no leaf in these logs"))
        for at in np.flatnonzero(times > 1)[: MAX_FINDINGS - len(findings)]:
            detail = f"{some[at]} has leaves in {times[at]} logs: one identifier counted twice"
            findings.append(Finding("dump", "duplicate", detail))
    marked = sum(int(mark.sum()) for mark in marks)
    if matched > marked and not findings:
        detail = f"{matched} lines of the dump belong to {marked} leaves: some stand there twice"
        findings.append(Finding("dump", "duplicate", detail))
    for log, mark in zip(logs, marks, strict=True):
        if unmatched := int((~mark).sum()):
            detail = f"{unmatched} leaves belong to no identifier of the dump"
            findings.append(Finding(log.folder.name, "no-identifier", detail))
    whole = np.sum([log.sums for log in logs if log.sums is not None], axis=0, dtype=np.uint64)
    if not findings and not np.array_equal(sums, whole):
        findings.append(Finding("dump", "no-leaf", "the tags match in their first 8 bytes alone"))
    return matched, findings


def _tags(key: LeafKey, some: Sequence[str]) -> npt.NDArray[np.uint64]:
    joined = b"".join([key.tag(one) for one in some])
    return np.frombuffer(joined, ">u8").reshape(-1, 4).astype(np.uint64)


def _mark(
    tags: npt.NDArray[np.uint64], mark: npt.NDArray[np.bool_], wanted: npt.NDArray[np.uint64]
) -> npt.NDArray[np.bool_]:
    """Mark those of the sorted tags that are wanted; which of the wanted are there."""
    if not len(tags):
        return np.zeros(len(wanted), np.bool_)
    at = np.searchsorted(tags, wanted)
    at[at == len(tags)] = 0
    there: npt.NDArray[np.bool_] = tags[at] == wanted
    mark[at[there]] = True
    return there
