"""Lines of a bulk stream that use a data template.

What such a line stores depends on its template, so these go through the Registrar, a list at a
time, where plain lines take the quick way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from node.v1.item import ContentReader, Item
from node.wiring import Wiring
from registry.errors import BiaoshiError
from registry.identifier import Identifier
from registry.record.bulk import Refusal, Tally, Terms
from registry.record.creation import Wish
from registry.record.registrar import MAX_LIST


class TemplatedLine(NamedTuple):
    number: int
    identifier: Identifier
    item: Item


async def commit(wiring: Wiring, terms: Terms, lines: Sequence[TemplatedLine]) -> Tally:
    """Register lines, a list in each transaction; what became of them."""
    tally = Tally()
    reader = ContentReader(wiring.templates, terms.actor, wiring.now())
    for start in range(0, len(lines), MAX_LIST):
        numbers, wishes = [], []
        for number, identifier, item in lines[start : start + MAX_LIST]:
            try:
                registration = await reader.registration(identifier, item, new=True)
            except BiaoshiError as error:
                tally.refusals.append(Refusal(number, identifier.text, error))
            else:
                numbers.append(number)
                wishes.append(Wish(terms.actor, registration, terms.revive))
        grant = wiring.registrar.rehearse if terms.dry_run else wiring.registrar.grant
        for number, verdict in zip(numbers, await grant(wishes, terms.method), strict=True):
            tally.note(number, verdict)
    return tally
