"""What a benchmark tells."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A line of the result. `target` is what the project wants; it is told, not tested."""

    what: str
    value: str
    ratio: str = ""
    target: str = ""
