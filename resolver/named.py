"""OIDs and GTINs: what this node has registered for them, and behind it what the DNS says of them.

An enterprise may have registered a GTIN, which then means one of its identifiers. That record's own
values come first and as they are; what the DNS says comes behind, with indexes from FIRST_INDEX on,
types `URL.<service>` and the DNS name in the answer's `via`. A DNS that fails, or takes longer than
PATIENCE, spoils nothing: the answer says in `missing` what was not heard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

import msgspec

from registry.errors import InvalidIdentifier, NotFound, PrefixNotFound, RemoteUnavailable, TooLarge
from registry.gs1.gtins import Gtins
from registry.identifier import Identifier, System
from registry.record.value import Value, decode, encode
from registry.spelling import Recognised, recognise
from resolver.query import Answer, Outcome, Query, Source, select
from resolver.zones import Zones

FIRST_INDEX: Final = 1_000_000_001  # of values from the DNS
PATIENCE: Final = 1.0  # seconds that a record of ours waits for the DNS
MAX_ALIASES: Final = 4
ALIASES: Final = {"OID": System.OID, "GTIN": System.GS1}  # types of values that name an alias
_OURS = (Outcome.FOUND, Outcome.NO_VALUES)

Onward = Callable[[Query], Awaitable[Answer]]


class Named:
    """Safe to share between tasks."""

    def __init__(self, zones: Zones, gtins: Gtins) -> None:
        self._zones = zones
        self._gtins = gtins

    async def meant(self, recognised: Recognised) -> Identifier:
        """The identifier to ask for, and to note: that which a GTIN means here; of what only the
        DNS knows, OID/1.2.156 or GS1/06901234567892. Raises PrefixNotFound or GtinNotFound for what
        is not resolved here."""
        if recognised.identifier is not None:
            return recognised.identifier
        known = self._zones.has(recognised.system)
        if recognised.system is System.GS1:
            try:
                return await self._gtins.identifier(recognised)
            except NotFound:
                if not known:
                    raise
        if not known:
            raise PrefixNotFound(
                f"{recognised.system} identifiers are not resolved by this node",
                field="handle",
                rule="system-not-resolved",
            )
        return Identifier(recognised.system, recognised.text)

    async def unslashed(self, text: str) -> tuple[Recognised, Identifier] | None:
        """The OID or GTIN that a Handle client's text is, with what is `meant`, where those are
        resolved here. None: whatever it is, it is no such thing, but perhaps a prefix."""
        if "/" in text:
            return None
        try:
            recognised = recognise(text)
            if recognised.identifier is not None:
                return None
            return recognised, await self.meant(recognised)
        except (InvalidIdentifier, NotFound):
            return None

    async def resolve(self, recognised: Recognised, onward: Onward, query: Query) -> Answer:
        """The query is for what is `meant`; `onward` asks for identifiers as usual. Raises what
        that does, RemoteUnavailable where only the DNS could tell and does not answer."""
        if recognised.identifier is not None or not self._zones.has(recognised.system):
            return await onward(query)
        if query.identifier.prefix == recognised.system:
            return _filtered(query, await self._zones.resolve(recognised))
        asking = asyncio.ensure_future(self._zones.resolve(recognised))
        try:
            answer = await onward(query)
            await asyncio.wait([asking], timeout=PATIENCE)
            return self._joined(query, answer, recognised, asking)
        finally:
            await _ended([asking])

    async def with_aliases(self, query: Query, answer: Answer) -> Answer:
        """The answer, and behind it what the DNS says of OIDs and GTINs that its values name."""
        named = [one for one in _aliases(answer) if self._zones.has(one.system)][:MAX_ALIASES]
        asking = [asyncio.ensure_future(self._zones.resolve(one)) for one in named]
        if not asking:
            return answer
        try:
            await asyncio.wait(asking, timeout=PATIENCE)
            for recognised, asked in zip(named, asking, strict=True):
                answer = self._joined(query, answer, recognised, asked)
            return answer
        finally:
            await _ended(asking)

    def _joined(
        self, query: Query, answer: Answer, recognised: Recognised, asked: asyncio.Future[Answer]
    ) -> Answer:
        said = _heard(asked)
        unheard = (f"dns:{self._zones.name(recognised)}",)
        if said is None:
            if answer.outcome is Outcome.NOT_FOUND:  # which the DNS might have made good
                raise RemoteUnavailable(
                    "the DNS does not answer", field="handle", rule="dns-unavailable"
                )
            return replace(answer, merged=True, missing=(*answer.missing, *unheard))
        if answer.outcome is Outcome.NOT_FOUND and said.found:
            return _filtered(query, said)
        if answer.outcome not in _OURS or not said.found:
            return replace(answer, merged=True)
        try:
            outcome, values = _together(query, answer, said)
        except TooLarge:
            return replace(answer, merged=True, missing=(*answer.missing, *unheard))
        via = (*answer.via, *said.via)
        return replace(answer, outcome=outcome, values=values, via=via, merged=True)


def _together(query: Query, answer: Answer, said: Answer) -> tuple[Outcome, str]:
    """The record's values and those from the DNS that the query wants. Raises TooLarge."""
    own = decode(answer.values)
    taken = {value.index for value in own}
    free = (index for index in range(FIRST_INDEX, FIRST_INDEX + 2000) if index not in taken)
    told = [
        msgspec.structs.replace(value, index=index)
        for value, index in zip(decode(said.values), free, strict=False)
    ]
    values: Sequence[Value] = [*own, *(value for value in told if query.wants(value))]
    return (Outcome.FOUND if values else Outcome.NO_VALUES), encode(values)


def _filtered(query: Query, said: Answer) -> Answer:
    if not said.found:
        return said
    outcome, values = select(query, decode(said.values))
    return replace(said, outcome=outcome, values=values)


def _heard(asked: asyncio.Future[Answer]) -> Answer | None:
    """What the DNS said; None where it failed or is still thinking."""
    try:
        return asked.result() if asked.done() else None
    except RemoteUnavailable:
        return None


async def _ended(asking: Sequence[asyncio.Future[Answer]]) -> None:
    for asked in asking:
        asked.cancel()
    await asyncio.gather(*asking, return_exceptions=True)


def _aliases(answer: Answer) -> Iterable[Recognised]:
    if answer.source is not Source.LOCAL or answer.outcome is not Outcome.FOUND:
        return
    for value in decode(answer.values):
        system = ALIASES.get(value.type.upper())
        if system is None or not isinstance(value.data.value, str):
            continue
        try:
            recognised = recognise(value.data.value)
        except InvalidIdentifier:
            continue
        if recognised.system is system:
            yield recognised
