"""Series: thousands of identifiers that share one content, in one transaction.

Where none of them exists yet they are copied in, which costs half of what looking at each would.
Otherwise they go the way of all bulk registrations, with the same verdicts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress

import asyncpg

from registry.database import Connection
from registry.errors import UnknownTemplate
from registry.identifier import Identifier, fold_case
from registry.leaf.leaf import Batch, owe
from registry.prefix.prefix import Holding
from registry.record import templated
from registry.record.archive import Form
from registry.record.bulk import Bulk, Tally, Terms
from registry.record.registration import Outcome, Registration
from registry.record.store import Row, batch_ids
from registry.record.templated import Numbered
from registry.record.value import Value, encode
from registry.series import store


@dataclass(frozen=True, slots=True)
class Codes:
    """Suffixes in ascending order of their comparison form, and their spellings where these
    differ."""

    suffixes: list[str]
    shown: list[str] | None

    @classmethod
    def of(cls, spellings: list[str], *, case_sensitive: bool) -> Codes:
        """Spellings of one pattern: they have one length, and digits differ alone."""
        if case_sensitive or fold_case(spellings[0]) == spellings[0]:
            return cls(spellings, None)
        return cls([fold_case(text) for text in spellings], spellings)


@dataclass(frozen=True, slots=True)
class Content:
    """What all records of a series have: their values and their data template."""

    values: tuple[Value, ...]
    template_id: int | None = None


class Series:
    """Registers series of one content under one prefix."""

    def __init__(self, bulk: Bulk, form: Form, terms: Terms, content: Content) -> None:
        self._bulk = bulk
        self._form = form
        self._terms = terms
        self._content = content

    async def register(
        self, tx: Connection, holding: Holding, codes: list[str], first: int
    ) -> Tally:
        """Register codes, numbered from `first` in the tally. Whether the actor may register under
        the prefix has been asked before. Raises UnknownTemplate where the template is gone."""
        series = Codes.of(codes, case_sensitive=self._form.case_sensitive)
        model = await self._model(tx, holding, series)
        if model is not None and await self._copy(tx, holding, model, series):
            return Tally(created=len(codes))
        numbered = list(enumerate(codes, start=first))
        if model is None:
            return await self._judge(tx, holding, numbered)
        alike = await store.like(tx, model, series.suffixes)
        known = [suffix in alike for suffix in series.suffixes]
        found = dict.fromkeys(compress(range(first, first + len(codes)), known), Outcome.UNCHANGED)
        tally = Tally(unchanged=len(found), found=found)
        rest = [code for code, same in zip(numbered, known, strict=True) if not same]
        tally.add(await self._judge(tx, holding, rest))
        return tally

    async def _model(self, tx: Connection, holding: Holding, codes: Codes) -> Row | None:
        """A row that is as all of them are; None where each must be made by itself."""
        values, template = self._content.values, None
        if self._content.template_id is not None:
            used = await self._form.shelf.use(tx, {self._content.template_id})
            template = used.get(self._content.template_id)
            if template is None or template.prefix_id != holding.prefix_id:
                raise UnknownTemplate(
                    "the template was deleted", field="template", rule="unknown-template"
                )
            if not template.alike(values):
                return None
        row = Row(holding.prefix_id, codes.suffixes[0], None, None, None)
        model = self._form.filled(row, values, template)
        return model if model.private is None else None

    async def _copy(self, tx: Connection, holding: Holding, model: Row, codes: Codes) -> bool:
        """Whether all were new, and are in."""
        suffixes = codes.suffixes
        if await store.any_between(tx, model.prefix_id, suffixes[0], suffixes[-1]):
            return False
        (batch_id,) = await batch_ids(tx, 1)
        try:
            async with tx.transaction():
                await store.copy_in(
                    tx,
                    replace(model, batch_id=batch_id),
                    suffixes=suffixes,
                    shown=codes.shown,
                    method=self._terms.method,
                    actor=self._terms.actor,
                )
        except asyncpg.UniqueViolationError:  # somebody registered one of them meanwhile
            return False
        batch = Batch(batch_id, holding.prefix, self._terms.method, self._terms.actor.name)
        await owe(tx, self._form.leaves, {batch: suffixes})
        return True

    async def _judge(
        self, tx: Connection, holding: Holding, codes: Sequence[tuple[int, str]]
    ) -> Tally:
        """Register numbered codes one by one."""
        if not codes:
            return Tally()
        numbered = [(number, Identifier(holding.prefix, code)) for number, code in codes]
        values, template_id = self._content.values, self._content.template_id
        if template_id is not None:
            wishes = [
                Numbered(number, Registration(identifier, values, template_id))
                for number, identifier in numbered
            ]
            return await templated.register(tx, self._form, self._terms, wishes)
        if all(value.public for value in values):
            public = encode(values)
            lines = [self._bulk.line(number, one, public) for number, one in numbered]
        else:
            lines = [self._bulk.long_line(number, one, values) for number, one in numbered]
        return await self._bulk.commit_in(tx, self._terms, {holding.prefix: lines})
