"""Readings: passages of the law that can be read in more than one way, where the money changes.

Each has a primary choice, what the words most naturally say, and another side. An assessment asks
`Readings.choose` wherever the two sides lead to different results, and nowhere else; so which
readings matter in a case shows by itself, and all their combinations can be walked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import TypeVar

import msgspec

T = TypeVar("T")


class Side(StrEnum):
    PRIMARY = "primary"
    OTHER = "other"


class Reading(msgspec.Struct, frozen=True):
    """A question the text leaves open, in Chinese as the report prints it."""

    id: str
    question: str
    primary: str
    other: str


class Readings:
    """The sides taken in one judgement, and which of them made a difference."""

    def __init__(self, known: Mapping[str, Reading], chosen: Mapping[str, Side]) -> None:
        unknown = set(chosen) - set(known)
        if unknown:
            raise KeyError(f"no such reading: {', '.join(sorted(unknown))}")
        self._known = known
        self._chosen = chosen
        self.consulted: list[str] = []  # in the order in which they mattered

    def choose(
        self, name: str, primary: T, other: T, *, by: Callable[[T], object] | None = None
    ) -> T:
        """The side taken. Sides that are equal (or equal `by` something) need no choice."""
        if name not in self._known:
            raise KeyError(f"no such reading: {name}")
        if primary == other or (by is not None and by(primary) == by(other)):
            return primary
        if name not in self.consulted:
            self.consulted.append(name)
        return other if self._chosen.get(name) is Side.OTHER else primary


def combinations(
    known: Mapping[str, Reading], judge: Callable[[Readings], T]
) -> Iterator[tuple[dict[str, Side], T]]:
    """Every outcome that some combination of sides leads to, each once, the primary one first.

    Only choices that were consulted branch, so that the walk is exact and short.
    """
    waiting: list[dict[str, Side]] = [{}]
    while waiting:
        chosen = waiting.pop()
        readings = Readings(known, chosen)
        yield chosen, judge(readings)
        before: dict[str, Side] = {}
        for name in readings.consulted:
            if name not in chosen:
                waiting.append(chosen | before | {name: Side.OTHER})
            before[name] = chosen.get(name, Side.PRIMARY)
