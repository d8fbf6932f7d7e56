"""Coroutines that run beside each other for as long as one of them does."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")


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
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return first.result()
