from __future__ import annotations

import os
from multiprocessing import get_context

from node.crew import attend, crew


def running(process: int) -> bool:
    return os.path.exists(f"/proc/{process}")


async def test_one_process_works_while_the_context_lasts() -> None:
    with crew() as hands:
        process = await hands.do(os.getpid)
        assert process != os.getpid()
    assert not running(process)


def test_it_does_not_outlive_who_ended_while_it_began() -> None:
    orphan = get_context("spawn").Process(target=attend, args=(os.getppid(),))
    orphan.start()
    orphan.join(60)
    assert orphan.exitcode == 1
