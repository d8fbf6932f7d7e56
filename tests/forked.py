"""Work in several processes that begin as copies of the test's."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from multiprocessing.context import ForkContext
from multiprocessing.pool import Pool
from typing import Any

FORK: ForkContext = multiprocessing.get_context("fork")


def forked(processes: int, begin: Callable[..., Any], *stage: Any) -> Pool:
    """A pool whose processes begin with `begin(*stage)`, which needs no pickling.

    A copy of a test's process has the handlers of that test's event loop, which swallow the very
    signal that a pool ends its processes with.
    """
    return FORK.Pool(processes, _begin, (begin, stage))


def _begin(begin: Callable[..., Any], stage: tuple[Any, ...]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    begin(*stage)
