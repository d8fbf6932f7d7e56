"""The tag of a record's state, by which readers say which state they have read."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TAG = re.compile(r"([1-9][0-9]{0,9})(?:\.([1-9][0-9]{0,9}))?")


@dataclass(frozen=True, slots=True)
class Tag:
    """The revision, and for a record with a data template that template's generation: "3" or
    "3.7". Where a client leaves the generation out, it does not care for it."""

    revision: int
    generation: int | None = None

    @classmethod
    def parse(cls, text: str) -> Tag | None:
        """None where the text is no tag."""
        match = _TAG.fullmatch(text)
        if match is None:
            return None
        return cls(int(match[1]), int(match[2]) if match[2] else None)

    def fits(self, present: Tag) -> bool:
        """Whether a client that names this tag has read the present state."""
        return self.revision == present.revision and self.generation in (None, present.generation)

    def __str__(self) -> str:
        return (
            str(self.revision) if self.generation is None else f"{self.revision}.{self.generation}"
        )
