"""Changes by the thousand: records amended or withdrawn, as bounded lists and as streams.

The same rights, history and verdicts as one by one. A list or stream that is sent again finds what
is so already unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from node.http import body as bodies
from node.v1.item import StrictValue
from node.v1.listing import listed
from node.v1.operation import Call, Operation, Reply
from node.v1.result import Results
from node.v1.stream import NDJSON, Chunk, Refused, Settled, receive, refused
from node.wiring import Wiring
from registry.access.actor import Actor
from registry.identifier import Identifier
from registry.record.changes import Amendment, Change, Withdrawal
from registry.record.registrar import MAX_LIST
from registry.record.registration import Outcome, Verdict
from registry.record.value import normalise

TAG = "Identifiers"

Read = Callable[[bytes, str | None], Change]


class AmendItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An identifier, values to set by their index, and indexes to remove; one that is not there is
    removed already."""

    handle: str
    values: list[StrictValue] = []
    remove: list[int] = []


class WithdrawItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An identifier to withdraw; one that is withdrawn already is unchanged."""

    handle: str


class ChangeOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    dry_run: Annotated[bool, Meta(description="Judge everything, write nothing")] = False


class Changing:
    """The course of a stream of changes."""

    most = 2_000  # rows that stay locked together

    def __init__(
        self, wiring: Wiring, actor: Actor, read: Read, outcome: Outcome, *, dry_run: bool
    ) -> None:
        self.outcomes = (outcome.value, Outcome.UNCHANGED.value)
        self._wiring = wiring
        self._actor = actor
        self._read = read
        self._dry_run = dry_run

    def begin(self) -> None:
        """Nothing is remembered."""

    def add(self, number: int, text: bytes, chunk: Chunk) -> None:
        chunk.changes.append((number, self._read(text, None)))

    async def commit(self, chunk: Chunk) -> Settled:
        verdicts = await self._wiring.changes.make(
            self._actor, [change for _, change in chunk.changes], dry_run=self._dry_run
        )
        counts = dict.fromkeys(self.outcomes, 0)
        refusals: list[Refused] = []
        for (number, _), verdict in zip(chunk.changes, verdicts, strict=True):
            if verdict.error is not None:
                refusals.append(refused(number, verdict.identifier.text, verdict.error))
            else:
                counts[verdict.outcome] += 1
        return Settled(counts, refusals)


async def amended(call: Call) -> Reply:
    return await _listed(call, _amendment(call))


async def withdrawn(call: Call) -> Reply:
    return await _listed(call, _withdrawal)


async def amendments_streamed(call: Call) -> web.StreamResponse:
    return await _streamed(call, _amendment(call), Outcome.AMENDED)


async def withdrawals_streamed(call: Call) -> web.StreamResponse:
    return await _streamed(call, _withdrawal, Outcome.WITHDRAWN)


async def _streamed(call: Call, read: Read, outcome: Outcome) -> web.StreamResponse:
    dry_run = call.query.dry_run
    course = Changing(call.wiring, call.actor, read, outcome, dry_run=dry_run)
    return await receive(call, course, dry_run=dry_run)


async def _listed(call: Call, read: Read) -> Reply:
    async def read_now(text: bytes, field: str) -> Change:
        return read(text, field)

    async def make(changes: Sequence[Change]) -> Sequence[Verdict]:
        return await call.wiring.changes.make(call.actor, changes, dry_run=dry_run)

    dry_run: bool = call.query.dry_run
    return await listed(call, read_now, make, dry_run=dry_run)


def _amendment(call: Call) -> Read:
    def read(text: bytes, field: str | None) -> Change:
        item = bodies.decode(text, AmendItem, field=field)
        values = normalise(item.values, now=call.wiring.now())
        return Amendment(Identifier.parse(item.handle), values, frozenset(item.remove))

    return read


def _withdrawal(text: bytes, field: str | None) -> Change:
    item = bodies.decode(text, WithdrawItem, field=field)
    return Withdrawal(Identifier.parse(item.handle))


_AS_A_STREAM = (
    "As application/x-ndjson, an item to a line, a request has no limit: chunks are committed as "
    "they come, and the answer is NDJSON too (refused, committed with running totals, and a "
    "summary at the end; read it while you send). Sending again is safe."
)

OPERATIONS = (
    Operation(
        name="amendIdentifiers",
        tag=TAG,
        summary=f"Change values by index, of a list of up to {MAX_LIST} identifiers",
        description="Every item gets its own verdict: amended, unchanged (it is so already), or "
        f"refused with the problem. {_AS_A_STREAM}",
        method="POST",
        path="/v1/amendments",
        handler=amended,
        query=ChangeOptions,
        body=list[msgspec.Raw],
        streams={NDJSON: amendments_streamed},
        body_schema=Annotated[list[AmendItem], Meta(min_length=1, max_length=MAX_LIST)],
        body_limit=bodies.MAX_LIST_BODY,
        answer=Results,
    ),
    Operation(
        name="withdrawIdentifiers",
        tag=TAG,
        summary=f"Withdraw a list of up to {MAX_LIST} identifiers",
        description="Every item gets its own verdict: withdrawn, unchanged (it was withdrawn "
        f"before), or refused with the problem. {_AS_A_STREAM}",
        method="POST",
        path="/v1/withdrawals",
        handler=withdrawn,
        query=ChangeOptions,
        body=list[msgspec.Raw],
        streams={NDJSON: withdrawals_streamed},
        body_schema=Annotated[list[WithdrawItem], Meta(min_length=1, max_length=MAX_LIST)],
        body_limit=bodies.MAX_LIST_BODY,
        answer=Results,
    ),
)
