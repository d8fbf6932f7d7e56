"""Coroutines that run beside each other for as long as one of them does."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import TypeVar

T = TypeVar("T")

AGAIN = 1.0  # seconds after which a task that goes on is cancelled again


async def until_first(*works: Coroutine[object, object, T]) -> T:
    """Run all until one of them ends or fails; then the others are cancelled and awaited. What it
    gave, or the exception it failed with; of several at once, the first in the order given.

    Before Python 3.13 a task group that is cancelled while it fails forgets the cancellation, and
    one that fails while it ends leaves its task as if it were cancelled. This does neither.
    """
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        first = next(task for task in tasks if task.done())
    finally:
        await end(tasks)
    return first.result()


async def end(tasks: Iterable[asyncio.Task[T]]) -> list[BaseException]:
    """Cancel tasks until all have ended; what those failed with that were not just cancelled.

    A cancellation that meets another failure can be lost to it: giving a connection back to a
    server that has gone raises in its place. So it is asked for until it is heard.
    """
    asked = list(tasks)
    pending = {task for task in asked if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=AGAIN)
    told = (None if task.cancelled() else task.exception() for task in asked)
    return [error for error in told if error is not None]
