"""A journal in a folder, under a clock that tests turn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from metrics.journal.client import Caller
from metrics.journal.entry import Kind
from metrics.journal.journal import Journal

SMALL = 512 + 10 * 72  # a segment of ten records
ANYONE = Caller(bytes(range(32)), Kind.EXTERNAL, 0, 0)


@dataclass
class Clock:
    now: int = 1_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(tmp_path: Path, clock: Clock) -> Iterator[Journal]:
    journal = Journal(
        tmp_path,
        node="node",
        writer=7,
        key=b"k" * 32,
        canaries=["88.118.1/CANARY"],
        clock=clock,
        segment_bytes=SMALL,
    )
    yield journal
    journal.close()
