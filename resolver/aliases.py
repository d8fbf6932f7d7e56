"""Following HS_ALIAS: an identifier elsewhere whose record names another one (RFC 3651 §3.2.5).

The values are the other record's, under the handle that was asked for; `via` tells by whom. Whoever
asks for HS_ALIAS by name gets the alias itself. Records of this node are not followed: who reads
them sees the alias and can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from registry.errors import InvalidIdentifier, RemoteUnavailable
from registry.identifier import Identifier
from registry.record.value import Value, decode
from resolver.chain import Link
from resolver.query import Answer, Outcome, Query, Source, select

ALIAS = "HS_ALIAS"
MAX_HOPS = 3


class Aliases:
    """A link before another one; `local` is asked first for what an alias names."""

    def __init__(self, link: Link, local: Link) -> None:
        self._link = link
        self._local = local

    async def resolve(self, query: Query) -> Answer | None:
        """Raises RemoteUnavailable where aliases run in a circle or too far."""
        if any(type_.upper() == ALIAS for type_ in query.types):
            return await self._link.resolve(query)
        answer = await self._link.resolve(_aliases_too(query))
        seen = {query.identifier.canonical()}
        via: tuple[str, ...] = ()
        for _ in range(MAX_HOPS):
            target = _alias(answer)
            if target is None or answer is None:
                return _asked_for(query, answer, via)
            if target.canonical() in seen:
                raise _astray(query, "run in a circle", "recursion-loop")
            seen.add(target.canonical())
            via += answer.via
            answer = await self._onward(replace(_aliases_too(query), identifier=target))
        if _alias(answer) is not None:
            raise _astray(query, f"lead on more than {MAX_HOPS} times", "recursion-depth")
        return _asked_for(query, answer, via)

    async def _onward(self, query: Query) -> Answer | None:
        return await self._local.resolve(query) or await self._link.resolve(query)


def _aliases_too(query: Query) -> Query:
    """A filter must not hide that there is an alias."""
    if not (query.types or query.indexes):
        return query
    return replace(query, types=query.types | {ALIAS})


def _alias(answer: Answer | None) -> Identifier | None:
    if answer is None or ALIAS not in answer.values.upper():
        return None
    named = [one for one in _values(answer) if one.type.upper() == ALIAS]
    try:
        return Identifier.parse(str(named[0].data.value)) if named else None
    except InvalidIdentifier:
        return None


def _asked_for(query: Query, answer: Answer | None, via: tuple[str, ...]) -> Answer | None:
    if answer is None:
        return None
    # What was asked for lives elsewhere, though its alias may name a record here: the tag says
    # nothing of it, and it counts for no prefix of this node.
    answer = replace(
        answer,
        source=Source.RECURSIVE,
        handle=query.identifier.text,
        via=(*via, *answer.via),
        tag=None,
        prefix_id=0,
    )
    if answer.outcome not in (Outcome.FOUND, Outcome.NO_VALUES):
        return answer
    if not (query.types or query.indexes):
        return answer
    outcome, values = select(query, _values(answer))
    return replace(answer, outcome=outcome, values=values)


def _values(answer: Answer) -> Sequence[Value]:
    return decode(answer.values)


def _astray(query: Query, what: str, rule: str) -> RemoteUnavailable:
    return RemoteUnavailable(f"the aliases of {query.identifier} {what}", field="handle", rule=rule)
