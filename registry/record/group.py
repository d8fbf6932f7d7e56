"""Group commit: registrations that arrive one by one share transactions.

Whoever waits when a transaction can begin goes into it together with all others who wait, so the
cost of a commit is shared and grows no queue. Each caller gets its own verdict, after the commit.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from registry.database import is_away
from registry.record.creation import Wish
from registry.record.registration import Verdict

MAX_GROUP = 512

Commit = Callable[[Sequence[Wish]], Awaitable[list[Verdict]]]


@dataclass(frozen=True, slots=True)
class _Waiting:
    wish: Wish
    verdict: asyncio.Future[Verdict]


class GroupCommit:
    """Owned by the task that runs `run`, one transaction at a time. A second such task would only
    make the groups smaller: while one is committed, all who come wait for the next."""

    def __init__(self, commit: Commit) -> None:
        self._commit = commit
        self._queue: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()

    async def register(self, wish: Wish) -> Verdict:
        """The verdict on one wish, once it is durable. A caller that goes away meanwhile leaves
        its wish behind: it may be granted or not, as if the answer had been lost."""
        return await self.submit(wish)

    def submit(self, wish: Wish) -> asyncio.Future[Verdict]:
        """The same, without waiting."""
        waiting = _Waiting(wish, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._arrived.set()
        return waiting.verdict

    async def run(self) -> None:
        """Commit group after group until cancelled; then those still waiting are turned away."""
        try:
            while True:
                await self._arrived.wait()
                group = self._take()
                if group:
                    await self._settle(group)
        finally:
            for waiting in self._take_all():
                waiting.verdict.cancel()

    def _take(self) -> list[_Waiting]:
        """The next group; callers that have gone are left out."""
        group: list[_Waiting] = []
        while self._queue and len(group) < MAX_GROUP:
            waiting = self._queue.popleft()
            if not waiting.verdict.done():
                group.append(waiting)
        if not self._queue:
            self._arrived.clear()
        return group

    def _take_all(self) -> list[_Waiting]:
        left = list(self._queue)
        self._queue.clear()
        return left

    async def _settle(self, group: list[_Waiting]) -> None:
        """Commit a group. One that fails as a whole is tried again one by one, so that nobody
        pays for a neighbour; what fails alone fails for its own caller. A database that is away
        is away for all of them: nobody waits until each has found out."""
        try:
            verdicts = await self._commit([waiting.wish for waiting in group])
        except asyncio.CancelledError:
            for waiting in group:
                waiting.verdict.cancel()
            raise
        except Exception as error:
            if len(group) == 1 or is_away(error):
                for waiting in group:
                    _tell(waiting, error)
                return
            try:
                for waiting in group:
                    await self._settle([waiting])
            finally:  # cancelled on the way, those whose turn did not come hear of it too
                for waiting in group:
                    waiting.verdict.cancel()
            return
        for waiting, verdict in zip(group, verdicts, strict=True):
            if not waiting.verdict.done():
                waiting.verdict.set_result(verdict)


def _tell(waiting: _Waiting, error: Exception) -> None:
    if not waiting.verdict.done():
        waiting.verdict.set_exception(error)
