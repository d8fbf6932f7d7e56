"""A process that hashes leaves for the keeper's, so that requests need not wait for it."""

from __future__ import annotations

import ctypes
import signal
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

PR_SET_PDEATHSIG = 1  # prctl(2)


@contextmanager
def crew() -> Iterator[Executor]:
    """One process, started when there is something for it, ended with the context. It ends with its
    parent too, however that ends."""
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_attend)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _attend() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is the parent's to answer
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
