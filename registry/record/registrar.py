"""The Registrar: every surface's registrations and changes end here.

Create refuses what exists, put replaces, upsert changes by index. Whatever is answered with a
verdict other than `refused` has been committed. Only a create of a never-seen identifier counts
as a new registration; a tombstone is revived.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import NoReturn

from registry.access.actor import Actor
from registry.change.notice import Notice, Tell, to_nobody
from registry.database import Connection, Database
from registry.errors import (
    IdentifierExists,
    ValueExists,
    ValueNotFound,
)
from registry.identifier import Identifier
from registry.leaf.leaf import Batch, owe
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
from registry.record.creation import Creation, Wish, template_of
from registry.record.registration import CHANGED, Method, Outcome, Registration, Verdict
from registry.record.store import Action, Row
from registry.record.tag import Tag
from registry.record.typed_data import Right
from registry.record.value import Value
from registry.template.compiled import Compiled, kept

MAX_LIST = 1000


class _Undone(Exception):
    """Ends a transaction that must leave nothing behind."""

    def __init__(self, verdicts: list[Verdict]) -> None:
        self.verdicts = verdicts


class Registrar:
    """Safe to share between tasks. Every method is one transaction; when it returns, its verdicts
    are durable."""

    def __init__(self, database: Database, form: Form, tell: Tell = to_nobody) -> None:
        """`tell` hears of changes as soon as they are committed, before their caller: what this
        process keeps in memory must not be older than what it has just answered."""
        self._database = database
        self._form = form
        self._tell = tell

    async def create(
        self,
        actor: Actor,
        registrations: Sequence[Registration],
        method: Method,
        *,
        revive: bool = False,
    ) -> list[Verdict]:
        """Register identifiers, each with its own verdict, in the order given.

        An identifier that exists with the same content is unchanged, so sending again is safe; one
        that was withdrawn is refused unless `revive`.
        """

        wishes = [Wish(actor, registration, revive) for registration in registrations]
        return await self.grant(wishes, method)

    async def grant(self, wishes: Sequence[Wish], method: Method) -> list[Verdict]:
        """Create what several actors wish for, in one transaction."""
        verdicts = await self._database.transaction(
            lambda tx: Creation(tx, self._form).run(wishes, method)
        )
        self._tell_of(verdicts)
        return verdicts

    async def rehearse(self, wishes: Sequence[Wish], method: Method) -> list[Verdict]:
        """The verdicts that `grant` would give. Nothing is written: the transaction is undone."""

        async def work(tx: Connection) -> NoReturn:
            raise _Undone(await Creation(tx, self._form).run(wishes, method))

        try:
            return await self._database.transaction(work)
        except _Undone as undone:
            return undone.verdicts

    async def put(
        self,
        actor: Actor,
        registration: Registration,
        *,
        overwrite: bool = True,
        expected: Tag | int | None = None,
    ) -> Verdict:
        """Create, revive or replace a record. With `expected`, only the record's present state
        is replaced. Without `overwrite`, an existing one is refused with IdentifierExists."""
        identifier = registration.identifier

        async def work(tx: Connection) -> Verdict:
            holding = await self._holding(tx, identifier)
            template = await self._template(tx, holding, registration)
            values = registration.values
            row = self._form.row(holding.prefix_id, identifier, values, template)
            if expected is None and (created := await self._insert(tx, actor, holding, row)):
                generation = generation_of(template)
                return Verdict(identifier, Outcome.CREATED, 1, created, generation=generation)
            record = await self._locked(tx, holding, identifier)
            if not record.row.live:
                await self._require(tx, actor, holding, (), Right.ADD_HANDLE)
                record.check(expected)
                return await self._change(tx, actor, record, row, Action.REVIVED, template)
            if not overwrite:
                await self._require(tx, actor, holding, record.values, Right.ADD_HANDLE)
                raise IdentifierExists(
                    f"{identifier} exists", field="handle", rule="identifier-exists"
                )
            if template is None and record.template is not None:
                values, template = kept(values, record.values, record.template)
            return await self._amend(tx, actor, record, values, template, expected)

        return await self._committed(work)

    async def upsert(
        self,
        actor: Actor,
        identifier: Identifier,
        values: Sequence[Value],
        *,
        remove: Iterable[int] = (),
        overwrite: bool = True,
        expected: Tag | int | None = None,
    ) -> Verdict:
        """Change a record by index: set these values, remove those indexes.

        Raises ValueExists for a taken index without `overwrite`, ValueNotFound for an index to
        remove that is not there.
        """
        removed = set(remove)

        async def work(tx: Connection) -> Verdict:
            record = await self._live(tx, identifier)
            await self._require(tx, actor, record.holding, record.values, Right(0))
            present = {value.index for value in record.values}
            _check_indexes(present, values, removed, overwrite)
            ordered = by_index(self._form, record, values, removed)
            verdict = await self._amend(tx, actor, record, ordered, record.template, expected)
            return replace(verdict, added=not {value.index for value in values} <= present)

        return await self._committed(work)

    async def withdraw(
        self, actor: Actor, identifier: Identifier, *, expected: Tag | int | None = None
    ) -> Verdict:
        """Withdraw an identifier: a tombstone stays, which no other content takes over unasked.

        Withdrawing again raises IdentifierNotFound.
        """

        async def work(tx: Connection) -> Verdict:
            record = await self._live(tx, identifier)
            await self._require(tx, actor, record.holding, record.values, Right.DELETE_HANDLE)
            record.check(expected)
            after = replace(record.row, live=False, public=None, private=None, template_id=None)
            return await self._change(tx, actor, record, after, Action.WITHDRAWN, None)

        return await self._committed(work)

    async def _committed(self, work: Callable[[Connection], Awaitable[Verdict]]) -> Verdict:
        verdict = await self._database.transaction(work)
        self._tell_of([verdict])
        return verdict

    def _tell_of(self, verdicts: Sequence[Verdict]) -> None:
        """A revived record was changed too: what was there before it was withdrawn, elsewhere and
        a moment ago, may still be in this process's memory."""
        changed = [verdict.identifier for verdict in verdicts if verdict.outcome in CHANGED]
        if changed:
            keys = [one.canonical(self._form.case_sensitive) for one in changed]
            self._tell(Notice(identifiers=tuple(keys)))

    async def _insert(self, tx: Connection, actor: Actor, holding: Holding, row: Row) -> int | None:
        """Insert one row if the identifier was never seen; its batch."""
        if row.suffix in await store.rows(tx, holding.prefix_id, [row.suffix]):
            return None
        await self._require(tx, actor, holding, (), Right.ADD_HANDLE)
        (batch_id,) = await store.batch_ids(tx, 1)
        inserted = await store.insert(
            tx,
            holding.prefix_id,
            [row],
            [batch_id],
            method=Method.SINGLE,
            batches=[(batch_id, actor)],
        )
        if not inserted:
            return None
        batch = Batch(batch_id, holding.prefix, Method.SINGLE, actor.name)
        await owe(tx, self._form.leaves, {batch: [row.suffix]})
        return batch_id

    async def _amend(
        self,
        tx: Connection,
        actor: Actor,
        record: Record,
        values: tuple[Value, ...],
        template: Compiled | None,
        expected: Tag | int | None,
    ) -> Verdict:
        """Give a live record these values."""
        archive = Archive(tx, self._form)
        after = await amended(self._form, archive, actor, record, values, template, expected)
        if after is None:
            return Verdict(
                record.identifier,
                Outcome.UNCHANGED,
                record.row.revision,
                record.row.batch_id,
                generation=generation_of(template),
            )
        return await self._change(tx, actor, record, after, Action.AMENDED, template)

    async def _change(
        self,
        tx: Connection,
        actor: Actor,
        record: Record,
        after: Row,
        action: Action,
        template: Compiled | None,
    ) -> Verdict:
        row = await store.change(tx, record.row, after, action, actor)
        return Verdict(
            record.identifier,
            Outcome[action.name],
            row.revision,
            row.batch_id,
            generation=generation_of(template),
        )

    async def _require(
        self,
        tx: Connection,
        actor: Actor,
        holding: Holding,
        values: Iterable[Value],
        needed: Right,
    ) -> None:
        await require(Archive(tx, self._form), actor, holding, values, needed)

    async def _holding(self, tx: Connection, identifier: Identifier) -> Holding:
        text = identifier.canonical_prefix
        holding = (await prefixes.holdings(tx, [text])).get(text)
        if holding is None:
            raise prefix_not_found(identifier)
        return holding

    async def _template(
        self, tx: Connection, holding: Holding, registration: Registration
    ) -> Compiled | None:
        wanted = registration.template_id
        templates = {} if wanted is None else await self._form.shelf.use(tx, [wanted])
        return template_of(registration, holding, templates)

    async def _live(self, tx: Connection, identifier: Identifier) -> Record:
        """A locked live record. Raises IdentifierNotFound."""
        record = await self._locked(tx, await self._holding(tx, identifier), identifier)
        if not record.row.live:
            raise not_found(identifier)
        return record

    async def _locked(self, tx: Connection, holding: Holding, identifier: Identifier) -> Record:
        suffix = identifier.canonical_suffix(self._form.case_sensitive)
        row = (await store.rows(tx, holding.prefix_id, [suffix], lock=True)).get(suffix)
        if row is None:
            raise not_found(identifier)
        template = None
        if row.template_id is not None:
            template = await self._form.shelf.current(tx, row.template_id)
        return Record(holding, identifier, row, template, self._form.whole(row, template))


def _check_indexes(
    present: Iterable[int], values: Sequence[Value], removed: set[int], overwrite: bool
) -> None:
    taken = set(present)
    if missing := removed - taken:
        raise ValueNotFound(
            f"there is no value with index {min(missing)}", field="index", rule="value-not-found"
        )
    clash = {value.index for value in values} & (taken - removed)
    if clash and not overwrite:
        raise ValueExists(f"Index conflict for {min(clash)}", field="index", rule="value-exists")
