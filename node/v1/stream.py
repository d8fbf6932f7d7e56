"""The bulk stream: registrations as NDJSON in, verdicts as NDJSON out, of any length.

Lines are committed in chunks as they come; while the database works on one chunk the next is
read. Nothing is kept but two chunks, and a client that does not read its verdicts is not read
from. A stream that broke is resumed by sending it again: what is in is `unchanged`.

    {"type":"refused","line":3,"handle":"88.118.1/A","problem":{…}}
    {"type":"committed","line":10000,"totals":{"created":9999,…}}      totals run over the stream
    {"type":"summary","complete":true,"lines":12345,"totals":{…}}
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime

import msgspec
from aiohttp import web

from node.http import body as bodies
from node.http.edge import DATABASE_AWAY, REQUEST_ID
from node.http.problem import Problem, problem_of
from node.v1.item import Item, values_of
from node.wiring import Wiring
from registry.errors import BiaoshiError, TooLarge, Unavailable
from registry.identifier import Identifier, fold_case
from registry.record.bulk import Bulk, Line, Refusal, Tally, Terms
from registry.record.shape import Shapes

NDJSON = "application/x-ndjson"
SURFACE = "stream"
MAX_LINE = 1024 * 1024  # bytes
CHUNK_LINES = 10_000
CHUNK_BYTES = 8 * 1024 * 1024
SLICE = 1_000  # lines read without letting other requests have their turn
MAX_NAMED = 255
BOM = b"\xef\xbb\xbf"


class Refused(msgspec.Struct, frozen=True, tag_field="type", tag="refused"):
    line: int
    handle: str
    problem: Problem


class Committed(msgspec.Struct, frozen=True, tag_field="type", tag="committed"):
    """Every line up to this one has its verdict. Totals run from the start of the stream."""

    line: int
    totals: dict[str, int]


class Broken(msgspec.Struct, frozen=True, tag_field="type", tag="broken"):
    """The node had to give up. What was committed stays: send the stream again later."""

    problem: Problem
    totals: dict[str, int]


class Summary(msgspec.Struct, frozen=True, tag_field="type", tag="summary"):
    """The end of a stream that was read whole."""

    lines: int
    totals: dict[str, int]
    complete: bool = True


Verdict = Refused | Committed | Broken | Summary


class Chunk:
    """Lines that will be committed together, and those that could not be read."""

    def __init__(self) -> None:
        self.lines: dict[str, list[Line]] = {}
        self.refusals: list[Refusal] = []
        self.count = 0
        self.size = 0
        self.last = 0  # number of its last line

    @property
    def full(self) -> bool:
        return self.count >= CHUNK_LINES or self.size >= CHUNK_BYTES


class LineReader:
    """Turns lines of JSON into lines of a chunk. Whatever is wrong with one harms no other."""

    def __init__(self, bulk: Bulk, now: Callable[[], datetime]) -> None:
        self._bulk = bulk
        self._now = now
        self._shapes = Shapes(now())
        self._decode = msgspec.json.Decoder(Item).decode
        self._canonical: dict[str, str] = {}
        self._number = 0

    @property
    def count(self) -> int:
        return self._number

    def take(self, texts: list[bytes], chunk: Chunk) -> None:
        """Read lines into a chunk. The numbers of lines go on from call to call, from 1."""
        for text in texts:
            self._number += 1
            if self._number == 1:
                text = text.removeprefix(BOM)
            if not text or text.isspace():
                continue
            try:
                prefix, line = self._line(text)
            except BiaoshiError as error:
                chunk.refusals.append(Refusal(self._number, named(text), error))
            else:
                if prefix in chunk.lines:
                    chunk.lines[prefix].append(line)
                else:
                    chunk.lines[prefix] = [line]
            chunk.count += 1
            chunk.size += len(text)
        chunk.last = self._number

    def refresh(self) -> None:
        """Give later lines the present time."""
        self._shapes = Shapes(self._now())

    def _line(self, text: bytes) -> tuple[str, Line]:
        """The canonical prefix and the line. Raises what is wrong with it."""
        if len(text) > MAX_LINE:
            raise TooLarge(f"a line has at most {MAX_LINE} bytes", field="line", rule="line-limit")
        try:
            item = self._decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            item = bodies.decode(text, Item)  # again, for its explanation
        identifier = Identifier.parse(item.handle)
        prefix = self._canonical.get(identifier.prefix)
        if prefix is None:
            prefix = self._canonical[identifier.prefix] = fold_case(identifier.prefix)
        if item.template is None and item.attributes is None:
            public = self._shapes.write(item.values)
            if public is not None:
                return prefix, self._bulk.line(self._number, identifier, public)
        values = values_of(item, self._now())
        return prefix, self._bulk.long_line(self._number, identifier, values)


class Stream:
    """One stream: reads, commits and answers."""

    def __init__(self, request: web.Request, wiring: Wiring, terms: Terms) -> None:
        self._request = request
        self._wiring = wiring
        self._terms = terms
        self._bulk = wiring.bulk
        self._reader = LineReader(wiring.bulk, wiring.now)
        self._totals = {"created": 0, "unchanged": 0, "revived": 0, "refused": 0}
        self._response = web.StreamResponse(
            headers={"Content-Type": NDJSON, "X-Request-Id": request[REQUEST_ID]}
        )

    async def run(self) -> web.StreamResponse:
        await self._response.prepare(self._request)
        try:
            await self._commit_all()
            await self._tell([Summary(self._reader.count, self._totals)])
        except BiaoshiError as error:
            await self._tell([Broken(problem_of(error), self._totals)])
        except DATABASE_AWAY:
            away = Unavailable("the database does not answer")
            await self._tell([Broken(problem_of(away), self._totals)])
        await self._response.write_eof()
        return self._response

    async def _commit_all(self) -> None:
        """Read chunk after chunk; each is committed while the next is read."""
        pending: asyncio.Task[Tally] | None = None
        before = Chunk()
        try:
            async for chunk in self._chunks():
                if pending is not None:
                    await self._report(before, await pending)
                pending = asyncio.create_task(self._bulk.commit(self._terms, chunk.lines))
                before = chunk
            if pending is not None:
                tally, pending = await pending, None
                await self._report(before, tally)
        finally:
            if pending is not None:
                # The client has gone or the database failed: let the commit end either way.
                await asyncio.wait([pending])

    async def _chunks(self) -> AsyncIterator[Chunk]:
        chunk = Chunk()
        async for texts in lines(self._request):
            self._reader.take(texts, chunk)
            if chunk.full:
                yield chunk
                chunk = Chunk()
                self._reader.refresh()
            else:
                await asyncio.sleep(0)
        if chunk.count:
            yield chunk

    async def _report(self, chunk: Chunk, tally: Tally) -> None:
        refusals = sorted([*chunk.refusals, *tally.refusals], key=lambda one: one.number)
        outcomes = {
            "created": tally.created,
            "unchanged": tally.unchanged,
            "revived": tally.revived,
            "refused": len(refusals),
        }
        for outcome, number in outcomes.items():
            self._totals[outcome] += number
            self._wiring.instruments.verdicts.labels(SURFACE, outcome).inc(number)
        told: list[Verdict] = [Refused(n, handle, problem_of(e)) for n, handle, e in refusals]
        await self._tell([*told, Committed(chunk.last, self._totals)])

    async def _tell(self, verdicts: list[Verdict]) -> None:
        text = b"".join(msgspec.json.encode(verdict) + b"\n" for verdict in verdicts)
        await self._response.write(text)


async def receive(request: web.Request, wiring: Wiring, terms: Terms) -> web.StreamResponse:
    """Answer a bulk stream."""
    terms.actor.require_known()
    return await Stream(request, wiring, terms).run()


async def lines(request: web.Request) -> AsyncIterator[list[bytes]]:
    """The lines of a body, some at a time. One that is too long comes cut, but longer than
    MAX_LINE, so that it is refused; the rest of it is thrown away."""
    rest = b""
    skipping = False
    async for data in request.content.iter_any():
        first, *others = data.split(b"\n")
        if not skipping:
            rest += first
        if others:
            yield_now = [rest, *others[:-1]]
            rest, skipping = others[-1], False
            for part in _slices(yield_now):
                yield part
        if len(rest) > MAX_LINE:
            rest, skipping = rest[: MAX_LINE + 1], True
    if rest:
        yield [rest]


def _slices(texts: list[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(texts), SLICE):
        yield texts[start : start + SLICE]


def named(text: bytes) -> str:
    """The handle of a line that could not be taken, as far as it can be made out."""
    try:
        return str(msgspec.json.decode(text)["handle"])[:MAX_NAMED]
    except (msgspec.DecodeError, KeyError, TypeError, RecursionError, UnicodeDecodeError):
        return ""
