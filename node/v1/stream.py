"""Bulk streams: registrations or changes as NDJSON in, verdicts as NDJSON out, of any length.

Lines are committed in chunks as they come, and what has come when the client rests is one too.
While the database works on one chunk the next is read. Nothing is kept but two chunks, and a
client that does not read its verdicts is not read from. A stream that broke is resumed by sending
it again: what is in is `unchanged`.

    {"type":"refused","line":3,"handle":"88.118.1/A","problem":{…}}
    {"type":"committed","line":10000,"totals":{"created":9999,…}}      totals run over the stream
    {"type":"summary","complete":true,"lines":12345,"totals":{…}}
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Iterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import msgspec
import structlog
from aiohttp import StreamReader, web

from metrics.instruments import Instruments
from node.http import body as bodies
from node.http.edge import REQUEST_ID
from node.http.problem import Problem, problem_of
from node.v1.import_item import ImportLine
from node.v1.operation import Call
from node.v1.templated import TemplatedLine
from registry.database import is_away
from registry.errors import BiaoshiError, InvalidInput, TooLarge, Unavailable
from registry.places import places
from registry.record.bulk import Line
from registry.record.changes import Change

NDJSON = "application/x-ndjson"
SURFACE = "stream"
MAX_LINE = 1024 * 1024  # bytes
CHUNK_BYTES = 8 * 1024 * 1024
SLICE = 250  # lines or verdicts without letting other requests have their turn
PAUSE = 0.5  # seconds without a byte: the client may wait for verdicts on what it sent
SILENCE = 600.0  # seconds; aiohttp waits for ever, for the rest of a body it cannot parse too
MAX_NAMED = 255
MAX_TOLD = 1_000  # characters of a problem's texts, which may repeat the input
BOM = b"\xef\xbb\xbf"

T = TypeVar("T")

log = structlog.get_logger()


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


class ClientGone(Exception):
    """Nobody is left to tell verdicts to."""


@dataclass(slots=True)
class Chunk:
    """Lines that will be committed together, and those that could not be read."""

    lines: dict[str, list[Line]] = field(default_factory=dict)
    templated: list[TemplatedLine] = field(default_factory=list)
    changes: list[tuple[int, Change]] = field(default_factory=list)
    imports: list[ImportLine] = field(default_factory=list)
    refusals: list[Refused] = field(default_factory=list)
    count: int = 0
    size: int = 0
    last: int = 0  # number of its last line


@dataclass(slots=True)
class Settled:
    """What became of the lines of a chunk that could be read."""

    counts: dict[str, int]
    refusals: list[Refused]


class Course(Protocol):
    """What a stream is for: reads a line, and commits what a chunk of them asks for."""

    @property
    def outcomes(self) -> tuple[str, ...]:
        """What may become of a line, `refused` apart."""

    @property
    def most(self) -> int:
        """Lines of a chunk."""

    def begin(self) -> None:
        """Begin a chunk: what is remembered stays bounded."""

    def add(self, number: int, text: bytes, chunk: Chunk) -> None:
        """Read a line into the chunk. Raises what is wrong with it."""

    async def commit(self, chunk: Chunk) -> Settled:
        """Commit a chunk; when it returns, its verdicts are durable."""


class LineReader:
    """Turns lines of JSON into lines of a chunk. Whatever is wrong with one harms no other."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._number = 0

    @property
    def count(self) -> int:
        return self._number

    def take(self, texts: list[bytes], chunk: Chunk) -> None:
        """Read lines into a chunk. The numbers of lines go on from call to call, from 1."""
        if not chunk.count:
            self._course.begin()
        for text in texts:
            self._number += 1
            if self._number == 1:
                text = text.removeprefix(BOM)
            if not text or text.isspace():
                continue
            try:
                if len(text) > MAX_LINE:
                    raise _too_long()
                self._course.add(self._number, text, chunk)
            except BiaoshiError as error:
                handle = "" if len(text) > MAX_LINE else named(text)  # a longer one may come cut
                chunk.refusals.append(refused(self._number, handle, error))
            chunk.count += 1
            chunk.size += len(text)
        chunk.last = self._number


class Stream:
    """One stream: reads, commits and answers."""

    def __init__(
        self, request: web.Request, instruments: Instruments, course: Course, *, dry_run: bool
    ) -> None:
        self._request = request
        self._instruments = instruments
        self._course = course
        self._dry_run = dry_run
        self._reader = LineReader(course)
        self._totals = dict.fromkeys((*course.outcomes, "refused"), 0)
        self._response = web.StreamResponse(
            headers={"Content-Type": NDJSON, "X-Request-Id": request[REQUEST_ID]}
        )

    async def run(self) -> web.StreamResponse:
        with suppress(ClientGone):
            await self._write(self._response.prepare(self._request))
            await self._tell([await self._last()])
            await self._write(self._response.write_eof())
        return self._response

    async def _last(self) -> Verdict:
        """Commit all there is; the verdict on the stream. Nothing but the client's going escapes:
        the answer has begun."""
        try:
            await self._commit_all()
        except ClientGone:
            raise
        except BiaoshiError as error:
            return Broken(problem_of(error), self._totals)
        except Exception as error:
            return Broken(self._failed(error), self._totals)
        return Summary(self._reader.count, self._totals)

    async def _commit_all(self) -> None:
        """Commit chunk after chunk; while one is committed the next is read."""
        async with aclosing(self._chunks()) as chunks:
            coming = asyncio.create_task(_next(chunks))
            try:
                while (chunk := await coming) is not None:
                    coming = asyncio.create_task(_next(chunks))
                    await self._settle(chunk)
            finally:
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)

    async def _chunks(self) -> AsyncGenerator[Chunk, None]:
        chunk = Chunk()
        async with aclosing(lines(self._request.content)) as slices:
            async for texts in slices:
                self._reader.take(texts, chunk)
                full = chunk.count >= self._course.most or chunk.size >= CHUNK_BYTES
                if full or (chunk.count and not texts):
                    yield chunk
                    chunk = Chunk()
                else:
                    await asyncio.sleep(0)
        if chunk.count:
            yield chunk

    async def _settle(self, chunk: Chunk) -> None:
        """Commit a chunk and tell what became of it."""
        settled = await self._course.commit(chunk)
        refusals = [*chunk.refusals, *settled.refusals]
        refusals.sort(key=lambda one: one.line)
        self._count(settled.counts | {"refused": len(refusals)})
        for part in _slices(refusals):
            await self._tell(part)
        await self._tell([Committed(chunk.last, self._totals)])

    def _count(self, counts: dict[str, int]) -> None:
        for outcome, number in counts.items():
            self._totals[outcome] += number
            if not self._dry_run:
                self._instruments.verdicts.labels(SURFACE, outcome).inc(number)

    def _failed(self, error: Exception) -> Problem:
        """Log what a stream failed of; what its client is told."""
        name, request_id = type(error).__name__, self._request[REQUEST_ID]
        if is_away(error):
            log.error("database-away", error=name, request_id=request_id)
            return problem_of(Unavailable("the database does not answer"))
        log.error("request-crashed", error=name, at=places(error), request_id=request_id)
        return Problem(type="about:blank", title="Internal error", status=500)

    async def _tell(self, verdicts: Sequence[Verdict]) -> None:
        text = b"".join(msgspec.json.encode(verdict) + b"\n" for verdict in verdicts)
        await self._write(self._response.write(text))
        await asyncio.sleep(0)

    async def _write(self, writing: Awaitable[object]) -> None:
        try:
            await writing
        except OSError:
            raise ClientGone from None


async def receive(call: Call, course: Course, *, dry_run: bool = False) -> web.StreamResponse:
    """Answer a bulk stream."""
    call.actor.require_known()
    return await Stream(call.request, call.wiring.instruments, course, dry_run=dry_run).run()


async def _next(chunks: AsyncGenerator[Chunk, None]) -> Chunk | None:
    return await anext(chunks, None)


async def lines(content: StreamReader) -> AsyncGenerator[list[bytes], None]:
    """The lines of a body, some at a time; none while the client rests. One that is too long comes
    cut, but longer than MAX_LINE, so that it is refused; the rest of it is thrown away."""
    rest = bytearray()
    skipping = False
    silence = 0.0
    while (data := await _some(content)) != b"":
        if data is None:
            silence += PAUSE
            if silence >= SILENCE:
                raise _broken(f"nothing came for {SILENCE:g} s", "body-silent")
            yield []
            continue
        silence = 0.0
        first, *others = data.split(b"\n")
        if not skipping:
            rest += first
        if others:
            whole = [bytes(rest), *others[:-1]]
            rest, skipping = bytearray(others[-1]), False
            for part in _slices(whole):
                yield part
        if len(rest) > MAX_LINE:
            del rest[MAX_LINE + 1 :]
            skipping = True
    if rest:
        yield [bytes(rest)]


async def _some(content: StreamReader) -> bytes | None:
    """What has come of a body; empty at its end, None where nothing came for a while."""
    try:
        async with asyncio.timeout(PAUSE) as pause:
            return await content.readany()
    except (*bodies.BROKEN, OSError):
        if pause.expired():
            return None
        told = "the body breaks off, or is not encoded as its headers say"
        raise _broken(told, "body-broken") from None


def _slices(items: list[T]) -> Iterator[list[T]]:
    for start in range(0, len(items), SLICE):
        yield items[start : start + SLICE]


def _too_long() -> TooLarge:
    return TooLarge(f"a line has at most {MAX_LINE} bytes", field="line", rule="line-limit")


def _broken(told: str, rule: str) -> InvalidInput:
    return InvalidInput(told, field="body", rule=rule)


def refused(number: int, handle: str, error: BiaoshiError) -> Refused:
    """The verdict on a line. It keeps nothing of the error, which holds on to all its frames."""
    problem = problem_of(error)
    if len(problem.detail) + len(problem.field or "") > MAX_TOLD:
        field = problem.field and problem.field[:MAX_TOLD]
        problem = msgspec.structs.replace(problem, detail=problem.detail[:MAX_TOLD], field=field)
    return Refused(number, handle, problem)


def named(text: bytes) -> str:
    """The handle of a line that could not be taken, as far as it can be made out."""
    try:
        return str(msgspec.json.decode(text)["handle"])[:MAX_NAMED]
    except (msgspec.DecodeError, KeyError, TypeError, RecursionError, UnicodeDecodeError):
        return ""
