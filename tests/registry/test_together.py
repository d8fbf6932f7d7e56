"""Coroutines beside each other: none is left behind, and no cancellation is lost."""

from __future__ import annotations

import asyncio

import pytest

from registry.together import end, until_first


class Endless:
    def __init__(self) -> None:
        self.unwinding = asyncio.Event()
        self.ended = False

    async def run(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.unwinding.set()
            await asyncio.sleep(0.05)
            self.ended = True


async def failing() -> None:
    raise LookupError


async def ending() -> str:
    return "done"


def cancelled() -> int:
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling()


async def test_the_first_that_ends_ends_all() -> None:
    beside = Endless()
    assert await until_first(ending(), beside.run()) == "done"


async def test_the_first_that_fails_ends_all() -> None:
    beside = Endless()
    with pytest.raises(LookupError):
        await until_first(beside.run(), failing())
    assert beside.ended
    assert cancelled() == 0


async def test_of_several_at_once_the_order_decides() -> None:
    assert await until_first(ending(), failing()) == "done"
    with pytest.raises(LookupError):
        await until_first(failing(), ending())


async def test_cancelled_it_ends_all() -> None:
    beside = Endless()
    task = asyncio.create_task(until_first(beside.run()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not beside.unwinding.is_set() or beside.ended


async def test_a_cancellation_while_it_fails_is_not_lost() -> None:
    beside = Endless()

    async def late() -> None:
        await asyncio.sleep(0)
        await failing()

    task = asyncio.create_task(until_first(beside.run(), late()))
    await beside.unwinding.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_fails_while_it_ends_cancels_nobody() -> None:
    async def fails_when_cancelled() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise LookupError from None
        return ""

    async def soon() -> str:
        await asyncio.sleep(0)
        return "done"

    assert await until_first(soon(), fails_when_cancelled()) == "done"
    assert cancelled() == 0


async def test_who_does_not_hear_a_cancellation_is_asked_again() -> None:
    heard = 0

    async def deaf() -> None:
        nonlocal heard
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                heard += 1
                if heard == 2:
                    raise LookupError from None

    task = asyncio.create_task(deaf())
    await asyncio.sleep(0)
    [error] = await end([task])
    assert isinstance(error, LookupError)
    assert heard == 2
