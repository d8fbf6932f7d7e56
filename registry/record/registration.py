"""What is asked of the Registrar, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from registry.errors import BiaoshiError
from registry.identifier import Identifier
from registry.record.tag import Tag
from registry.record.value import Value


class Method(IntEnum):
    """How registrations came in; certified reports show new ones by method."""

    SINGLE = 1
    BATCH = 2
    STREAM = 3
    BLOCK = 4
    UPLOAD = 5
    IMPORT = 6


class Outcome(StrEnum):
    CREATED = "created"  # never seen before: the only outcome that counts as a new registration
    UNCHANGED = "unchanged"  # it was there with this content
    REVIVED = "revived"  # it had been withdrawn
    AMENDED = "amended"
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"


# What these leave behind is not what was there before; memories of it are outdated.
CHANGED = frozenset({Outcome.REVIVED, Outcome.AMENDED, Outcome.WITHDRAWN})


@dataclass(frozen=True, slots=True)
class Registration:
    """An identifier with the whole of its values, normalised. With a data template, whose rules
    they obey, what it gives may be left out."""

    identifier: Identifier
    values: tuple[Value, ...]
    template_id: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one item. `revision` numbers the record's states, from 1; `generation` is that
    of its data template; `batch` is the batch that first registered it; `added` tells whether a
    value got an index not used before."""

    identifier: Identifier
    outcome: Outcome
    revision: int = 0
    batch: int = 0
    added: bool = False
    error: BiaoshiError | None = None
    generation: int | None = None

    @property
    def tag(self) -> Tag:
        return Tag(self.revision, self.generation)
