"""Imports: a stream of identifiers that were registered at another node."""

from __future__ import annotations

from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from node.http import body as bodies
from node.v1.export_end import is_end
from node.v1.import_item import ImportItem, ImportLine
from node.v1.item import ContentReader
from node.v1.operation import Call, Operation
from node.v1.stream import NDJSON, Chunk, Settled, receive, refused
from node.v1.types import in_utc
from node.wiring import Wiring
from registry.errors import BiaoshiError
from registry.identifier import Identifier
from registry.importing.imports import MAX_NODE, Arrival, Source, check_node, check_time
from registry.record.bulk import Refusal

TAG = "Identifiers"


class ImportOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    node: Annotated[
        Annotated[str, Meta(min_length=1, max_length=MAX_NODE)],
        Meta(description="The node they were registered at, such as 88.300"),
    ] = msgspec.field(name="from")
    dry_run: Annotated[bool, Meta(description="Judge everything, write nothing")] = False


class Importing:
    """The course of a stream of identifiers that are brought over."""

    outcomes = ("imported", "unchanged")
    most = 5_000

    def __init__(self, wiring: Wiring, source: Source, *, dry_run: bool) -> None:
        self._wiring = wiring
        self._source = source
        self._dry_run = dry_run

    def begin(self) -> None:
        """Nothing is remembered."""

    def add(self, number: int, text: bytes, chunk: Chunk) -> None:
        if is_end(text):
            return
        item = bodies.decode(text, ImportItem)
        at = in_utc(item.registered_at, "registered_at")
        check_time(at, self._wiring.now())
        chunk.imports.append(ImportLine(number, Identifier.parse(item.handle), item, at))

    async def commit(self, chunk: Chunk) -> Settled:
        source = self._source
        reader = ContentReader(self._wiring.templates, source.actor, self._wiring.now())
        arrivals, refusals = [], []
        for number, identifier, item, at in chunk.imports:
            try:
                registration = await reader.registration(identifier, item, new=True)
                arrivals.append(Arrival(number, registration, at))
            except BiaoshiError as error:
                refusals.append(Refusal(number, identifier.text, error))
        imports = self._wiring.imports
        tally = await imports.bring(source, arrivals, dry_run=self._dry_run)
        counts = {"imported": tally.created, "unchanged": tally.unchanged}
        return Settled(counts, [refused(*one) for one in (*refusals, *tally.refusals)])


async def streamed(call: Call) -> web.StreamResponse:
    call.actor.require_operator()
    check_node(call.query.node)
    dry_run = call.query.dry_run
    source = Source(call.actor, call.query.node)
    return await receive(call, Importing(call.wiring, source, dry_run=dry_run), dry_run=dry_run)


OPERATIONS = (
    Operation(
        name="importIdentifiers",
        tag=TAG,
        summary="Bring identifiers over from another node (operators)",
        description="NDJSON of any length, a line being what a registration takes and "
        "`registered_at`, as an export with dates has it. They are counted as imported, never as "
        "new registrations, and keep their time. What was imported so already is `unchanged`; "
        "whatever else exists here, a withdrawn identifier too, is refused and stays as it is. "
        "The answer is NDJSON as that of a stream of registrations.",
        method="POST",
        path="/v1/imports",
        handler=streamed,
        query=ImportOptions,
        body=ImportItem,
        body_media=NDJSON,
        answer=str,
        answer_media=NDJSON,
    ),
)
