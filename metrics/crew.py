"""Who does what takes long, so that the requests of this process need not wait for it.

A thread is no help: it holds the interpreter while it computes, and the event loop gives that up
with every connection it reads from, and must ask for it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor
from typing import TypeVar, TypeVarTuple

Result = TypeVar("Result")
Given = TypeVarTuple("Given")


class Crew:
    """Another process; where there is none, or somebody killed it, a thread."""

    def __init__(self, hands: Executor | None = None) -> None:
        """`hands` is a pool of processes."""
        self._hands = hands

    async def do(
        self, work: Callable[[*Given], Result], *given: *Given, much: bool = True
    ) -> Result:
        """What the work comes to, which may be begun twice. Where it is not much, a thread has done
        it before another process has read what it is."""
        loop = asyncio.get_running_loop()
        if much and self._hands is not None:
            try:
                return await loop.run_in_executor(self._hands, work, *given)
            except BrokenExecutor:
                self._hands = None
        return await loop.run_in_executor(None, work, *given)
