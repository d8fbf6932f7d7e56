"""Looking through a year's identifiers one by one: which were resolved, and whether they are one
long row of numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from metrics.year import store
from metrics.year.store import Line
from registry.database import Connection

_SERIAL = re.compile(r"(.*?)([0-9]{1,18})", re.DOTALL)


@dataclass(slots=True)
class Run:
    """The longest arithmetic run among suffixes that come in order: the same text, then numbers of
    the same length with equal steps."""

    longest: int = 0
    _head: str = ""
    _width: int = 0
    _last: int = 0
    _step: int = 0
    _length: int = 0

    def take(self, suffix: str) -> None:
        found = _SERIAL.fullmatch(suffix)
        head, digits = (found[1], found[2]) if found else (suffix, "")
        number = int(digits or 0)
        if found and head == self._head and len(digits) == self._width and self._length:
            step = number - self._last
            if self._length == 1 or step == self._step:
                self._length += 1
            else:
                self._length = 2
            self._step = step
        else:
            self._length = 1
        self._head, self._width, self._last = head, len(digits), number
        self.longest = max(self.longest, self._length)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of all the year's identifiers. `runs` are the longest by prefix."""

    resolved: int
    runs: dict[int, int]


async def scan(
    tx: Connection, lines: list[Line], start: date, end: date, digest: Callable[[str], bytes]
) -> Seen:
    """Look through all, some at a time; `digest` is the journal's. Takes some seconds a million,
    and no more memory however many there are."""
    resolved, runs = 0, {}
    for line in lines:
        if not line.created:
            continue
        counted = await store.any_resolved(tx, start.year, line.prefix_id)
        run = Run()
        async for suffixes in store.registered(tx, line.prefix_id, start, end):
            for suffix in suffixes:
                run.take(suffix)
            if counted:
                # In order, so that neighbours in the index are asked for together.
                wanted = sorted(shortened(digest(f"{line.prefix}/{one}")) for one in suffixes)
                resolved += await store.resolved(tx, start.year, line.prefix_id, end, wanted)
        runs[line.prefix_id] = run.longest
    return Seen(resolved, runs)


def shortened(digest: bytes) -> int:
    """The first eight bytes, as the tables have them."""
    return int.from_bytes(digest[:8], "little", signed=True)
