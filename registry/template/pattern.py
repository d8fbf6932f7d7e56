"""Patterns of values: text with `{prefix}`, `{suffix}` and `{handle}`, so that a million records
share one stored URL. `{suffix:url}` is percent-encoded, all but RFC 3986's unreserved characters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from registry.errors import InvalidTemplate

MAX_PATTERN = 1024  # characters
MAX_PLACEHOLDERS = 10

_PLACEHOLDER = re.compile(r"\{(prefix|suffix|handle)(:url)?\}")


@dataclass(frozen=True, slots=True)
class ValuePattern:
    """A valid pattern, taken apart: literal, placeholder, literal, …, literal."""

    literals: tuple[str, ...]
    placeholders: tuple[tuple[str, bool], ...]  # name, and whether it is percent-encoded

    @classmethod
    def parse(cls, text: str, field: str) -> ValuePattern:
        """Raises InvalidTemplate naming the field."""
        parts = _PLACEHOLDER.split(text)
        pattern = cls(
            tuple(parts[::3]), tuple(zip(parts[1::3], map(bool, parts[2::3]), strict=True))
        )
        if any(set(literal) & {"{", "}"} for literal in pattern.literals):
            raise InvalidTemplate(
                "placeholders are {prefix}, {suffix}, {handle}, or {suffix:url} and the like",
                field=field,
                rule="pattern-placeholder",
            )
        if len(text) > MAX_PATTERN or len(pattern.placeholders) > MAX_PLACEHOLDERS:
            raise InvalidTemplate(
                f"a pattern has at most {MAX_PATTERN} characters and {MAX_PLACEHOLDERS} "
                "placeholders",
                field=field,
                rule="pattern-length",
            )
        return pattern

    def fill(self, prefix: str, suffix: str) -> str:
        """The value of one identifier."""
        known = {"prefix": prefix, "suffix": suffix, "handle": f"{prefix}/{suffix}"}
        parts = [self.literals[0]]
        for (name, encoded), literal in zip(self.placeholders, self.literals[1:], strict=True):
            parts += (quote(known[name], safe="") if encoded else known[name], literal)
        return "".join(parts)
