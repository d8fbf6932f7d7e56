"""The process that computes for the keeper's: it hashes leaves and judges resolutions."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

from metrics.crew import Crew

PR_SET_PDEATHSIG = 1  # prctl(2)


@contextmanager
def crew() -> Iterator[Crew]:
    """One process, started when there is something for it, ended with the context. It ends with its
    parent too, however that ends."""
    pool = ProcessPoolExecutor(
        1, mp_context=get_context("spawn"), initializer=attend, initargs=(os.getpid(),)
    )
    try:
        yield Crew(pool)
    finally:
        pool.shutdown(cancel_futures=True)


def attend(parent: int) -> None:
    """Begin to work for the process of this number, and for nobody else."""
    # Its share of the processors as before, but it interrupts nobody who answers requests.
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is the parent's to answer
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)  # it ended before it could be asked to take this one with it
