from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.counting.day import SECOND
from metrics.counting.repeat import repeats
from metrics.journal.entry import RECORD, Records
from tests.metrics.counting.conftest import Ask, records


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
    flags = repeats(found)
    # Of several at one moment it does not matter which is the repeat, only how many are.
    for time in np.unique(found["time"]):
        here = found["time"] == time
        assert flags[here].sum() == np.array(_naive(found))[here].sum()


def test_the_auditors_vector() -> None:
    """15 pairs less than 30 s apart and 15 pairs more than 30 s apart make 45."""
    pairs = [
        Ask(1000 * number + gap * second, identifier=f"N{number}")
        for number in range(30)
        for second in (0, 1)
        for gap in [29.999 if number < 15 else 30.0]
    ]
    assert len(pairs) == 60
    assert (~repeats(records(pairs))).sum() == 45


def test_a_client_that_asks_every_29_seconds_counts_once() -> None:
    assert (~repeats(records([Ask(29 * number) for number in range(1000)]))).sum() == 1


def test_a_window_slides() -> None:
    assert repeats(records([Ask(0), Ask(20), Ask(40), Ask(70)])).tolist() == [
        False,
        True,
        True,
        False,
    ]


def test_others_do_not_matter() -> None:
    some = [Ask(0), Ask(1, client="bob"), Ask(2, identifier="B"), Ask(3)]
    assert repeats(records(some)).tolist() == [False, False, False, True]


def test_nothing_has_no_repeats() -> None:
    assert repeats(np.zeros(0, RECORD)).tolist() == []
