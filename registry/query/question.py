"""Questions: which identifiers of a prefix are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from registry.identifier import fold_case

# No suffix has a control character, and none has U+10FFFF, which is no character: so what is just
# above a suffix and what is above all can be said without leaving what PostgreSQL stores.
JUST_ABOVE = "\x01"
ABOVE_ALL = "\U0010ffff"


class State(StrEnum):
    LIVE = "live"
    WITHDRAWN = "withdrawn"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Span:
    """Suffixes in comparison form from `low`, included, to `end`, not included. They compare by
    code point, as PostgreSQL's "C" collation compares UTF-8."""

    low: str = ""
    end: str = ABOVE_ALL

    @property
    def empty(self) -> bool:
        return self.low >= self.end

    def after(self, suffix: str) -> Span:
        """What of the span lies above a suffix."""
        return Span(max(self.low, suffix + JUST_ABOVE), self.end) if suffix else self


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of a prefix; all that is given must hold. `first` and `last` are suffixes, both
    included, and `starts_with` is the beginning of one. Times are of the registration, `until` not
    included. `template` is a version."""

    prefix: str
    first: str = ""
    last: str | None = None
    starts_with: str = ""
    template: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    state: State = State.LIVE

    @property
    def texts(self) -> dict[str, str]:
        """What was given as text, by the names it is asked with."""
        return {
            "from": self.first,
            "to": self.last or "",
            "starts_with": self.starts_with,
            "template": self.template or "",
        }

    def span(self, case_sensitive: bool) -> Span:
        def form(text: str) -> str:
            return text if case_sensitive else fold_case(text)

        beginning = form(self.starts_with)
        end = following(beginning)
        if self.last is not None:
            end = min(end, form(self.last) + JUST_ABOVE)
        return Span(max(form(self.first), beginning), end)


def following(beginning: str) -> str:
    """The first text above all that begin so."""
    while beginning:
        last = ord(beginning[-1])
        beginning = beginning[:-1]
        if last < ord(ABOVE_ALL):
            above = 0xE000 if last == 0xD7FF else last + 1  # between them are no characters
            return beginning + chr(above)
    return ABOVE_ALL
