from __future__ import annotations

from datetime import date

import pytest

from metrics.year import flag
from metrics.year.numbers import Day, Share
from metrics.year.scan import Run, Seen
from metrics.year.store import Line


def _share(created: int, counted: int, related: bool = False) -> Share:
    return Share(
        enterprise_id=created,
        name=f"企业{created}",
        prefixes=[],
        industry="",
        related=related,
        created=created,
        counted=counted,
    )


def _line(prefix_id: int, created: int) -> Line:
    return Line(prefix_id, f"88.118.{prefix_id}", 1, "企业", "", False, created, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(("counted", "flagged"), [(400, False), (401, True)])
def test_a_peak_is_above_three_means_and_a_hundred(counted: int, flagged: bool) -> None:
    days = [Day(date(2026, 1, 1), 0, 0, 0, 0, counted)]
    # Of four days, so three means are three quarters of it.
    assert bool(list(flag.peaks(days, 4))) is flagged


@pytest.mark.parametrize(("one", "other", "flagged"), [(50, 50, False), (51, 49, True)])
def test_one_enterprise(one: int, other: int, flagged: bool) -> None:
    assert bool(list(flag.dominant([_share(one, 0), _share(other, 0)]))) is flagged


@pytest.mark.parametrize(("theirs", "flagged"), [(10, False), (11, True)])
def test_related_parties(theirs: int, flagged: bool) -> None:
    shares = [_share(100 - theirs, 1), _share(theirs, 0, related=True)]
    assert bool(list(flag.related(shares))) is flagged


@pytest.mark.parametrize(
    ("longest", "created", "flagged"),
    [(100, 100, False), (101, 101, True), (500, 1000, False), (501, 1000, True)],
)
def test_arithmetic_runs(longest: int, created: int, flagged: bool) -> None:
    assert bool(list(flag.runs([_line(1, created)], Seen(0, {1: longest})))) is flagged


@pytest.mark.parametrize(
    ("suffixes", "longest"),
    [
        (["SN0001", "SN0002", "SN0003"], 3),
        (["SN0001", "SN0003", "SN0005", "SN0006"], 3),
        (["A1", "B2", "C3"], 1),
        (["A1", "A02", "A03"], 2),
        (["X", "X", "Y"], 1),
        (["A1", "A2", "B1", "B2", "B3", "B4"], 4),
        (["9", "10"], 1),
        ([], 0),
    ],
)
def test_the_longest_run(suffixes: list[str], longest: int) -> None:
    run = Run()
    for suffix in suffixes:
        run.take(suffix)
    assert run.longest == longest
