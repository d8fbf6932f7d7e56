"""Imports: operators bring identifiers over from another node.

They are counted as imported and never as new registrations: their batch says so, and they make no
leaf in the certified log. Each keeps the time of its first registration, which is what is shown.
Sending again is safe. What exists is left alone, and a tombstone is not revived.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from registry.access.actor import Actor
from registry.database import Connection, Database
from registry.errors import (
    BiaoshiError,
    IdentifierExists,
    IdentifierWithdrawn,
    InvalidInput,
    PrefixNotFound,
)
from registry.importing import store as origins
from registry.prefix import store as prefixes
from registry.prefix.prefix import Holding
from registry.record import store
from registry.record.archive import Form
from registry.record.bulk import Refusal, Tally
from registry.record.creation import is_stored, template_of
from registry.record.registration import Method, Outcome, Registration
from registry.record.store import Row
from registry.template.compiled import Compiled

TURN = 200  # records written down without letting other tasks have their turn
MAX_NODE = 128
OLDEST = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Arrival:
    """An identifier that is brought over, and the number of its line."""

    number: int
    registration: Registration
    registered_at: datetime


@dataclass(frozen=True, slots=True)
class Source:
    """Who brings identifiers over, and the node where they were registered."""

    actor: Actor
    node: str


class _Undone(Exception):
    """Ends a transaction that must leave nothing behind."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally


class Imports:
    """Safe to share between tasks. Every call is one transaction; when it returns, its verdicts
    are durable."""

    def __init__(self, database: Database, form: Form) -> None:
        self._database = database
        self._form = form

    async def bring(
        self, source: Source, arrivals: Sequence[Arrival], *, dry_run: bool = False
    ) -> Tally:
        """What became of each: `created` means imported. A dry run writes nothing."""
        source.actor.require_operator()

        async def work(tx: Connection) -> Tally:
            tally = await _Run(tx, self._form, source).all(arrivals)
            if dry_run:
                raise _Undone(tally)
            return tally

        try:
            return await self._database.transaction(work)
        except _Undone as undone:
            return undone.tally


def check_node(name: str) -> None:
    """Raise InvalidInput unless a node may be called so."""
    if not 1 <= len(name) <= MAX_NODE or not name.isprintable() or name != name.strip():
        raise InvalidInput(
            f"name the node it comes from in 1 to {MAX_NODE} printable characters",
            field="from",
            rule="node-name",
        )


def check_time(moment: datetime, now: datetime) -> None:
    """Raise InvalidInput unless something can have been registered elsewhere at this time."""
    if not OLDEST <= moment <= now:
        raise InvalidInput(
            "an identifier was first registered after 1999 and before now",
            field="registered_at",
            rule="registered-at-range",
        )


@dataclass(frozen=True, slots=True)
class _Item:
    """An arrival on its way into the database."""

    arrival: Arrival
    row: Row
    template: Compiled | None


class _Run:
    """One transaction."""

    def __init__(self, tx: Connection, form: Form, source: Source) -> None:
        self._tx = tx
        self._form = form
        self._source = source
        self._tally = Tally()

    async def all(self, arrivals: Sequence[Arrival]) -> Tally:
        by_prefix: dict[str, list[Arrival]] = {}
        for arrival in arrivals:
            text = arrival.registration.identifier.canonical_prefix
            by_prefix.setdefault(text, []).append(arrival)
        templates = await self._form.shelf.use(self._tx, _templates(arrivals))
        known = await prefixes.holdings(self._tx, sorted(by_prefix))
        for text in by_prefix.keys() - known.keys():
            self._refuse_all(by_prefix[text], _no_prefix(text))
        for holding in sorted(known.values(), key=lambda one: one.prefix_id):
            await self._prefix(holding, by_prefix[holding.prefix], templates)
        self._tally.refusals.sort()
        return self._tally

    async def _prefix(
        self, holding: Holding, arrivals: list[Arrival], templates: Mapping[int, Compiled]
    ) -> None:
        try:
            holding.require_open()
        except BiaoshiError as error:
            self._refuse_all(arrivals, error)
            return
        items = await self._items(holding, arrivals, templates)
        first: dict[str, _Item] = {}
        for item in items:
            first.setdefault(item.row.suffix, item)
        new = await self._insert(holding, first)
        rest = [
            item
            for item in items
            if item.row.suffix not in new or first[item.row.suffix] is not item
        ]
        await self._judge(holding, rest)

    async def _items(
        self, holding: Holding, arrivals: list[Arrival], templates: Mapping[int, Compiled]
    ) -> list[_Item]:
        """What can be written down, in the order of the lines; the rest is refused."""
        items = []
        for count, arrival in enumerate(arrivals, 1):
            registration = arrival.registration
            try:
                template = template_of(registration, holding, templates)
                row = self._form.row(
                    holding.prefix_id, registration.identifier, registration.values, template
                )
                items.append(_Item(arrival, row, template))
            except BiaoshiError as error:
                self._refuse(arrival, error)
            if count % TURN == 0:
                await asyncio.sleep(0)
        return items

    async def _insert(self, holding: Holding, first: Mapping[str, _Item]) -> set[str]:
        """Insert what was never seen, in key order; the suffixes that were."""
        if not first:
            return set()
        (batch_id,) = await store.batch_ids(self._tx, 1)
        new = await store.insert(
            self._tx,
            holding.prefix_id,
            [first[suffix].row for suffix in sorted(first)],
            [batch_id] * len(first),
            method=Method.IMPORT,
            batches=[(batch_id, self._source.actor)],
        )
        if new:
            times = {suffix: first[suffix].arrival.registered_at for suffix in sorted(new)}
            await origins.note(self._tx, holding.prefix_id, batch_id, self._source.node, times)
        self._tally.created += len(new)
        return new

    async def _judge(self, holding: Holding, items: list[_Item]) -> None:
        """Compare what was here already with what is brought."""
        if not items:
            return
        suffixes = sorted({item.row.suffix for item in items})
        stored = await store.rows(self._tx, holding.prefix_id, suffixes)
        times = await origins.times(self._tx, holding.prefix_id, suffixes)
        for count, item in enumerate(items, 1):
            suffix = item.row.suffix
            error = self._difference(item, stored[suffix], times.get(suffix))
            if error is None:
                self._tally.unchanged += 1
                self._tally.found[item.arrival.number] = Outcome.UNCHANGED
            else:
                self._refuse(item.arrival, error)
            if count % TURN == 0:
                await asyncio.sleep(0)

    def _difference(
        self, item: _Item, before: Row, registered_at: datetime | None
    ) -> BiaoshiError | None:
        """Why this is not what is here; None where it is."""
        registration = item.arrival.registration
        identifier = registration.identifier
        if not before.live:
            return IdentifierWithdrawn(
                f"{identifier} was withdrawn here: an import revives nothing",
                field="handle",
                rule="identifier-withdrawn",
            )
        if registered_at is None:
            told = f"{identifier} was registered at this node"
            return IdentifierExists(told, field="handle", rule="registered-here")
        if registered_at != item.arrival.registered_at:
            told = f"{identifier} was imported with another time of registration"
            return IdentifierExists(told, field="registered_at", rule="other-time")
        if not is_stored(self._form, registration, item.template, before):
            told = f"{identifier} exists with other content"
            return IdentifierExists(told, field="handle", rule="identifier-exists")
        return None

    def _refuse_all(self, arrivals: Iterable[Arrival], error: BiaoshiError) -> None:
        for arrival in arrivals:
            self._refuse(arrival, error)

    def _refuse(self, arrival: Arrival, error: BiaoshiError) -> None:
        # Its traceback would keep the whole chunk alive.
        error = error.with_traceback(None)
        identifier = arrival.registration.identifier
        self._tally.refusals.append(Refusal(arrival.number, identifier.text, error))


def _templates(arrivals: Iterable[Arrival]) -> set[int]:
    wanted = {arrival.registration.template_id for arrival in arrivals}
    return {template_id for template_id in wanted if template_id is not None}


def _no_prefix(text: str) -> PrefixNotFound:
    return PrefixNotFound(
        f"the prefix {text} does not live here", field="handle", rule="prefix-not-found"
    )
