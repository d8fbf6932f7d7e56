"""Sending lines to a node in lists, a few at a time.

A list whose answer was lost is sent again: what it registered is then `unchanged`. So is a file
that was interrupted.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import stamina

from node.cli.client import NodeClient, NodeRefused, NodeUnreachable
from node.cli.upload.line import Line, Source
from node.cli.upload.refusals import Refusals
from registry.errors import Unavailable
from registry.record.registrar import MAX_LIST

LIST_BYTES = 8 * 1024 * 1024  # half of what a node takes
IN_FLIGHT = 4
ATTEMPTS, RETRY_SECONDS = 10, 120.0
PASSING = (429, 500, 502, 503, 504)  # HTTP statuses that may be better the next time


class UploadBroken(Unavailable):
    kind = "upload-broken"
    title = "The upload stopped half-way"


class Sending:
    """One file on its way to `path`. `told` hears of every list that was answered, with its length.
    With one list in flight, what stands further down is done later."""

    def __init__(
        self,
        client: NodeClient,
        refusals: Refusals,
        told: Callable[[int], None],
        *,
        path: str = "/v1/identifiers",
        in_flight: int = IN_FLIGHT,
    ) -> None:
        self._client = client
        self._path = path
        self._in_flight = in_flight
        self._refusals = refusals
        self._told = told
        self.totals: Counter[str] = Counter()

    async def send(self, source: Source) -> None:
        """Send everything; verdicts are taken in the order of the lines.

        Raises UploadBroken where the node is away for long, NodeRefused for a refusal as a whole.
        """
        try:
            async with asyncio.TaskGroup() as group:
                await self._keep_in_flight(source, group)
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _keep_in_flight(self, source: Source, group: asyncio.TaskGroup) -> None:
        under_way: deque[tuple[list[Line], asyncio.Task[list[dict[str, Any]]]]] = deque()
        for lines, body in _lists(source.lines()):
            under_way.append((lines, group.create_task(self._post(body))))
            if len(under_way) >= self._in_flight:
                await self._settle(*under_way.popleft())
        while under_way:
            await self._settle(*under_way.popleft())

    async def _settle(self, lines: list[Line], task: asyncio.Task[list[dict[str, Any]]]) -> None:
        for line, result in zip(lines, await task, strict=True):
            self.totals[result["outcome"]] += 1
            if problem := result.get("problem"):
                self._refusals.add(line, problem.get("rule"), problem["detail"])
        self._told(len(lines))

    async def _post(self, body: list[msgspec.Raw]) -> list[dict[str, Any]]:
        try:
            async for attempt in stamina.retry_context(
                on=_passes, attempts=ATTEMPTS, timeout=RETRY_SECONDS, wait_initial=0.2, wait_max=15
            ):
                with attempt:
                    answer = await self._client.post(self._path, body)
                    return list(answer["results"])
        except (NodeRefused, NodeUnreachable) as error:
            if not _passes(error):
                raise
            done = sum(self.totals.values())
            raise UploadBroken(
                f"{error.detail}; {done:,} lines were answered before. Give the same command "
                "again: what is done already stays as it is"
            ) from None
        raise AssertionError("unreachable: the last attempt returns or raises")


def _passes(error: Exception) -> bool:
    if isinstance(error, NodeRefused):
        return error.status in PASSING
    return isinstance(error, NodeUnreachable)


def _lists(lines: Iterator[Line]) -> Iterator[tuple[list[Line], list[msgspec.Raw]]]:
    """Lines in lists that a node takes, with their bodies."""
    taken: list[Line] = []
    body: list[msgspec.Raw] = []
    size = 0
    for line in lines:
        content = msgspec.json.encode(line.item)
        if taken and (len(taken) == MAX_LIST or size + len(content) > LIST_BYTES):
            yield taken, body
            taken, body, size = [], [], 0
        taken.append(line)
        body.append(msgspec.Raw(content))
        size += len(content) + 1
    if taken:
        yield taken, body
