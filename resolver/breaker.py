"""Circuit breakers: a service that keeps failing is left alone for a while.

closed ── failures in a row ──> open ── seconds ──> half open: one request may try
   ^───────────── success ─────────────────────────────┘   (its failure opens it again)
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

FAILURES = 5
OPEN_SECONDS = 10.0
MAX_KNOWN = 10_000


@dataclass(slots=True)
class _State:
    failures: int = 0
    opened: float | None = None
    trying: bool = False


class Breakers:
    """One for each service, told apart by name. For one event loop; nothing here waits."""

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        failures: int = FAILURES,
        seconds: float = OPEN_SECONDS,
    ) -> None:
        self._clock = clock
        self._failures = failures
        self._seconds = seconds
        self._states: OrderedDict[str, _State] = OrderedDict()

    def __len__(self) -> int:
        return len(self._states)

    def admits(self, name: str) -> bool:
        """Whether the service may be asked. Who is admitted tells of success or failure."""
        state = self._states.get(name)
        if state is None or state.opened is None:
            return True
        if state.trying or self._clock() - state.opened < self._seconds:
            return False
        state.trying = True
        return True

    def succeeded(self, name: str) -> None:
        self._states.pop(name, None)

    def failed(self, name: str) -> None:
        state = self._states.setdefault(name, _State())
        self._states.move_to_end(name)
        state.failures += 1
        state.trying = False
        if state.failures >= self._failures:
            state.opened = self._clock()
        while len(self._states) > MAX_KNOWN:
            self._states.popitem(last=False)

    def left(self, name: str) -> None:
        """It was asked, and nobody waited for what came of it."""
        state = self._states.get(name)
        if state is not None:
            state.trying = False
