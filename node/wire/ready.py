"""Answers that are ready: to anonymous resolutions of cached records, without a task.

A request's body is its key: it holds the handle, indexes and types, and clients that ask for the
same send the same octets. An answer is good as long as the cache still has the very view of the
record it was made of, so what makes the cache forget a record makes this forget its answers.
"""

from __future__ import annotations

from node.wire.call import Line


class Ready:
    """Nothing is ready yet: every message takes the ordinary way."""

    def answer(self, octets: bytes, line: Line) -> bytes | None:
        """The whole answer to a whole message, None where it is not at hand."""
        return None

    def told(self) -> None:
        """The answer that was just asked for has been handed to the transport."""
