"""A task that was cancelled ends, whatever its task group was busy with."""

from __future__ import annotations

import asyncio

import pytest

from registry.cancellation import raise_if_cancelled


async def test_a_group_that_fails_forgets_no_cancellation() -> None:
    unwinding = asyncio.Event()

    async def slow_to_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            unwinding.set()
            await asyncio.sleep(0.05)

    async def work() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(slow_to_end())
                await asyncio.sleep(0)
                raise LookupError
        except* LookupError:
            raise_if_cancelled()

    task = asyncio.create_task(work())
    await unwinding.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_without_a_cancellation_nothing_is_raised() -> None:
    raise_if_cancelled()
