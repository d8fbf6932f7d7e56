"""Series: thousands of identifiers that share one content, in one transaction.

Where none of them exists yet they are copied in, which costs half of what looking at each would.
Otherwise they go the way of all bulk registrations, with the same verdicts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from registry.database import Connection
from registry.identifier import Identifier, fold_case
from registry.prefix.prefix import Holding
from registry.record.archive import Form
from registry.record.bulk import Bulk, Tally, Terms
from registry.record.store import batch_ids
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


class Series:
    """Registers series of one content under one prefix."""

    def __init__(self, bulk: Bulk, form: Form, terms: Terms, values: tuple[Value, ...]) -> None:
        self._bulk = bulk
        self._form = form
        self._terms = terms
        self._values = values
        self._public = encode(values) if all(value.public for value in values) else None

    async def register(
        self, tx: Connection, holding: Holding, codes: list[str], first: int
    ) -> Tally:
        """Register codes, numbered from `first` in the tally. Whether the actor may register under
        the prefix has been asked before."""
        series = Codes.of(codes, case_sensitive=self._form.case_sensitive)
        if self._public is not None and await self._copy(tx, holding, series, self._public):
            return Tally(created=len(codes))
        return await self._judge(tx, holding, codes, first)

    async def _copy(self, tx: Connection, holding: Holding, codes: Codes, public: str) -> bool:
        """Whether all were new, and are in."""
        suffixes = codes.suffixes
        if await store.any_between(tx, holding.prefix_id, suffixes[0], suffixes[-1]):
            return False
        (batch_id,) = await batch_ids(tx, 1)
        try:
            async with tx.transaction():
                await store.copy_in(
                    tx,
                    holding.prefix_id,
                    batch_id,
                    suffixes=suffixes,
                    shown=codes.shown,
                    public=public,
                    method=self._terms.method,
                    actor=self._terms.actor,
                )
        except asyncpg.UniqueViolationError:  # somebody registered one of them meanwhile
            return False
        return True

    async def _judge(
        self, tx: Connection, holding: Holding, codes: Sequence[str], first: int
    ) -> Tally:
        lines = []
        for number, code in enumerate(codes, start=first):
            identifier = Identifier(holding.prefix, code)
            if self._public is not None:
                lines.append(self._bulk.line(number, identifier, self._public))
            else:
                lines.append(self._bulk.long_line(number, identifier, self._values))
        return await self._bulk.commit_in(tx, self._terms, {holding.prefix: lines})
