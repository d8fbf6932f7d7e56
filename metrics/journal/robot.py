"""The published list of robots: COUNTER's, as the COUNTER-Robots project releases it.

One regular expression a line, looked for anywhere in the user agent, whatever the case. The list is
pinned: reports name its version and its hash, and a list that was changed by hand is refused.
"""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files

VERSION = "COUNTER-Robots 2025.11"
SHA256 = "179a20d3ee8f90e714424b7d82de972db954807a24788bb5d128cd2e2a058808"
_FILE = "counter-robots-2025.11.txt"


class ListAltered(Exception):
    """The list is not the one that was published."""


class Robots:
    """Tells robots by their user agent."""

    def __init__(self, patterns: bytes) -> None:
        self.sha256 = hashlib.sha256(patterns).hexdigest()
        lines = patterns.decode().splitlines()
        self._pattern = re.compile("|".join(f"(?:{line})" for line in lines), re.IGNORECASE)

    @classmethod
    def published(cls) -> Robots:
        """The pinned list. Raises ListAltered."""
        content = files("metrics.journal").joinpath("robots", _FILE).read_bytes()
        robots = cls(content)
        if robots.sha256 != SHA256:
            raise ListAltered(f"{_FILE} is not the list of {VERSION}")
        return robots

    def names(self, agent: str) -> bool:
        """Whether the list has this user agent."""
        return self._pattern.search(agent) is not None
