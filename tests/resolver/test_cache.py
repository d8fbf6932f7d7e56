"""What the cache holds, for how long, and how much of it."""

from __future__ import annotations

import random
import sys
import tracemalloc

import pytest

from registry.change.notice import Notice
from resolver.cache import LARGEST, STALE_SECONDS, Cache, Held

KEY = "88.118.1/SN1"


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> Cache:
    cache = Cache(1 << 20, clock)
    cache.begin()
    return cache


def view(key: str = KEY, *, born: int, revision: int = 1, **more: object) -> Held:
    fields = {
        "values": b"[1]",
        "generation": None,
        "template_id": None,
        "prefix_id": 1,
        "mark": b"",
        "etag": b'"1"',
    } | more
    return Held(key=key, revision=revision, born=born, **fields)  # type: ignore[arg-type]


def test_nothing_is_given_before_changes_are_heard(clock: Clock) -> None:
    cache = Cache(1 << 20, clock)
    cache.hold(view(born=cache.moment))
    assert not cache.certain
    assert cache.get(KEY) is None
    assert len(cache) == 0


def test_what_is_held_is_given(cache: Cache) -> None:
    held = view(born=cache.moment)
    cache.hold(held)
    assert cache.get(KEY) is held
    assert cache.get("88.118.1/SN2") is None


@pytest.mark.parametrize(
    "notice",
    [
        Notice(identifiers=("88.118.1/OTHER", KEY)),
        Notice(prefixes=("88.118.1",)),
        Notice(templates=(6, 7)),
        Notice(everything=True),
        Notice.parse('{"of a newer version": 1}'),
        Notice.parse("no JSON"),
    ],
)
def test_a_change_ends_it(cache: Cache, notice: Notice) -> None:
    before = cache.moment
    cache.hold(view(born=before, template_id=7))
    cache.hear(notice)
    assert cache.get(KEY) is None
    # Nor is an answer taken in that was on its way at that moment,
    cache.hold(view(born=before, template_id=7))
    assert cache.get(KEY) is None
    # but one that was asked for afterwards is.
    cache.hold(view(born=cache.moment, template_id=7))
    assert cache.get(KEY) is not None


def test_what_else_changes_leaves_it(cache: Cache) -> None:
    cache.hold(view(born=cache.moment, template_id=7))
    cache.hear(Notice(identifiers=("88.118.1/SN2",), prefixes=("88.118.2",), templates=(8,)))
    assert cache.get(KEY) is not None


def test_an_earlier_state_never_replaces_a_later_one(cache: Cache) -> None:
    """Two queries overtake each other before the notice of the change between them is here."""
    born = cache.moment
    cache.hold(view(born=born, revision=2))
    cache.hold(view(born=born, revision=1))
    found = cache.get(KEY)
    assert found is not None
    assert found.revision == 2
    cache.hold(view(born=born, revision=2, generation=4))
    cache.hold(view(born=born, revision=2, generation=3))
    found = cache.get(KEY)
    assert found is not None
    assert found.generation == 4


def test_a_query_that_found_it_withdrawn_stops_earlier_ones(cache: Cache) -> None:
    born = cache.moment
    cache.hold(view(born=born))
    cache.absent(KEY)
    assert cache.get(KEY) is None
    cache.hold(view(born=born))
    assert cache.get(KEY) is None


def test_a_lost_connection_makes_it_stale_within_a_bound(cache: Cache, clock: Clock) -> None:
    cache.hold(view(born=cache.moment))
    assert cache.get_stale(KEY) is None  # it is not
    cache.lose()
    cache.lose()
    assert cache.get(KEY) is None
    assert cache.get_stale(KEY) is not None
    clock.now += STALE_SECONDS + 1
    assert cache.get_stale(KEY) is None


def test_connecting_again_empties_it(cache: Cache) -> None:
    born = cache.moment
    cache.hold(view(born=born))
    cache.lose()
    cache.begin()
    assert (cache.get(KEY), len(cache), cache.size) == (None, 0, 0)
    cache.hold(view(born=born))  # asked for while changes went unheard
    assert cache.get(KEY) is None


def test_a_change_is_heard_of_while_answers_are_stale(cache: Cache) -> None:
    cache.hold(view(born=cache.moment))
    cache.lose()
    cache.hear(Notice(identifiers=(KEY,)))
    assert cache.get_stale(KEY) is None


def test_least_recently_used_go_first() -> None:
    one = view("88.118.1/A", born=1).size
    cache = Cache(3 * one)
    cache.begin()
    for name in ("A", "B", "C"):
        cache.hold(view(f"88.118.1/{name}", born=cache.moment))
    cache.get("88.118.1/A")
    cache.hold(view("88.118.1/D", born=cache.moment))
    left = [name for name in "ABCD" if cache.get(f"88.118.1/{name}")]
    assert left == ["A", "C", "D"]


def test_very_large_records_are_not_held(cache: Cache) -> None:
    cache.hold(view(born=cache.moment, values=b" " * (LARGEST + 1)))
    assert len(cache) == 0


def test_size_is_what_is_counted(cache: Cache) -> None:
    chance = random.Random(1)
    for _ in range(2000):
        key = f"88.118.1/{chance.randrange(300)}"
        if chance.random() < 0.2:
            cache.change(key)
        else:
            values = b"x" * chance.randrange(3000)
            cache.hold(view(key, born=cache.moment, values=values))
        assert cache.size == sum(held.size for held in cache._held.values())
        assert cache.size <= cache.max_bytes


def test_memory_stays_within_its_bound_while_all_is_scanned() -> None:
    bound = 4 << 20
    cache = Cache(bound)
    cache.begin()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(60_000):
            values = b'[{"index":1,"type":"URL","data":"%d"}]' % number
            etag = b'"%d"' % number
            key = f"88.118.1/SN{number:09d}"
            cache.hold(view(key, born=cache.moment, values=values, etag=etag))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(cache) > 5000
    assert after - before <= bound * 1.05
    assert after - before > bound / 3, "the bound is used"
    assert sys.getsizeof(cache._held) < bound
