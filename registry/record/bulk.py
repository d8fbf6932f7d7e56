"""Bulk registration: thousands of lines in one transaction, as cheaply as they allow.

Same rules and same verdicts as `creation`, but rows travel as tuples, the database recognises
identical content by its text, and only what differs from that is looked at one by one.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from registry.access.actor import Actor
from registry.change.notice import Notice, Tell, to_nobody
from registry.database import Connection, Database
from registry.errors import (
    BiaoshiError,
    IdentifierExists,
    IdentifierWithdrawn,
    PrefixNotFound,
)
from registry.identifier import Identifier
from registry.leaf.leaf import Batch, owe
from registry.prefix import store as prefixes
from registry.prefix.prefix import Holding
from registry.record import permission, store
from registry.record.archive import Archive, Form
from registry.record.creation import same
from registry.record.registration import Method, Outcome, Verdict
from registry.record.store import Action, Row
from registry.record.typed_data import Right
from registry.record.value import Value, decode, encode

# Only a real time stands like this: inside a string every quotation mark is escaped.
_TIMES = re.compile(r',"timestamp":"[^"]*"')

TURN = 250  # lines sealed or compared without letting other tasks have their turn


class Line(NamedTuple):
    """A registration on its way in. Lines sort by suffix, and the earlier of two equal ones first.

    `public` is the stored text where all values are public; otherwise `values` holds them, and
    `public` is empty.
    """

    suffix: str  # the comparison form
    number: int
    shown: str | None  # the spelling, where it differs
    public: str
    values: tuple[Value, ...] | None


class Refusal(NamedTuple):
    number: int
    handle: str
    error: BiaoshiError


@dataclass(slots=True)
class Tally:
    """What became of some lines. Lines that could not be read never got here: the caller adds
    them. Those that were neither created nor refused stand in `found` by their number."""

    created: int = 0
    unchanged: int = 0
    revived: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    found: dict[int, Outcome] = field(default_factory=dict)

    def note(self, number: int, verdict: Verdict) -> None:
        """Take in what the Registrar's side made of one line."""
        if verdict.error is not None:
            error = verdict.error.with_traceback(None)  # which would keep the whole chunk alive
            self.refusals.append(Refusal(number, verdict.identifier.text, error))
        elif verdict.outcome is Outcome.CREATED:
            self.created += 1
        else:
            self.unchanged += verdict.outcome is Outcome.UNCHANGED
            self.revived += verdict.outcome is Outcome.REVIVED
            self.found[number] = verdict.outcome

    def add(self, other: Tally) -> None:
        """Take in what became of further lines."""
        self.created += other.created
        self.unchanged += other.unchanged
        self.revived += other.revived
        self.refusals += other.refusals
        self.found |= other.found


@dataclass(frozen=True, slots=True)
class Terms:
    """Who registers, how, and what may happen. A dry run judges everything and writes nothing."""

    actor: Actor
    method: Method
    revive: bool = False
    dry_run: bool = False


class Bulk:
    """Commits chunks of lines. Safe to share between tasks."""

    def __init__(self, database: Database, form: Form, tell: Tell = to_nobody) -> None:
        """`tell` hears of records that `commit` has revived, before its caller."""
        self._database = database
        self._form = form
        self._tell = tell

    def line(self, number: int, identifier: Identifier, public: str) -> Line:
        """A line whose values are written already."""
        suffix = identifier.canonical_suffix(self._form.case_sensitive)
        shown = identifier.suffix if identifier.suffix != suffix else None
        return Line(suffix, number, shown, public, None)

    def long_line(self, number: int, identifier: Identifier, values: tuple[Value, ...]) -> Line:
        """A line with values of any kind. Raises TooLarge."""
        text = encode(values)  # before it gets into a chunk, which one line must not sink
        if all(value.public for value in values):
            return self.line(number, identifier, text)
        return self.line(number, identifier, "")._replace(values=values)

    async def commit(self, terms: Terms, chunk: dict[str, list[Line]]) -> Tally:
        """Register lines, by canonical prefix, in one transaction."""
        tally = await self._database.transaction(lambda tx: self.commit_in(tx, terms, chunk))
        if tally.revived and not terms.dry_run:
            self._tell(Notice(identifiers=tuple(_revived(tally, chunk))))
        return tally

    async def commit_in(self, tx: Connection, terms: Terms, chunk: dict[str, list[Line]]) -> Tally:
        """Register lines within a transaction that does more than that."""
        for lines in chunk.values():
            lines.sort()
        return await _Run(tx, self._form, terms).all(chunk)


class _Run:
    """One transaction."""

    def __init__(self, tx: Connection, form: Form, terms: Terms) -> None:
        self._tx = tx
        self._form = form
        self._terms = terms
        self._tally = Tally()
        self._planned: dict[str, Row] = {}  # what a dry run would have created

    async def all(self, chunk: dict[str, list[Line]]) -> Tally:
        holdings = await prefixes.holdings(self._tx, sorted(chunk))
        for text in sorted(chunk.keys() - holdings.keys()):
            self._refuse_all(text, chunk[text], _no_prefix(text))
        for holding in sorted(holdings.values(), key=lambda one: one.prefix_id):
            await self._prefix(holding, chunk[holding.prefix])
        self._tally.refusals.sort()
        return self._tally

    async def _prefix(self, holding: Holding, lines: list[Line]) -> None:
        try:
            archive = Archive(self._tx, self._form)
            await permission.require(Right.ADD_HANDLE, self._terms.actor, holding, (), archive)
            holding.require_open()
        except BiaoshiError as error:
            # Its traceback would hold on to this frame and the lines in it.
            self._refuse_all(holding.prefix, lines, error.with_traceback(None))
            return
        first, again = _unique(lines)
        if self._terms.dry_run:
            present = await self._present(holding, first, batch_id=0)
            absent = [line for line in first if line.suffix not in present]
            self._planned = {line.suffix: self._row(holding, line) for line in absent}
        else:
            present = await self._insert(holding, first)
        self._tally.created += len(first) - len(present)
        await self._judge(holding, [*self._differing(first, present), *again])

    async def _insert(self, holding: Holding, lines: list[Line]) -> dict[str, bool]:
        """Insert what was never seen; of those that were there already, whether they are the
        same."""
        (batch_id,) = await store.batch_ids(self._tx, 1)
        sealed = await self._sealed(holding, lines)
        created = await store.insert_many(
            self._tx,
            holding.prefix_id,
            batch_id,
            suffixes=[line.suffix for line in lines],
            shown=[line.shown for line in lines],
            public=[line.public for line in lines]
            if sealed is None
            else [row.public for row in sealed],
            private=None if sealed is None else [row.private for row in sealed],
            method=self._terms.method,
            actor=self._terms.actor,
        )
        present: dict[str, bool] = {}
        if created < len(lines):
            present = await self._present(holding, lines, batch_id)
        new = [line.suffix for line in lines if line.suffix not in present]
        batch = Batch(batch_id, holding.prefix, self._terms.method, self._terms.actor.name)
        await owe(self._tx, self._form.leaves, {batch: new})
        return present

    async def _present(self, holding: Holding, lines: list[Line], batch_id: int) -> dict[str, bool]:
        """The suffixes that have a row of another batch, and whether it is the same by its text."""
        return await store.older(
            self._tx,
            holding.prefix_id,
            [line.suffix for line in lines],
            [line.public for line in lines],
            batch_id,
        )

    def _differing(self, lines: list[Line], present: dict[str, bool]) -> list[Line]:
        """Note the lines that are unchanged by their text; those that must be looked at."""
        if not present:
            return []
        differing = []
        for line in lines:
            same = present.get(line.suffix)
            if same:
                self._tally.unchanged += 1
                self._tally.found[line.number] = Outcome.UNCHANGED
            elif same is not None:
                differing.append(line)
        return differing

    async def _sealed(self, holding: Holding, lines: list[Line]) -> list[Row] | None:
        """The rows of lines of which some have values of any kind; None where none has."""
        if all(line.values is None for line in lines):
            return None
        rows: list[Row] = []
        for start in range(0, len(lines), TURN):
            rows += [self._row(holding, line) for line in lines[start : start + TURN]]
            await asyncio.sleep(0)
        return rows

    def _row(self, holding: Holding, line: Line) -> Row:
        row = Row(holding.prefix_id, line.suffix, line.shown, line.public, None)
        return row if line.values is None else self._form.filled(row, line.values)

    async def _judge(self, holding: Holding, lines: list[Line]) -> None:
        """Compare lines with what is stored for them."""
        if not lines:
            return
        suffixes = sorted({line.suffix for line in lines})
        lock = self._terms.revive and not self._terms.dry_run
        stored = await store.rows(self._tx, holding.prefix_id, suffixes, lock=lock)
        stored |= self._planned
        for position, line in enumerate(sorted(lines), 1):
            if position % TURN == 0:
                await asyncio.sleep(0)
            before = stored[line.suffix]
            if before.live:
                self._compare(holding, line, before)
            elif self._terms.revive:
                stored[line.suffix] = await self._revive(holding, line, before)
            else:
                self._refuse(holding.prefix, line, _withdrawn(holding.prefix, line))

    def _compare(self, holding: Holding, line: Line, before: Row) -> None:
        if self._same(line, before):
            self._tally.unchanged += 1
            self._tally.found[line.number] = Outcome.UNCHANGED
        else:
            self._refuse(holding.prefix, line, _exists(holding.prefix, line))

    def _same(self, line: Line, before: Row) -> bool:
        if before.template_id is not None:
            return False
        if line.values is None and before.private is None:
            return _TIMES.sub("", line.public) == _TIMES.sub("", before.public or "")
        values = decode(line.public) if line.values is None else line.values
        return same(values, self._form.values(before))

    async def _revive(self, holding: Holding, line: Line, before: Row) -> Row:
        self._tally.revived += 1
        self._tally.found[line.number] = Outcome.REVIVED
        after = self._row(holding, line)
        if self._terms.dry_run:
            return after
        return await store.change(self._tx, before, after, Action.REVIVED, self._terms.actor)

    def _refuse_all(self, prefix: str, lines: Iterable[Line], error: BiaoshiError) -> None:
        for line in lines:
            self._refuse(prefix, line, error)

    def _refuse(self, prefix: str, line: Line, error: BiaoshiError) -> None:
        handle = f"{prefix}/{line.shown or line.suffix}"
        self._tally.refusals.append(Refusal(line.number, handle, error))


def _unique(lines: Sequence[Line]) -> tuple[list[Line], list[Line]]:
    """Sorted lines, parted into the first of each suffix and the others."""
    first: list[Line] = []
    again: list[Line] = []
    last = None
    for line in lines:
        if line.suffix == last:
            again.append(line)
        else:
            first.append(line)
            last = line.suffix
    return first, again


def _no_prefix(text: str) -> PrefixNotFound:
    return PrefixNotFound(
        f"the prefix {text} does not live here", field="handle", rule="prefix-not-found"
    )


def _withdrawn(prefix: str, line: Line) -> IdentifierWithdrawn:
    return IdentifierWithdrawn(
        f"{prefix}/{line.shown or line.suffix} was withdrawn; ask for it to be revived if that is "
        "meant",
        field="handle",
        rule="identifier-withdrawn",
    )


def _exists(prefix: str, line: Line) -> IdentifierExists:
    return IdentifierExists(
        f"{prefix}/{line.shown or line.suffix} exists with other content",
        field="handle",
        rule="identifier-exists",
    )


def _revived(tally: Tally, chunk: dict[str, list[Line]]) -> Iterator[str]:
    for prefix, lines in chunk.items():
        for line in lines:
            if tally.found.get(line.number) is Outcome.REVIVED:
                yield f"{prefix}/{line.suffix}"
