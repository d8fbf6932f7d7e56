"""Changes by the thousand: records amended or withdrawn in one transaction, each with its verdict.

Same rights, same history as changes one by one. Rows are locked and written a set at a time, in key
order. Sending again is safe: what is so already is `unchanged`, and an index to remove that is not
there is removed already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from registry.access.actor import Actor
from registry.change.notice import Notice, Tell, to_nobody
from registry.database import Connection, Database
from registry.errors import BiaoshiError
from registry.identifier import Identifier
from registry.prefix import store as prefixes
from registry.prefix.prefix import Holding
from registry.record import store
from registry.record.amendment import (
    Record,
    amended,
    by_index,
    generation_of,
    not_found,
    prefix_not_found,
    require,
)
from registry.record.archive import Archive, Form
from registry.record.registration import CHANGED, Outcome, Verdict
from registry.record.store import Action, Row
from registry.record.typed_data import Right
from registry.record.value import Value
from registry.template.compiled import Compiled

TURN = 100  # records judged without letting other tasks have their turn


class Amendment(NamedTuple):
    """Values to set, by their index, and indexes to remove."""

    identifier: Identifier
    values: tuple[Value, ...]
    remove: frozenset[int] = frozenset()


class Withdrawal(NamedTuple):
    identifier: Identifier


Change = Amendment | Withdrawal


class _Undone(Exception):
    """Ends a transaction that must leave nothing behind."""

    def __init__(self, verdicts: list[Verdict]) -> None:
        self.verdicts = verdicts


class Changes:
    """Safe to share between tasks. Every call is one transaction; when it returns, its verdicts are
    durable."""

    def __init__(self, database: Database, form: Form, tell: Tell = to_nobody) -> None:
        """`tell` hears of changes as soon as they are committed, before their caller."""
        self._database = database
        self._form = form
        self._tell = tell

    async def make(
        self, actor: Actor, changes: Sequence[Change], *, dry_run: bool = False
    ) -> list[Verdict]:
        """The verdicts, in the order of the changes. An identifier that is named again is changed
        again. A dry run gives the same verdicts and changes nothing."""

        async def work(tx: Connection) -> list[Verdict]:
            verdicts = await _Run(tx, self._form, actor).all(changes)
            if dry_run:
                raise _Undone(verdicts)
            return verdicts

        try:
            verdicts = await self._database.transaction(work)
        except _Undone as undone:
            return undone.verdicts
        self._tell(Notice(identifiers=tuple(self._changed(verdicts))))
        return verdicts

    def _changed(self, verdicts: Sequence[Verdict]) -> Iterator[str]:
        for verdict in verdicts:
            if verdict.outcome in CHANGED:
                yield verdict.identifier.canonical(self._form.case_sensitive)


@dataclass(frozen=True, slots=True)
class _Item:
    """A change on its way, with its place among all."""

    place: int
    suffix: str
    change: Change


class _Run:
    """One transaction. The rights that rest on other records are those at its start."""

    def __init__(self, tx: Connection, form: Form, actor: Actor) -> None:
        self._tx = tx
        self._form = form
        self._actor = actor
        self._archive = Archive(tx, form, remember=True)
        self._templates: dict[int, Compiled] = {}
        self._verdicts: dict[int, Verdict] = {}

    async def all(self, changes: Sequence[Change]) -> list[Verdict]:
        by_prefix: dict[str, list[_Item]] = {}
        for place, change in enumerate(changes):
            suffix = change.identifier.canonical_suffix(self._form.case_sensitive)
            items = by_prefix.setdefault(change.identifier.canonical_prefix, [])
            items.append(_Item(place, suffix, change))
        holdings = await prefixes.holdings(self._tx, sorted(by_prefix))
        for text in by_prefix.keys() - holdings.keys():
            for item in by_prefix[text]:
                self._refuse(item, prefix_not_found(item.change.identifier))
        for holding in sorted(holdings.values(), key=lambda one: one.prefix_id):
            await self._prefix(holding, by_prefix[holding.prefix])
        return [self._verdicts[place] for place in range(len(changes))]

    async def _prefix(self, holding: Holding, items: list[_Item]) -> None:
        suffixes = sorted({item.suffix for item in items})
        rows = await store.rows(self._tx, holding.prefix_id, suffixes, lock=True)
        await self._read_templates(rows.values())
        for some in _rounds(items):
            await self._round(holding, rows, some)

    async def _round(self, holding: Holding, rows: dict[str, Row], items: list[_Item]) -> None:
        """Make changes of different records; `rows` are then as they become."""
        decided: dict[Action, list[tuple[_Item, Row, Row]]] = {}
        for count, item in enumerate(items, 1):
            if count % TURN == 0:
                await asyncio.sleep(0)
            row = rows.get(item.suffix)
            try:
                action, after = await self._judge(holding, item, row)
            except BiaoshiError as error:
                self._refuse(item, error)
                continue
            assert row is not None  # there is no verdict but a refusal on what is not there
            if after is None:
                self._note(item, Outcome.UNCHANGED, row)
            else:
                decided.setdefault(action, []).append((item, row, after))
        for action, steps in decided.items():
            steps.sort(key=lambda step: step[0].suffix)
            pairs = [(before, after) for _, before, after in steps]
            written = await store.change_many(self._tx, pairs, action, self._actor)
            for (item, _, _), row in zip(steps, written, strict=True):
                rows[item.suffix] = row
                self._note(item, Outcome[action.name], row)

    async def _judge(
        self, holding: Holding, item: _Item, row: Row | None
    ) -> tuple[Action, Row | None]:
        """What is to be done, and the row that comes of it; None where it is so already. Raises
        what the change is refused with."""
        identifier, change = item.change.identifier, item.change
        if row is None:
            raise not_found(identifier)
        template = None if row.template_id is None else self._templates[row.template_id]
        record = Record(holding, identifier, row, template, self._form.whole(row, template))
        if isinstance(change, Withdrawal):
            return Action.WITHDRAWN, await self._withdrawn(record)
        if not row.live:
            raise not_found(identifier)
        await self._require(record, Right(0))  # before anything is told of what is stored
        removed = change.remove & {value.index for value in record.values}
        values = by_index(self._form, record, change.values, removed)
        after = await amended(self._form, self._archive, self._actor, record, values, template)
        return Action.AMENDED, after

    async def _withdrawn(self, record: Record) -> Row | None:
        await self._require(record, Right.DELETE_HANDLE)
        if not record.row.live:
            return None
        return replace(record.row, live=False, public=None, private=None, template_id=None)

    async def _require(self, record: Record, needed: Right) -> None:
        await require(self._archive, self._actor, record.holding, record.values, needed)

    async def _read_templates(self, rows: Iterable[Row]) -> None:
        wanted = {row.template_id for row in rows if row.template_id is not None}
        for template_id in sorted(wanted - self._templates.keys()):
            self._templates[template_id] = await self._form.shelf.current(self._tx, template_id)

    def _note(self, item: _Item, outcome: Outcome, row: Row) -> None:
        template = None if row.template_id is None else self._templates[row.template_id]
        self._verdicts[item.place] = Verdict(
            item.change.identifier,
            outcome,
            row.revision,
            row.batch_id,
            generation=generation_of(template),
        )

    def _refuse(self, item: _Item, error: BiaoshiError) -> None:
        # Its traceback would keep the whole chunk alive.
        error = error.with_traceback(None)
        self._verdicts[item.place] = Verdict(item.change.identifier, Outcome.REFUSED, error=error)


def _rounds(items: Sequence[_Item]) -> Iterator[list[_Item]]:
    """Items in their order, so that no two of a round are of one record."""
    rest = items
    while rest:
        first: dict[str, _Item] = {}
        again = []
        for item in rest:
            if first.setdefault(item.suffix, item) is not item:
                again.append(item)
        yield list(first.values())
        rest = again
