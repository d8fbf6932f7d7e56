from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from metrics.journal import entry
from metrics.journal.client import Caller
from metrics.journal.entry import Flag, Kind, Outcome, Surface, records_of
from metrics.journal.journal import Journal
from metrics.journal.loss import LossCollector
from metrics.journal.segment import read_header, read_records
from tests.metrics.journal.conftest import ANYONE, SMALL, Clock

A = b"A" * 16


def _note(journal: Journal, times: int = 1) -> None:
    for _ in range(times):
        journal.note(A, ANYONE, Outcome.FOUND, Surface.V1, prefix_id=3)


def test_a_record_holds_what_was_noted(journal: Journal, clock: Clock) -> None:
    clock.now = 5_000
    journal.note(A, ANYONE, Outcome.WITHDRAWN, Surface.SNMS, prefix_id=9, flags=Flag.RECURSIVE)
    (record,) = records_of(journal.stretch(0, 1).records)
    assert record["time"] == 5_000
    assert record["identifier"].tobytes() == A
    assert record["client"].tobytes() + record["address"].tobytes() == ANYONE.hashes
    assert (record["prefix"], record["party"]) == (9, 0)
    assert record["outcome"] == Outcome.WITHDRAWN
    assert record["surface"] == Surface.SNMS
    assert record["flags"] == Flag.RECURSIVE


def test_the_layout_is_the_one_on_disk() -> None:
    assert entry.RECORD.itemsize == entry.RECORD_BYTES == 72


def test_time_never_goes_back(journal: Journal, clock: Clock) -> None:
    for now in (50, 40, 60):
        clock.now = now
        _note(journal)
    assert records_of(journal.stretch(0, 3).records)["time"].tolist() == [50, 50, 60]


def test_a_mark_parts_older_records_from_younger_ones(journal: Journal, clock: Clock) -> None:
    _note(journal, 2)
    clock.now = 9_000
    assert journal.mark() == (2, 9_000)
    clock.now = 8_000
    _note(journal)
    assert records_of(journal.stretch(2, 3).records)["time"].tolist() == [9_000]


def test_canaries_are_marked(journal: Journal) -> None:
    journal.note(journal.digest("88.118.1/CANARY"), ANYONE, Outcome.FOUND, Surface.WIRE)
    assert records_of(journal.stretch(0, 1).records)["flags"].tolist() == [Flag.CANARY]


def test_it_goes_on_in_the_next_segment(journal: Journal, tmp_path: Path) -> None:
    _note(journal, 25)
    assert journal.position == 25
    assert len(records_of(journal.stretch(3, 25).records)) == 7  # up to the segment's end
    found = [(read_header(path), read_records(path)) for path in sorted(tmp_path.glob("*.journal"))]
    assert [header.position for header, _ in found] == [0, 10, 20]
    assert [len(records) // 72 for _, records in found] == [10, 10, 5]


def test_several_are_written_as_one_by_one(journal: Journal, tmp_path: Path, clock: Clock) -> None:
    """Though they go on in the next segments, and whatever they are."""
    keyed = Caller(bytes(32), Kind.OPERATOR, 5, Flag.KEYED)
    canary = journal.digest("88.118.1/CANARY")
    notes = [
        (A, ANYONE, Outcome.FOUND, Surface.V1, 3, 0),
        (canary, keyed, Outcome.WITHDRAWN, Surface.SNMS, 0, Flag.RECURSIVE),
    ] * 13
    journal.note_all(notes)
    journal.note_all([])
    (tmp_path / "other").mkdir()
    other = Journal(
        tmp_path / "other",
        node="node",
        writer=7,
        key=b"k" * 32,
        canaries=["88.118.1/CANARY"],
        clock=clock,
        segment_bytes=SMALL,
    )
    for identifier, caller, outcome, surface, prefix_id, flags in notes:
        other.note(identifier, caller, outcome, surface, prefix_id=prefix_id, flags=flags)
    other.close()
    written = [
        [(read_header(path), read_records(path)) for path in sorted(folder.glob("*.journal"))]
        for folder in (tmp_path, tmp_path / "other")
    ]
    assert written[0] == written[1]
    assert [header.position for header, _ in written[0]] == [0, 10, 20]
    assert sum(len(records) for _, records in written[0]) == 26 * 72


def test_a_segment_that_is_ready_is_taken(journal: Journal, tmp_path: Path) -> None:
    _note(journal, 6)
    journal.prepare()
    assert len(list(tmp_path.glob("*.journal"))) == 2
    _note(journal, 9)
    assert read_header(tmp_path / "000001.journal").position == 10
    assert len(list(tmp_path.glob("*.journal"))) == 2


def test_a_segment_may_end_early(journal: Journal) -> None:
    journal.rotate()
    _note(journal, 3)
    journal.rotate()
    _note(journal, 1)
    assert journal.position == 4
    assert len(records_of(journal.stretch(0, 4).records)) == 3
    assert len(records_of(journal.stretch(3, 4).records)) == 1


def test_what_was_shipped_is_forgotten(journal: Journal, tmp_path: Path) -> None:
    _note(journal, 25)
    gone = journal.let_go(20)
    assert [segment.header.position for segment in gone] == [0, 10]
    for segment in gone:
        segment.remove()
    assert [path.name for path in tmp_path.glob("*.journal")] == ["000002.journal"]
    assert len(records_of(journal.stretch(20, 25).records)) == 5


def test_without_room_records_are_lost_and_told(journal: Journal, tmp_path: Path) -> None:
    _note(journal, 10)
    (tmp_path / "000001.journal").mkdir()  # stands where the next file should
    _note(journal, 3)
    assert (journal.position, journal.lost) == (10, 3)
    (tmp_path / "000001.journal").rmdir()
    _note(journal)
    assert journal.lost == 4, "it is not tried for every answer"
    journal.prepare()
    _note(journal, 2)
    assert (journal.position, journal.lost) == (12, 4)
    registry = CollectorRegistry()
    registry.register(LossCollector(journal))
    assert b"biaoshi_journal_lost_records_total 4.0" in generate_latest(registry)


def test_a_torn_record_is_told(journal: Journal, tmp_path: Path) -> None:
    _note(journal, 4)
    path = tmp_path / "000000.journal"
    content = bytearray(path.read_bytes())
    content[512 + 3 * 72 + 20] ^= 1
    path.write_bytes(content)
    assert len(read_records(path)) == 3 * 72


WRITER = """
import os, sys
from pathlib import Path
from metrics.journal.client import Caller
from metrics.journal.entry import Kind, Outcome, Surface
from metrics.journal.journal import Journal
journal = Journal(Path(sys.argv[1]), node="node", writer=1, key=b"k" * 32)
caller = Caller(bytes(32), Kind.EXTERNAL, 0, 0)
for number in range(5000):
    journal.note(number.to_bytes(16, "big"), caller, Outcome.FOUND, Surface.V1)
os.write(1, b"noted")
os.kill(os.getpid(), 9)
"""


def test_what_was_noted_survives_the_process(tmp_path: Path) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert killed.stdout == b"noted"
    records = read_records(tmp_path / "000000.journal")
    numbers = [int.from_bytes(one.tobytes(), "big") for one in records_of(records)["identifier"]]
    assert numbers == list(range(5000))
