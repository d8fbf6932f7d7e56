"""A child process's pipes to its supervisor."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import msgspec

from node.supervision.charge import Charge, Order, Report


class Pipes:
    """Taken from standard input and output, once, at the start.

    They become this process's alone. One that it starts itself inherits its standard input and
    output, and where it outlived it would hold the supervisor's pipes open and hide the death.
    """

    def __init__(self) -> None:
        self._told = open(os.dup(0), "rb", buffering=0)  # noqa: SIM115 - reads no further than asked
        self._telling = open(os.dup(1), "wb", buffering=0)  # noqa: SIM115 - lasts as the process
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)

    def charge(self) -> Charge:
        """What to be; the first that is told."""
        return msgspec.json.decode(self._told.readline(), type=Charge)

    def report(self, report: Report) -> None:
        self._telling.write(msgspec.json.encode(report) + b"\n")

    def leave(self) -> None:
        """Let the supervisor know that no more connections are taken."""
        self._telling.close()

    async def orders(self) -> AsyncIterator[Order]:
        """The orders, until there is nobody who could give any."""
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), self._told)
        while line := await reader.readline():
            yield msgspec.json.decode(line, type=Order)
