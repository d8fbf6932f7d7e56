"""The Registrar: every surface's registrations and changes end here.

Create refuses what exists, put replaces, upsert changes by index. Whatever is answered with a
verdict other than `refused` has been committed. Only a create of a never-seen identifier counts
as a new registration; a tombstone is revived.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from registry.access.actor import Actor
from registry.database import Connection, Database
from registry.errors import (
    BiaoshiError,
    IdentifierExists,
    IdentifierNotFound,
    IdentifierWithdrawn,
    PrefixNotFound,
    RevisionMismatch,
    TooLarge,
    ValueExists,
    ValueNotFound,
)
from registry.identifier import Identifier
from registry.prefix import store as prefixes
from registry.prefix.prefix import Holding
from registry.record import permission, store
from registry.record.archive import Archive, Form
from registry.record.registration import Method, Outcome, Registration, Verdict
from registry.record.store import Action, Row
from registry.record.typed_data import Right
from registry.record.value import Value

MAX_LIST = 1000


@dataclass(frozen=True, slots=True)
class _Item:
    """A registration on its way into the database."""

    position: int
    registration: Registration
    row: Row


class Registrar:
    """Safe to share between tasks. Every method is one transaction; when it returns, its verdicts
    are durable."""

    def __init__(self, database: Database, form: Form) -> None:
        self._database = database
        self._form = form

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

        async def work(tx: Connection) -> list[Verdict]:
            verdicts: dict[int, Verdict] = {}
            items = await self._admit(tx, actor, registrations, verdicts)
            for prefix_id, group in _by_prefix(items).items():
                await self._create_group(tx, actor, prefix_id, group, method, revive, verdicts)
            return [verdicts[position] for position in range(len(registrations))]

        return await self._database.transaction(work)

    async def put(
        self,
        actor: Actor,
        registration: Registration,
        *,
        overwrite: bool = True,
        expected: int | None = None,
    ) -> Verdict:
        """Create, revive or replace a record. With `expected`, only the record's present revision
        is replaced. Without `overwrite`, an existing one is refused with IdentifierExists."""
        identifier = registration.identifier

        async def work(tx: Connection) -> Verdict:
            holding = await self._holding(tx, identifier)
            row = self._form.row(holding.prefix_id, identifier, registration.values)
            if expected is None and (created := await self._insert(tx, actor, holding, row)):
                return Verdict(identifier, Outcome.CREATED, 1, created)
            before = await self._locked(tx, holding, identifier)
            if not before.live:
                await self._require(tx, actor, holding, (), Right.ADD_HANDLE)
                _check_revision(before, expected)
                return await self._change(tx, actor, identifier, before, row, Action.REVIVED)
            if not overwrite:
                await self._require(tx, actor, holding, self._form.values(before), Right.ADD_HANDLE)
                raise IdentifierExists(
                    f"{identifier} exists", field="handle", rule="identifier-exists"
                )
            return await self._amend(
                tx, actor, holding, identifier, before, registration.values, expected
            )

        return await self._database.transaction(work)

    async def upsert(
        self,
        actor: Actor,
        identifier: Identifier,
        values: Sequence[Value],
        *,
        remove: Iterable[int] = (),
        overwrite: bool = True,
        expected: int | None = None,
    ) -> Verdict:
        """Change a record by index: set these values, remove those indexes.

        Raises ValueExists for a taken index without `overwrite`, ValueNotFound for an index to
        remove that is not there.
        """
        removed = set(remove)

        async def work(tx: Connection) -> Verdict:
            holding = await self._holding(tx, identifier)
            before = await self._locked(tx, holding, identifier)
            if not before.live:
                raise _not_found(identifier)
            old = {value.index: value for value in self._form.values(before)}
            await self._require(tx, actor, holding, old.values(), Right(0))
            _check_indexes(old.keys(), values, removed, overwrite)
            kept = {index: value for index, value in old.items() if index not in removed}
            after = kept | {value.index: value for value in values}
            ordered = tuple(after[index] for index in sorted(after))
            verdict = await self._amend(tx, actor, holding, identifier, before, ordered, expected)
            return replace(verdict, added=bool(after.keys() - old.keys()))

        return await self._database.transaction(work)

    async def withdraw(
        self, actor: Actor, identifier: Identifier, *, expected: int | None = None
    ) -> Verdict:
        """Withdraw an identifier: a tombstone stays, which no other content takes over unasked.

        Withdrawing again raises IdentifierNotFound.
        """

        async def work(tx: Connection) -> Verdict:
            holding = await self._holding(tx, identifier)
            before = await self._locked(tx, holding, identifier)
            if not before.live:
                raise _not_found(identifier)
            values = self._form.values(before)
            await self._require(tx, actor, holding, values, Right.DELETE_HANDLE)
            _check_revision(before, expected)
            after = replace(before, status=store.TOMBSTONE, public=None, private=None)
            return await self._change(tx, actor, identifier, before, after, Action.WITHDRAWN)

        return await self._database.transaction(work)

    async def _admit(
        self,
        tx: Connection,
        actor: Actor,
        registrations: Sequence[Registration],
        verdicts: dict[int, Verdict],
    ) -> list[_Item]:
        """Those registrations that this actor may make; the others get their verdicts."""
        texts = {registration.identifier.canonical_prefix for registration in registrations}
        holdings = await prefixes.holdings(tx, sorted(texts))
        refusals = {text: await self._refusal(tx, actor, holdings.get(text)) for text in texts}
        items = []
        for position, registration in enumerate(registrations):
            text = registration.identifier.canonical_prefix
            refusal = refusals[text] or _elsewhere(registration.identifier, holdings.get(text))
            if refusal:
                verdicts[position] = _refused(registration.identifier, refusal)
                continue
            try:
                row = self._form.row(
                    holdings[text].prefix_id, registration.identifier, registration.values
                )
            except TooLarge as error:
                verdicts[position] = _refused(registration.identifier, error)
                continue
            items.append(_Item(position, registration, row))
        return items

    async def _refusal(
        self, tx: Connection, actor: Actor, holding: Holding | None
    ) -> BiaoshiError | None:
        """Why this actor may not register under the prefix; None where it may."""
        if holding is None:
            return None  # refused by name, for each identifier
        try:
            await self._require(tx, actor, holding, (), Right.ADD_HANDLE)
        except BiaoshiError as error:
            return error
        return None

    async def _create_group(
        self,
        tx: Connection,
        actor: Actor,
        prefix_id: int,
        group: list[_Item],
        method: Method,
        revive: bool,
        verdicts: dict[int, Verdict],
    ) -> None:
        """Insert one prefix's items, each suffix once, in key order; judge the rest by what is
        stored."""
        first = {item.row.suffix: item for item in reversed(group)}
        ordered = [first[suffix].row for suffix in sorted(first)]
        batch_id, inserted = await store.insert(tx, prefix_id, ordered, method=method, actor=actor)
        for suffix in inserted:
            item = first[suffix]
            verdicts[item.position] = Verdict(
                item.registration.identifier, Outcome.CREATED, 1, batch_id
            )
        rest = [item for item in group if item.position not in verdicts]
        if not rest:
            return
        suffixes = sorted({item.row.suffix for item in rest})
        stored = await store.rows(tx, prefix_id, suffixes, lock=revive)
        for item in sorted(rest, key=lambda item: item.row.suffix):
            before = stored[item.row.suffix]
            verdict = self._compare(item.registration, before)
            if revive and not before.live:
                verdict = await self._change(
                    tx, actor, item.registration.identifier, before, item.row, Action.REVIVED
                )
                stored[item.row.suffix] = replace(
                    item.row, revision=verdict.revision, batch_id=verdict.batch
                )
            verdicts[item.position] = verdict

    def _compare(self, registration: Registration, before: Row) -> Verdict:
        """The verdict on a registration whose identifier has a row already."""
        identifier = registration.identifier
        if not before.live:
            error: BiaoshiError = IdentifierWithdrawn(
                f"{identifier} was withdrawn; ask for it to be revived if that is meant",
                field="handle",
                rule="identifier-withdrawn",
            )
            return _refused(identifier, error, before)
        if _same(registration.values, self._form.values(before)):
            return Verdict(identifier, Outcome.UNCHANGED, before.revision, before.batch_id)
        error = IdentifierExists(
            f"{identifier} exists with other content", field="handle", rule="identifier-exists"
        )
        return _refused(identifier, error, before)

    async def _insert(self, tx: Connection, actor: Actor, holding: Holding, row: Row) -> int | None:
        """Insert one row if the identifier was never seen; its batch."""
        if row.suffix in await store.rows(tx, holding.prefix_id, [row.suffix]):
            return None
        await self._require(tx, actor, holding, (), Right.ADD_HANDLE)
        batch_id, inserted = await store.insert(
            tx, holding.prefix_id, [row], method=Method.SINGLE, actor=actor
        )
        return batch_id if inserted else None

    async def _amend(
        self,
        tx: Connection,
        actor: Actor,
        holding: Holding,
        identifier: Identifier,
        before: Row,
        values: tuple[Value, ...],
        expected: int | None,
    ) -> Verdict:
        """Give a live, locked record these values. Values that stay the same keep their time."""
        old = self._form.values(before)
        await self._require(tx, actor, holding, old, permission.needed_for(old, values))
        permission.check_writable(old, values)
        _check_revision(before, expected)
        if _same(values, old):
            return Verdict(identifier, Outcome.UNCHANGED, before.revision, before.batch_id)
        after = self._form.filled(before, _keeping_times(old, values))
        return await self._change(tx, actor, identifier, before, after, Action.AMENDED)

    async def _change(
        self,
        tx: Connection,
        actor: Actor,
        identifier: Identifier,
        before: Row,
        after: Row,
        action: Action,
    ) -> Verdict:
        row = await store.change(tx, before, after, action, actor)
        return Verdict(identifier, Outcome[action.name], row.revision, row.batch_id)

    async def _require(
        self,
        tx: Connection,
        actor: Actor,
        holding: Holding,
        values: Iterable[Value],
        needed: Right,
    ) -> None:
        """Raise unless the actor has some right here and all that are needed, and the prefix is
        open. An operator may act on a closed prefix: what it may do is taking down."""
        values = tuple(values)
        archive = Archive(tx, self._form)
        await permission.require(needed, actor, holding, values, archive)
        if not actor.operator:
            holding.require_open()

    async def _holding(self, tx: Connection, identifier: Identifier) -> Holding:
        text = identifier.canonical_prefix
        holding = (await prefixes.holdings(tx, [text])).get(text)
        if holding is None:
            raise _prefix_not_found(identifier)
        return holding

    async def _locked(self, tx: Connection, holding: Holding, identifier: Identifier) -> Row:
        suffix = identifier.canonical_suffix(self._form.case_sensitive)
        row = (await store.rows(tx, holding.prefix_id, [suffix], lock=True)).get(suffix)
        if row is None:
            raise _not_found(identifier)
        return row


def _by_prefix(items: list[_Item]) -> dict[int, list[_Item]]:
    """Items by prefix, prefixes in the order in which every transaction takes them."""
    groups: dict[int, list[_Item]] = {}
    for item in sorted(items, key=lambda item: (item.row.prefix_id, item.position)):
        groups.setdefault(item.row.prefix_id, []).append(item)
    return groups


def _same(one: Sequence[Value], other: Sequence[Value]) -> bool:
    return len(one) == len(other) and all(
        left.same_content(right) for left, right in zip(one, other, strict=True)
    )


def _keeping_times(old: Sequence[Value], new: Sequence[Value]) -> tuple[Value, ...]:
    before = {value.index: value for value in old}

    def kept(value: Value) -> Value:
        was = before.get(value.index)
        return was if was and was.same_content(value) else value

    return tuple(kept(value) for value in new)


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


def _check_revision(before: Row, expected: int | None) -> None:
    if expected is not None and before.revision != expected:
        raise RevisionMismatch(
            f"the record is at revision {before.revision}, not {expected}",
            field="If-Match",
            rule="revision",
        )


def _refused(identifier: Identifier, error: BiaoshiError, row: Row | None = None) -> Verdict:
    if row is None:
        return Verdict(identifier, Outcome.REFUSED, error=error)
    return Verdict(identifier, Outcome.REFUSED, row.revision, row.batch_id, error=error)


def _elsewhere(identifier: Identifier, holding: Holding | None) -> BiaoshiError | None:
    return _prefix_not_found(identifier) if holding is None else None


def _prefix_not_found(identifier: Identifier) -> PrefixNotFound:
    return PrefixNotFound(
        f"the prefix {identifier.prefix} does not live here",
        field="handle",
        rule="prefix-not-found",
    )


def _not_found(identifier: Identifier) -> IdentifierNotFound:
    return IdentifierNotFound(f"there is no {identifier}", field="handle", rule="not-found")
