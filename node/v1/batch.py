"""Batch resolution: a list of identifiers, each with an answer or a problem of its own.

Each item is a resolution and is noted as one (the journal hears of it in `_Batch._ask`).
Identifiers of this node share queries; other nodes are asked a few at a time, and all within a
bound.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from metrics.journal.entry import Surface
from node.http import body as bodies
from node.http.problem import Problem, problem_of
from node.http.staleness import staleness
from node.v1.operation import Call, Operation, Reply
from node.v1.resolution import SURFACE, TAG, Indexes, Resolution, Sent, Types, check
from registry.access.actor import anonymous
from registry.errors import BiaoshiError, InvalidInput, RemoteUnavailable, TooLarge
from registry.record.registrar import MAX_LIST
from registry.record.value import decode
from registry.spelling import Recognised, recognise
from resolver.named import Onward
from resolver.query import Answer, Query, select

FOREIGN_AT_ONCE = 8
NAMED_AT_ONCE = 8  # OIDs and GTINs
SECONDS = 20.0  # for everything that other nodes and the DNS are asked
MAX_TOGETHER = 32 << 20  # characters of all records that are answered with


class Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Identifiers in any spelling, and which of their values are wanted."""

    handles: Annotated[list[str], Meta(min_length=1, max_length=MAX_LIST)]
    type: Types = ()
    index: Indexes = ()
    recursive: Annotated[bool, Meta(description="Ask other nodes where it lives elsewhere")] = True


class Resolved(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of one item: the resolution or the problem. `asked` is the item as it was sent."""

    asked: str
    resolution: Resolution | None = None
    problem: Problem | None = None


class Resolutions(msgspec.Struct, frozen=True):
    """What came of a list, in its order, and how many of each kind."""

    results: list[Resolved]
    totals: dict[str, int]


class _Item(msgspec.Struct, frozen=True, omit_defaults=True):
    """A Resolved that is sent."""

    asked: str
    resolution: Sent | None = None
    problem: Problem | None = None


class _List(msgspec.Struct, frozen=True):
    """The Resolutions that are sent."""

    results: list[_Item]
    totals: dict[str, int]


class _Batch:
    """One request."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._wiring = call.wiring
        self._reader = anonymous(call.actor.request_id)  # what anyone may read, whoever asks
        self._foreign = asyncio.Semaphore(FOREIGN_AT_ONCE)
        self._named = asyncio.Semaphore(NAMED_AT_ONCE)
        self._end = asyncio.get_running_loop().time() + SECONDS
        self._room = MAX_TOGETHER
        self.stale: Answer | None = None

    async def resolve(self, text: str) -> _Item:
        try:
            recognised = recognise(text)
            if recognised.identifier is not None:
                query = Query(recognised.identifier, self._reader)
                answer = await self._ask(query, self._anywhere)
            else:
                query, answer = await self._ask_named(recognised)
            check(answer)
        except BiaoshiError as error:
            return _Item(text, problem=problem_of(error))
        if answer.stale:
            self.stale = answer
        chosen = replace(answer, values=self._chosen(query, answer))
        return _Item(text, resolution=Sent.of(chosen))

    async def _ask(self, query: Query, resolve: Onward) -> Answer:
        """The answer, of which the journal and the counters hear. Raises what there is instead."""
        call = self._call
        answer = await self._wiring.recorder.ask(
            call.request, Surface.V1, partial(self._fitting, resolve), query, call.actor
        )
        self._wiring.instruments.resolutions.labels(SURFACE, answer.source, answer.outcome).inc()
        return answer

    async def _ask_named(self, recognised: Recognised) -> tuple[Query, Answer]:
        """Of an OID or a GTIN."""
        named = self._wiring.named
        async with self._named:
            query = Query(await named.meant(recognised), self._reader)
            onward = self._anywhere
            if self._call.body.recursive:
                onward = partial(self._in_time, partial(named.resolve, recognised, onward))
            return query, await self._ask(query, onward)

    async def _fitting(self, resolve: Onward, query: Query) -> Answer:
        """An answer for which there is room. The rest of the list may still find some."""
        answer = await resolve(query)
        size = len(answer.values)
        if size > self._room:
            raise TooLarge(
                f"the records of a list have at most {MAX_TOGETHER} characters together",
                field="handles",
                rule="batch-size",
            )
        self._room -= size
        return answer

    async def _anywhere(self, query: Query) -> Answer:
        if not self._call.body.recursive:
            return await self._wiring.local.alone(query)
        answer = await self._wiring.local.resolve(query)
        if answer is not None:
            return answer
        async with self._foreign:
            return await self._in_time(self._wiring.chain.resolve, query)

    async def _in_time(self, resolve: Onward, query: Query) -> Answer:
        try:
            async with asyncio.timeout_at(self._end):
                return await resolve(query)
        except TimeoutError:
            raise RemoteUnavailable(
                f"the {SECONDS:g} s for identifiers of other nodes are over",
                field="handle",
                rule="batch-time",
            ) from None

    def _chosen(self, query: Query, answer: Answer) -> str:
        """Of the values those that are wanted. Asked for are all, which are answered from memory
        or by a shared query."""
        body = self._call.body
        if not (body.type or body.index):
            return answer.values
        wanted = replace(query, types=frozenset(body.type), indexes=frozenset(body.index))
        return select(wanted, decode(answer.values))[1]


async def resolved(call: Call) -> Reply:
    texts = call.body.handles
    if not 1 <= len(texts) <= MAX_LIST:
        raise InvalidInput(
            f"a list has 1 to {MAX_LIST} identifiers", field="handles", rule="list-length"
        )
    batch = _Batch(call)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(batch.resolve(text)) for text in texts]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    items = [task.result() for task in tasks]
    failed = sum(item.problem is not None for item in items)
    headers = {"Cache-Control": "no-store"}
    if batch.stale is not None:
        headers |= staleness(batch.stale)
    return Reply(_List(items, {"resolved": len(items) - failed, "failed": failed}), headers=headers)


OPERATIONS = (
    Operation(
        name="resolveBatch",
        tag=TAG,
        summary=f"Resolve a list of up to {MAX_LIST} identifiers",
        description="Takes the spellings in use, and gives every item an answer or a problem of "
        "its own. Each item counts as a resolution. Other nodes are asked a few at a time, and "
        f"for {SECONDS:g} s at most. All records together have at most {MAX_TOGETHER >> 20} Mi "
        "characters: what is beyond is a problem of its item.",
        method="POST",
        path="/v1/resolve",
        handler=resolved,
        body=Batch,
        body_limit=bodies.MAX_LIST_BODY,
        answer=Resolutions,
        needs_key=False,
    ),
)
