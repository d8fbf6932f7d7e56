"""The resolution chain: its links are asked in order, and the first that knows answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from registry.errors import PrefixNotFound
from resolver.query import Answer, Query


class Link(Protocol):
    """A place where an answer may be found."""

    async def resolve(self, query: Query) -> Answer | None:
        """The answer, or None where this link is not responsible for the identifier.

        Raises RemoteUnavailable or NationalNodeUnavailable where it is, but cannot tell now.
        """


class Chain:
    """Links in the order in which they are asked."""

    def __init__(self, links: Sequence[Link]) -> None:
        self._links = tuple(links)

    async def resolve(self, query: Query) -> Answer:
        """Raises PrefixNotFound where no link is responsible."""
        for link in self._links:
            answer = await link.resolve(query)
            if answer is not None:
                return answer
        raise PrefixNotFound(
            f"the prefix {query.identifier.prefix} is not known",
            field="handle",
            rule="prefix-not-found",
        )
