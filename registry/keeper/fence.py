"""What keeps the transactions of an earlier keeper out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from registry.database import Connection
from registry.errors import Unavailable

# The first statement of a keeper's transaction (`Database.behind`). Raises TermOver where another
# is the keeper; if it does not, no other becomes the keeper before the transaction ends.
Fence: TypeAlias = Callable[[Connection], Awaitable[None]]


class TermOver(Unavailable):
    kind = "term-over"
    title = "Another process has become the keeper"


async def unfenced(tx: Connection) -> None:
    """For who works where there is no keeper, such as a tool that fills a database of its own."""
