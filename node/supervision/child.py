"""A child process as its supervisor sees it."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from node.supervision.charge import Charge, Order, Report

START_SECONDS = 60.0  # for a child to be at work


class Child:
    """A process that was started. Whoever started it awaits `ended`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._since = time.monotonic()
        self.at_work = False
        self.failure = ""

    @classmethod
    async def start(cls, charge: Charge, inherited: Sequence[int]) -> Child:
        """Start a process with these descriptors, which come to it under the same numbers."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "node.supervision.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=tuple(inherited),
        )
        child = cls(process)
        child._say(charge)
        return child

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def seconds(self) -> float:
        """Since it was started."""
        return time.monotonic() - self._since

    async def began(self) -> bool:
        """Whether it is at work; when that is known. If not, it is gone, and `failure` says why."""
        assert self._process.stdout is not None  # a pipe
        try:
            async with asyncio.timeout(START_SECONDS):
                line = await self._process.stdout.readline()
        except TimeoutError:
            self.failure = f"it was not at work within {START_SECONDS:g} s"
            self.kill()
            return False
        try:
            self.failure = msgspec.json.decode(line, type=Report).failure or ""
        except msgspec.DecodeError:
            self.failure = "it ended while it started"
        self.at_work = not self.failure
        return self.at_work

    def tell(self, order: Order) -> None:
        self._say(order)

    async def left(self) -> None:
        """Return when it takes no more connections: it is ending, or has ended."""
        assert self._process.stdout is not None  # a pipe
        while await self._process.stdout.read(4096):
            pass
        self.at_work = False

    async def ended(self) -> int:
        """Its exit status when it has ended; negative: the signal that ended it."""
        status = await self._process.wait()
        self.at_work = False
        return status

    def stop(self) -> None:
        """Ask it to end in order."""
        self.at_work = False
        with suppress(ProcessLookupError):
            self._process.terminate()

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()

    async def end(self, patience: float) -> None:
        """Ask it to end, and end it when that takes longer, seconds."""
        self.stop()
        try:
            async with asyncio.timeout(patience):
                await self.ended()
        except TimeoutError:
            self.kill()
            await self.ended()

    def _say(self, message: msgspec.Struct) -> None:
        assert self._process.stdin is not None  # a pipe
        if not self._process.stdin.is_closing():
            self._process.stdin.write(msgspec.json.encode(message) + b"\n")
