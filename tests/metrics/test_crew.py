from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from metrics.crew import Crew


@pytest.fixture
def hands() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield pool


async def test_what_is_much_is_done_by_another_process(hands: ProcessPoolExecutor) -> None:
    crew = Crew(hands)
    assert await crew.do(os.getpid) != os.getpid()
    assert await crew.do(os.getpid, much=False) == os.getpid()


async def test_a_killed_process_is_made_up_for(hands: ProcessPoolExecutor) -> None:
    crew = Crew(hands)
    os.kill(await crew.do(os.getpid), signal.SIGKILL)
    async with asyncio.timeout(60):
        while await crew.do(os.getpid) != os.getpid():  # noqa: ASYNC110 - the system is asked
            await asyncio.sleep(0.01)


async def test_without_a_process_a_thread_does_it() -> None:
    assert await Crew().do(os.getpid) == os.getpid()


async def test_what_goes_wrong_is_told(hands: ProcessPoolExecutor) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        await Crew(hands).do(int, "x")
