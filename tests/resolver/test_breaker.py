"""A service that keeps failing is left alone, and tried again by one."""

from __future__ import annotations

import pytest

from resolver import breaker
from resolver.breaker import Breakers


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_opens_after_failures_in_a_row() -> None:
    clock = Clock()
    breakers = Breakers(clock, failures=3, seconds=10.0)
    for _ in range(2):
        breakers.failed("a")
    breakers.succeeded("a")
    for _ in range(3):
        assert breakers.admits("a")
        breakers.failed("a")
    assert not breakers.admits("a")
    assert breakers.admits("b")


def test_one_tries_again() -> None:
    clock = Clock()
    breakers = Breakers(clock, failures=1, seconds=10.0)
    breakers.failed("a")
    clock.now = 9.9
    assert not breakers.admits("a")
    clock.now = 10.0
    assert breakers.admits("a")
    assert not breakers.admits("a")
    breakers.failed("a")
    assert not breakers.admits("a")
    clock.now = 20.0
    assert breakers.admits("a")
    breakers.left("a")  # whoever tried went away
    assert breakers.admits("a")
    breakers.succeeded("a")
    assert breakers.admits("a")
    assert breakers.admits("a")
    assert len(breakers) == 0


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "MAX_KNOWN", 10)
    breakers = Breakers(Clock())
    for number in range(100):
        breakers.failed(str(number))
    assert len(breakers) == 10
