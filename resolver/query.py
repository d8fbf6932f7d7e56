"""The one vocabulary of resolution: what is asked, and what is answered from where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from registry.access.actor import Actor
from registry.identifier import Identifier
from registry.record.tag import Tag
from registry.record.value import Value, encode

MAX_FILTERS = 100


class Outcome(StrEnum):
    FOUND = "found"
    NO_VALUES = "no-values"  # the record is there, but none of its values pass the filter
    NOT_FOUND = "not-found"
    WITHDRAWN = "withdrawn"
    HIDDEN = "hidden"  # only an authenticated reader would see what was asked for


class Source(StrEnum):
    LOCAL = "local"
    RECURSIVE = "recursive"


@dataclass(frozen=True, slots=True)
class Query:
    """A resolution. Types and indexes filter the values: a value passes if either names it.

    A type ending in a dot stands for itself and all its subtypes; types compare without case.
    `public_only` false asks for an error rather than silence where values are hidden.
    """

    identifier: Identifier
    actor: Actor
    types: frozenset[str] = frozenset()
    indexes: frozenset[int] = frozenset()
    public_only: bool = True

    @property
    def plain(self) -> bool:
        """Whether the stored public text answers it as it is."""
        return self.actor.anonymous and self.public_only and not (self.types or self.indexes)

    def wants(self, value: Value) -> bool:
        if not (self.types or self.indexes):
            return True
        if value.index in self.indexes:
            return True
        name = value.type.upper()
        return any(
            name == wanted or (wanted.endswith(".") and f"{name}.".startswith(wanted))
            for wanted in (text.upper() for text in self.types)
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What a link of the chain found out. `values` is the JSON text of a list of handle values.

    `tag` names the state of a record of this node. `via` lists the services asked on the way, the
    last of which answered. `stale` says that the database is away, and this is what it said last.
    `prefix_id` is the number of a prefix of this node. `merged` says that others were asked what
    belongs behind the record's own values, so that the tag says nothing of the whole; `missing`
    names those of them that did not answer.
    """

    outcome: Outcome
    source: Source
    handle: str
    values: str = "[]"
    tag: Tag | None = None
    via: tuple[str, ...] = field(default=())
    stale: bool = False
    prefix_id: int = 0
    merged: bool = False
    missing: tuple[str, ...] = field(default=())

    @property
    def found(self) -> bool:
        return self.outcome is Outcome.FOUND

    @property
    def revision(self) -> int | None:
        return None if self.tag is None else self.tag.revision


def select(query: Query, values: Iterable[Value]) -> tuple[Outcome, str]:
    """Apply the query's filter: what it comes to, and the values' JSON text."""
    chosen = [value for value in values if query.wants(value)]
    return (Outcome.FOUND if chosen else Outcome.NO_VALUES), encode(chosen)
