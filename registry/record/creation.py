"""Creating records: many wishes in one transaction, each with its own verdict.

Rows go in by key order, each identifier once; what the database returns is new, and only that
counts. The rest is judged by what is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from registry.access.actor import Actor
from registry.database import Connection
from registry.errors import (
    BiaoshiError,
    IdentifierExists,
    IdentifierWithdrawn,
    PrefixNotFound,
    UnknownTemplate,
)
from registry.identifier import Identifier
from registry.leaf.leaf import Batch, owe
from registry.prefix import store as prefixes
from registry.prefix.prefix import Holding
from registry.record import permission, store
from registry.record.archive import Archive, Form
from registry.record.registration import Method, Outcome, Registration, Verdict
from registry.record.store import Action, Row
from registry.record.typed_data import Right
from registry.record.value import Value
from registry.template.compiled import Compiled


@dataclass(frozen=True, slots=True)
class Wish:
    """A registration that somebody wants made."""

    actor: Actor
    registration: Registration
    revive: bool = False


@dataclass(frozen=True, slots=True)
class _Item:
    """A wish on its way into the database."""

    position: int
    wish: Wish
    row: Row
    template: Compiled | None

    @property
    def generation(self) -> int | None:
        return None if self.template is None else self.template.generation

    @property
    def identifier(self) -> Identifier:
        return self.wish.registration.identifier


class Creation:
    """One transaction's creations."""

    def __init__(self, tx: Connection, form: Form) -> None:
        self._tx = tx
        self._form = form
        self._verdicts: dict[int, Verdict] = {}
        self._templates: dict[int, Compiled] = {}

    async def run(self, wishes: Sequence[Wish], method: Method) -> list[Verdict]:
        """The verdicts, in the order of the wishes."""
        for prefix_id, items in _by_prefix(await self._admit(wishes)).items():
            await self._insert(prefix_id, items, method)
            await self._judge(prefix_id, items)
        return [self._verdicts[position] for position in range(len(wishes))]

    async def _admit(self, wishes: Sequence[Wish]) -> list[_Item]:
        """The wishes that may be granted; the others get their verdicts."""
        self._templates = await self._form.shelf.use(self._tx, _templates(wishes))
        texts = [wish.registration.identifier.canonical_prefix for wish in wishes]
        holdings = await prefixes.holdings(self._tx, sorted(set(texts)))
        refusals: dict[tuple[str, str], BiaoshiError | None] = {}
        items = []
        for position, (wish, text) in enumerate(zip(wishes, texts, strict=True)):
            holding = holdings.get(text)
            asked = (text, wish.actor.name)
            if holding is not None and asked not in refusals:
                refusals[asked] = await self._refusal(wish.actor, holding)
            try:
                items.append(self._item(position, wish, holding, refusals.get(asked)))
            except BiaoshiError as error:
                self._refuse(position, wish.registration.identifier, error)
        return items

    async def _refusal(self, actor: Actor, holding: Holding) -> BiaoshiError | None:
        """Why this actor may not register under the prefix; None where it may."""
        try:
            archive = Archive(self._tx, self._form)
            await permission.require(Right.ADD_HANDLE, actor, holding, (), archive)
            holding.require_open()
        except BiaoshiError as error:
            return error
        return None

    def _item(
        self, position: int, wish: Wish, holding: Holding | None, refusal: BiaoshiError | None
    ) -> _Item:
        """Raises what the wish is refused with."""
        registration = wish.registration
        identifier = registration.identifier
        if holding is None:
            raise PrefixNotFound(
                f"the prefix {identifier.prefix} does not live here",
                field="handle",
                rule="prefix-not-found",
            )
        if refusal is not None:
            raise refusal
        template = template_of(registration, holding, self._templates)
        row = self._form.row(holding.prefix_id, identifier, registration.values, template)
        return _Item(position, wish, row, template)

    async def _insert(self, prefix_id: int, items: list[_Item], method: Method) -> None:
        """Insert what was never seen, each identifier once, in key order. A batch per actor."""
        first = {item.row.suffix: item for item in reversed(items)}
        actors = {item.wish.actor.name: item.wish.actor for item in first.values()}
        batches = dict(zip(actors, await store.batch_ids(self._tx, len(actors)), strict=True))
        items = [first[suffix] for suffix in sorted(first)]
        inserted = await store.insert(
            self._tx,
            prefix_id,
            [item.row for item in items],
            [batches[item.wish.actor.name] for item in items],
            method=method,
            batches=[(batches[name], actor) for name, actor in actors.items()],
        )
        await self._owe([first[suffix] for suffix in sorted(inserted)], batches, method)
        for suffix in inserted:
            item = first[suffix]
            batch = batches[item.wish.actor.name]
            self._verdicts[item.position] = Verdict(
                item.identifier, Outcome.CREATED, 1, batch, generation=item.generation
            )

    async def _owe(self, created: list[_Item], batches: dict[str, int], method: Method) -> None:
        """Leaves of what is new."""
        owed: dict[Batch, list[str]] = {}
        for item in created:
            actor = item.wish.actor.name
            batch = Batch(batches[actor], item.identifier.canonical_prefix, method, actor)
            owed.setdefault(batch, []).append(item.row.suffix)
        await owe(self._tx, self._form.leaves, owed)

    async def _judge(self, prefix_id: int, items: list[_Item]) -> None:
        """Compare what was there already with what was wished."""
        rest = [item for item in items if item.position not in self._verdicts]
        if not rest:
            return
        suffixes = sorted({item.row.suffix for item in rest})
        revive = any(item.wish.revive for item in rest)
        stored = await store.rows(self._tx, prefix_id, suffixes, lock=revive)
        for item in sorted(rest, key=lambda item: item.row.suffix):
            before = stored[item.row.suffix]
            if before.live or not item.wish.revive:
                self._verdicts[item.position] = self._compare(item, before)
                continue
            after = await store.change(self._tx, before, item.row, Action.REVIVED, item.wish.actor)
            stored[item.row.suffix] = after
            self._verdicts[item.position] = Verdict(
                item.identifier,
                Outcome.REVIVED,
                after.revision,
                after.batch_id,
                generation=item.generation,
            )

    def _compare(self, item: _Item, before: Row) -> Verdict:
        """The verdict on a registration whose identifier has a row already."""
        identifier = item.identifier
        if not before.live:
            error: BiaoshiError = IdentifierWithdrawn(
                f"{identifier} was withdrawn; ask for it to be revived if that is meant",
                field="handle",
                rule="identifier-withdrawn",
            )
        elif is_stored(self._form, item.wish.registration, item.template, before):
            return Verdict(
                identifier,
                Outcome.UNCHANGED,
                before.revision,
                before.batch_id,
                generation=item.generation,
            )
        else:
            error = IdentifierExists(
                f"{identifier} exists with other content", field="handle", rule="identifier-exists"
            )
        return Verdict(identifier, Outcome.REFUSED, before.revision, before.batch_id, error=error)

    def _refuse(self, position: int, identifier: Identifier, error: BiaoshiError) -> None:
        self._verdicts[position] = Verdict(identifier, Outcome.REFUSED, error=error)


def is_stored(
    form: Form, registration: Registration, template: Compiled | None, before: Row
) -> bool:
    """Whether a record has the content that is wished: the same template, and of its own the same
    values, whatever the template gave when they were stored."""
    wished, stored = registration.values, form.values(before)
    if template is None:
        return before.template_id is None and same(wished, stored)
    if template.template_id != before.template_id:
        return False
    own = template.own(stored, before.spelling)
    return same(template.own(wished, registration.identifier.suffix), own)


def same(one: Sequence[Value], other: Sequence[Value]) -> bool:
    """Whether two lists of values are the same content, whenever stored."""
    return len(one) == len(other) and all(
        left.same_content(right) for left, right in zip(one, other, strict=True)
    )


def template_of(
    registration: Registration, holding: Holding, templates: Mapping[int, Compiled]
) -> Compiled | None:
    """The template that a registration asks for. Raises UnknownTemplate unless it is one of the
    prefix's, and among those that may be used."""
    if registration.template_id is None:
        return None
    template = templates.get(registration.template_id)
    if template is None or template.prefix_id != holding.prefix_id:
        raise UnknownTemplate(
            f"{holding.prefix} has no such template", field="template", rule="unknown-template"
        )
    return template


def _templates(wishes: Iterable[Wish]) -> set[int]:
    return {
        wish.registration.template_id
        for wish in wishes
        if wish.registration.template_id is not None
    }


def _by_prefix(items: Iterable[_Item]) -> dict[int, list[_Item]]:
    """Items by prefix, prefixes in the order in which every transaction takes them."""
    groups: dict[int, list[_Item]] = {}
    for item in sorted(items, key=lambda item: (item.row.prefix_id, item.position)):
        groups.setdefault(item.row.prefix_id, []).append(item)
    return groups
