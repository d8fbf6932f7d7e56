from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.counting.day import SECOND
from metrics.counting.repeat import Chains
from metrics.journal.entry import RECORD, Records
from tests.metrics.counting.conftest import START, Ask, records


def _naive(found: Records) -> list[bool]:
    """The rule, word for word, one request after the other."""
    last: dict[tuple[bytes, bytes], int] = {}
    result = [False] * len(found)
    for index in sorted(range(len(found)), key=lambda one: found["time"][one]):
        record = found[index]
        pair = (record["identifier"].tobytes(), record["client"].tobytes())
        time = int(record["time"])
        result[index] = pair in last and time - last[pair] < 30 * SECOND
        last[pair] = time
    return result


OTHERS = set(Ask._fields) - {"at", "identifier", "client"}
asks = st.builds(
    Ask,
    at=st.one_of(
        st.integers(0, 200_000).map(lambda ms: ms / 1000),
        st.sampled_from([0.0, 29.999, 29.9999, 30.0, 30.0001, 59.999, 60.0]),
    ),
    identifier=st.sampled_from("ABC"),
    client=st.sampled_from("xy"),
    **{name: st.just(default) for name, default in Ask._field_defaults.items() if name in OTHERS},
)


@settings(deadline=None)
@given(st.lists(asks, max_size=60))
def test_the_rule_is_the_naive_one(some: list[Ask]) -> None:
    found = records(some)
    flags = Chains(found).repeats
    # Of several at one moment it does not matter which is the repeat, only how many are.
    for time in np.unique(found["time"]):
        here = found["time"] == time
        assert flags[here].sum() == np.array(_naive(found))[here].sum()


@settings(deadline=None)
@given(st.lists(asks, max_size=60), st.integers(0, 200))
def test_the_latest_requests_make_the_same_repeats_as_all(some: list[Ask], cut: int) -> None:
    found = records(some)
    found = found[np.argsort(found["time"], kind="stable")]
    before = found[found["time"] < START + cut * SECOND]
    after = found[len(before) :]
    latest = before[Chains(before).latest]
    pairs = {(one["identifier"].tobytes(), one["client"].tobytes()) for one in before}
    assert len(latest) == len(pairs)
    judged = Chains(np.concatenate([latest, after])).repeats[len(latest) :]
    assert judged.tolist() == Chains(found).repeats[len(before) :].tolist()


def test_pairs_that_sort_as_one_are_told_apart() -> None:
    """They are made so that the number by which pairs are sorted is the same."""
    found = records([Ask(second) for second in range(4)]).copy()
    halves = np.zeros((4, 2), np.uint64)
    halves[1::2, 0] = 1
    found["identifier"] = halves.view("V16")[:, 0]
    halves[1::2, 0] = np.uint64(2**64 - 0x9E3779B97F4A7C15)
    found["client"] = halves.view("V16")[:, 0]
    assert Chains(found).repeats.tolist() == [False, False, True, True]
    assert sorted(Chains(found).latest.tolist()) == [2, 3]


def test_the_auditors_vector() -> None:
    """15 pairs less than 30 s apart and 15 pairs more than 30 s apart make 45."""
    pairs = [
        Ask(1000 * number + gap * second, identifier=f"N{number}")
        for number in range(30)
        for second in (0, 1)
        for gap in [29.999 if number < 15 else 30.0]
    ]
    assert len(pairs) == 60
    assert (~Chains(records(pairs)).repeats).sum() == 45


def test_a_client_that_asks_every_29_seconds_counts_once() -> None:
    assert (~Chains(records([Ask(29 * number) for number in range(1000)])).repeats).sum() == 1


def test_a_window_slides() -> None:
    assert Chains(records([Ask(0), Ask(20), Ask(40), Ask(70)])).repeats.tolist() == [
        False,
        True,
        True,
        False,
    ]


def test_others_do_not_matter() -> None:
    some = [Ask(0), Ask(1, client="bob"), Ask(2, identifier="B"), Ask(3)]
    assert Chains(records(some)).repeats.tolist() == [False, False, False, True]


def test_nothing_has_no_repeats() -> None:
    assert Chains(np.zeros(0, RECORD)).repeats.tolist() == []
