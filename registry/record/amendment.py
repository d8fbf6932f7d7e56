"""Amending: what a change by index makes of a record, and whether its author may make it.

Pure but for the rights, which may rest on other records. One by one and by the thousand, changes
are decided here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from registry.access.actor import Actor
from registry.errors import IdentifierNotFound, PrefixNotFound, RevisionMismatch
from registry.identifier import Identifier
from registry.prefix.prefix import Holding
from registry.record import permission
from registry.record.archive import Archive, Form
from registry.record.creation import same
from registry.record.store import Row
from registry.record.tag import Tag
from registry.record.typed_data import Right
from registry.record.value import Value
from registry.template.compiled import Compiled


@dataclass(frozen=True, slots=True)
class Record:
    """A locked record, live or not, with what its template is now."""

    holding: Holding
    identifier: Identifier
    row: Row
    template: Compiled | None
    values: tuple[Value, ...]  # those from the template included

    @property
    def tag(self) -> Tag:
        return Tag(self.row.revision, generation_of(self.template))

    def check(self, expected: Tag | int | None) -> None:
        """Raise RevisionMismatch unless the record is in the state expected, if any is."""
        if expected is None:
            return
        tag = Tag(expected) if isinstance(expected, int) else expected
        if not tag.fits(self.tag):
            raise RevisionMismatch(
                f"the record is at revision {self.tag}, not {tag}",
                field="If-Match",
                rule="revision",
            )


def by_index(
    form: Form, record: Record, values: Sequence[Value], removed: Collection[int]
) -> tuple[Value, ...]:
    """What the record stores once these values are set and those indexes removed. Raises
    InvalidAttribute or InvalidValue where its template does not allow that."""
    own = {value.index: value for value in form.values(record.row)}
    if record.template is not None:
        record.template.check_removable(removed, own)
        values = record.template.check_values(values)
    after = {index: value for index, value in own.items() if index not in removed}
    after |= {value.index: value for value in values}
    return tuple(after[index] for index in sorted(after))


async def amended(
    form: Form,
    archive: Archive,
    actor: Actor,
    record: Record,
    values: tuple[Value, ...],
    template: Compiled | None,
    expected: Tag | int | None = None,
) -> Row | None:
    """The row with these values instead, of which those that stay the same keep their time; None
    where nothing changes. Raises unless the actor may do that."""
    before = record.row
    stored = _keeping_times(form.values(before), values)
    after = form.filled(before, stored, template)
    whole = form.whole(after, template)
    needed = permission.needed_for(record.values, whole)
    await require(archive, actor, record.holding, record.values, needed)
    permission.check_writable(record.values, whole)
    record.check(expected)
    if after.template_id == before.template_id and same(whole, record.values):
        return None
    return after


async def require(
    archive: Archive, actor: Actor, holding: Holding, values: Iterable[Value], needed: Right
) -> None:
    """Raise unless the actor has some right here and all that are needed, and the prefix is open.
    An operator may act on a closed prefix: what it may do is taking down."""
    await permission.require(needed, actor, holding, tuple(values), archive)
    if not actor.operator:
        holding.require_open()


def generation_of(template: Compiled | None) -> int | None:
    return None if template is None else template.generation


def prefix_not_found(identifier: Identifier) -> PrefixNotFound:
    return PrefixNotFound(
        f"the prefix {identifier.prefix} does not live here",
        field="handle",
        rule="prefix-not-found",
    )


def not_found(identifier: Identifier) -> IdentifierNotFound:
    return IdentifierNotFound(f"there is no {identifier}", field="handle", rule="not-found")


def _keeping_times(old: Sequence[Value], new: Sequence[Value]) -> tuple[Value, ...]:
    before = {value.index: value for value in old}

    def kept(value: Value) -> Value:
        was = before.get(value.index)
        return was if was and was.same_content(value) else value

    return tuple(kept(value) for value in new)
