"""Reception: how many large bodies may be under way at once, for one client and altogether."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from registry.errors import TooManyRequests

RETRY_SECONDS = 10


class Reception:
    """For the tasks of one event loop."""

    def __init__(self, *, each: int, altogether: int) -> None:
        self._each = each
        self._altogether = altogether
        self._present: Counter[Hashable] = Counter()

    @property
    def count(self) -> int:
        """How many are under way."""
        return self._present.total()

    @contextmanager
    def place(self, sender: Hashable) -> Iterator[None]:
        """Hold a place while the context lasts. Raises TooManyRequests where there is none."""
        if self._present[sender] >= self._each or self.count >= self._altogether:
            raise TooManyRequests(
                f"{self._present[sender]} such requests of this client are under way already, "
                f"{self.count} altogether",
                retry_after=RETRY_SECONDS,
            )
        self._present[sender] += 1
        try:
            yield
        finally:
            self._present[sender] -= 1
            self._present += Counter()  # drops who has left
