"""Registrations that use a data template, within a transaction that does more than that.

What such a record stores depends on its template, so each goes through `Creation`. In order of
their suffixes, some at a time, so that other tasks have their turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from registry.database import Connection
from registry.record.archive import Form
from registry.record.bulk import Tally, Terms
from registry.record.creation import Creation, Wish
from registry.record.registration import Registration

SOME = 200


class Numbered(NamedTuple):
    """A registration and the number of its line."""

    number: int
    registration: Registration


async def register(tx: Connection, form: Form, terms: Terms, lines: Sequence[Numbered]) -> Tally:
    """Register lines of one prefix; what became of them."""
    tally = Tally()
    ordered = sorted(lines, key=lambda line: (_suffix(form, line), line.number))
    for start in range(0, len(ordered), SOME):
        some = ordered[start : start + SOME]
        wishes = [Wish(terms.actor, line.registration, terms.revive) for line in some]
        verdicts = await Creation(tx, form).run(wishes, terms.method)
        for line, verdict in zip(some, verdicts, strict=True):
            tally.note(line.number, verdict)
        await asyncio.sleep(0)
    return tally


def _suffix(form: Form, line: Numbered) -> str:
    return line.registration.identifier.canonical_suffix(form.case_sensitive)
