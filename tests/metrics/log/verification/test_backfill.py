"""Leaves that say they are from before the log, and what keeps others from saying so."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from loadtests.year import Writer, write_year
from metrics.log.leaf import rows
from metrics.log.merkle import leaf_hash
from metrics.log.statement import BACKFILL, Statement
from metrics.log.tile import pack, unpack
from metrics.log.tree import Tree
from registry.leaf.leaf import Batch
from registry.record.registration import Method
from tests.metrics.log.verification.test_tampering import (
    KEYS,
    START,
    YEAR,
    finding,
    leaf_key,
    said,
    say,
    verify,
)

BEGUN = START + timedelta(days=1)  # the commitment to K
OLD, NEW = 5, 7  # leaves from before and after it


def leaves(count: int, at: datetime, name: str, *, marked: bool) -> list[bytes]:
    key, batch = leaf_key(), Batch(1, "88.118.1", Method.SINGLE, "key:YEAR")
    material = key.material(batch, [f"{name}{number}" for number in range(count)])
    made = rows(key.blinded(batch.prefix), 1, at, material, backfilled=marked)
    return unpack(made.tobytes())


def write(export: Path, entries: Sequence[bytes], closing: Statement | None) -> None:
    """A log of these leaves, begun on the second day of the year, before which there were some."""
    shutil.rmtree(export / YEAR)
    log = Writer(export, YEAR, KEYS)
    log.add([leaf_hash(one) for one in entries], [pack([one]) for one in entries])
    log.checkpoint(BEGUN + timedelta(hours=2), final=True)
    first, keys, _, before, *_ = said(export)
    content = {**before.content, "created": sum(entry[1] for entry in entries)}
    content |= {"total": content["created"]}
    stated = [
        Statement(first.kind, BEGUN, first.content),
        keys,
        *([closing] if closing else []),
        Statement(before.kind, before.at, content),
    ]
    say(export, stated)


def closing(entries: Sequence[bytes], leaves: int) -> Statement:
    tree = Tree()
    tree.append([leaf_hash(one) for one in entries])
    logs = {YEAR: {"size": len(entries), "root": tree.root.hex()}}
    return Statement(BACKFILL, BEGUN + timedelta(hours=1), {"leaves": leaves, "logs": logs})


@pytest.fixture
def export(tmp_path: Path) -> Path:
    write_year(tmp_path / "export", 1, KEYS, days=1)
    return tmp_path / "export"


BEFORE = leaves(OLD, BEGUN - timedelta(hours=4), "OLD", marked=True)
AFTER = leaves(NEW, BEGUN + timedelta(minutes=40), "NEW", marked=False)


def test_an_honest_backfill_holds(export: Path) -> None:
    for entries in ([*BEFORE, *AFTER], [*AFTER[:2], *BEFORE, *AFTER[2:]]):
        write(export, entries, closing(entries[:7], OLD))
        result = verify(export, key=leaf_key())
        assert result.holds, result.findings
        assert result.logs[0].backfilled == OLD


def test_what_is_younger_than_the_log_is_not_from_before_it(export: Path) -> None:
    late = leaves(1, BEGUN + timedelta(minutes=30), "LATE", marked=True)
    entries = [*BEFORE, *late, *AFTER]
    write(export, entries, closing(entries[:6], OLD + 1))
    found = finding(verify(export), "backfill")
    assert (found.log, found.leaf) == (YEAR, OLD)
    assert "younger" in found.detail


def test_what_is_older_than_the_log_is_marked(export: Path) -> None:
    early = leaves(1, BEGUN - timedelta(hours=3), "EARLY", marked=False)
    entries = [*BEFORE, *early, *AFTER]
    write(export, entries, closing(entries[:6], OLD))
    found = finding(verify(export), "backfill")
    assert (found.log, found.leaf) == (YEAR, OLD)
    assert "not marked" in found.detail


def test_nothing_is_marked_after_the_backfill_was_closed(export: Path) -> None:
    entries = [*BEFORE[:-1], *AFTER, BEFORE[-1]]
    write(export, entries, closing(entries[:6], OLD))
    found = finding(verify(export), "backfill")
    assert (found.log, found.leaf) == (YEAR, len(entries) - 1)
    assert "after that was over" in found.detail


@pytest.mark.parametrize("stated", [OLD - 1, OLD + 1])
def test_as_many_are_marked_as_were_stated(export: Path, stated: int) -> None:
    write(export, [*BEFORE, *AFTER], closing(BEFORE, stated))
    found = finding(verify(export), "backfill")
    assert (found.log, found.leaf) == ("statements", 2)
    assert f"{stated} leaves are stated" in found.detail


def test_the_log_was_what_the_closing_says(export: Path) -> None:
    write(export, [*BEFORE, *AFTER], closing([*BEFORE[1:], BEFORE[0]], OLD))
    assert "is not what was stated" in finding(verify(export), "backfill").detail
    write(export, BEFORE, closing([*BEFORE, *AFTER], OLD))
    assert "is stated to have had 12" in finding(verify(export), "backfill").detail


def test_it_is_closed_once_and_within_a_week(export: Path) -> None:
    write(export, AFTER, None)
    assert not [one for one in verify(export).findings if one.rule == "backfill"]
    first, *rest = said(export)
    early = Statement(first.kind, BEGUN - timedelta(days=8), first.content)
    say(export, [early, *rest])
    assert "more than a week" in finding(verify(export), "backfill").detail
    closed = closing(AFTER, 0)
    say(export, [first, *rest, closed, closed])
    assert "second time" in finding(verify(export), "backfill").detail


def test_a_flag_that_nobody_knows(export: Path) -> None:
    odd = bytearray(AFTER[0])
    odd[1] = 2
    write(export, [*BEFORE, bytes(odd)], closing(BEFORE, OLD))
    found = finding(verify(export), "leaf")
    assert found.leaf == OLD
