"""Cancellation that a task group would forget."""

from __future__ import annotations

import asyncio


def raise_if_cancelled() -> None:
    """Raise CancelledError where the present task has been cancelled.

    To be asked behind a task group whose errors are handled: before Python 3.13, one that is
    cancelled while it is ending because of an error raises the error alone.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
