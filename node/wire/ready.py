"""Answers that are ready: to anonymous resolutions of cached records, without a task.

A request's body is its key: it holds the handle, indexes and types, and clients that ask for the
same send the same octets. An answer is good as long as the cache still has the very view of the
record it was made of, so what makes the cache forget a record makes this forget its answers.
"""

from __future__ import annotations

import struct
from collections import OrderedDict

import msgspec

from metrics.journal.entry import Outcome as Entry
from node.wire.call import STANDARD, Line
from node.wire.noting import Noting
from node.wire.reply import REPEATED, SITE_SERIAL
from registry.access.actor import anonymous
from registry.errors import InvalidInput
from registry.identifier import Identifier
from registry.record.value import decode
from resolver.cache import Cache, Held
from resolver.query import MAX_FILTERS, Query
from resolver.wire.body import ResolutionRequest, Text, Values
from resolver.wire.code import OpCode, OpFlag, ResponseCode
from resolver.wire.message import MAJOR, NEWEST, OLDEST
from resolver.wire.typed import to_wire

MAX_OCTETS = 64 << 20  # of bodies held, requests and answers
LARGEST = 16 * 1024  # octets of an answer that is held
OVERHEAD = 300  # octets that one takes beside its bodies
_HEAD = struct.Struct(">BBBBIIIIIIIHBBII")  # envelope and header
_NOTHING = b"\0\0\0\0"  # the length of no credential
_PUBL, _STANDARD, _REPEATED = int(OpFlag.PUBL), int(STANDARD), int(REPEATED)
_SPECIAL = int(OpFlag.CERT | OpFlag.ENCR | OpFlag.RRDG)
_RESOLUTION = int(OpCode.RESOLUTION)
_ALWAYS = int(OpFlag.AUTH | OpFlag.RECU)


class Made(msgspec.Struct, frozen=True, gc=False):
    """An answer's body with its code, and the view of the record that it was made of."""

    key: str  # of the record in the cache
    held: Held
    code: int
    found: bool
    size: int  # of the body alone
    tail: bytes  # the body and the length of no credential
    digest: bytes  # of the identifier, for the journal


class Ready:
    """For one event loop; nothing here waits. `answer`, and then `told` of what it was made of once
    it has been handed to the transport."""

    def __init__(self, cache: Cache, noting: Noting, *, case_sensitive: bool) -> None:
        self._cache = cache
        self._noting = noting
        self._case_sensitive = case_sensitive
        self._made: OrderedDict[bytes, Made] = OrderedDict()
        self._size = 0
        self._found = 0
        self._empty = 0

    @property
    def size(self) -> int:
        return self._size

    def answer(self, octets: bytes, line: Line) -> tuple[bytes, Made] | None:
        """The whole answer to a whole message and what it was made of; None where it is not at
        hand."""
        size = len(octets)
        if line.login is not None or size < _HEAD.size:
            return None
        (
            major, minor, mixed, suggested, session, request, _, length,
            opcode, _, flags, _, _, _, expiration, body_length,
        ) = _HEAD.unpack_from(octets)  # fmt: skip
        if (
            opcode != _RESOLUTION
            or major != MAJOR
            or mixed & 0xFC
            or flags & _SPECIAL
            or not (flags & _PUBL or not flags & _STANDARD)
            or length + 20 != size
        ):
            return None
        end = _HEAD.size + body_length
        if end != size and not (end + 4 == size and octets.endswith(_NOTHING)):
            return None
        made = self._find(octets[_HEAD.size : end])
        if made is None:
            return None
        wanted = suggested if mixed else minor
        head = _HEAD.pack(
            MAJOR,
            (wanted if wanted < NEWEST else NEWEST) or OLDEST,
            MAJOR,
            NEWEST,
            session,
            request,
            0,
            28 + made.size,
            _RESOLUTION,
            made.code,
            flags & _REPEATED | _ALWAYS,
            SITE_SERIAL,
            0,
            0,
            expiration,
            made.size,
        )
        return head + made.tail, made

    def told(self, made: Made, line: Line) -> None:
        """An answer has been handed to the transport."""
        if line.caller is None:
            line.caller = self._noting.caller(line.address)
        if made.found:
            self._found += 1
            self._noting.ready(made.digest, line.caller, Entry.FOUND, made.held.prefix_id)
        else:
            self._empty += 1
            self._noting.ready(made.digest, line.caller, Entry.NO_VALUES, made.held.prefix_id)

    def count(self) -> None:
        """Bring the counters up to date."""
        self._noting.count_ready(self._found, self._empty)
        self._found = self._empty = 0

    def _find(self, body: bytes) -> Made | None:
        made = self._made.get(body)
        if made is not None:
            held = self._cache.get(made.key)
            if held is made.held:
                return made
            self._drop(body)
            return None if held is None else self._keep(body, held)
        held = self._look_up(body)
        return None if held is None else self._keep(body, held)

    def _look_up(self, body: bytes) -> Held | None:
        """The present view of the record that a request is for, if the cache has it."""
        try:
            # Nothing is parsed twice for what turns out not to be cached.
            size = int.from_bytes(body[:4], "big")
            identifier = Identifier.parse(body[4 : 4 + size].decode())
        except (InvalidInput, UnicodeDecodeError):
            return None
        return self._cache.get(identifier.canonical(self._case_sensitive))

    def _keep(self, body: bytes, held: Held) -> Made | None:
        """Make the answer, and hold it for the next who asks the same."""
        try:
            asked = ResolutionRequest.parse(body)
            identifier = Identifier.parse(asked.handle)
        except InvalidInput:
            return None
        if len(asked.types) > MAX_FILTERS or len(asked.indexes) > MAX_FILTERS:
            return None
        query = Query(
            identifier,
            anonymous(),
            types=frozenset(asked.types),
            indexes=frozenset(asked.indexes),
        )
        values = [value for value in decode(held.values) if query.wants(value)]
        code, answer = int(ResponseCode.SUCCESS), b""
        if values:
            answer = Values(asked.handle, tuple(to_wire(value) for value in values)).build()
        else:
            code, answer = int(ResponseCode.VALUES_NOT_FOUND), Text("").build()
        digest = self._noting.digest(identifier)
        made = Made(held.key, held, code, bool(values), len(answer), answer + _NOTHING, digest)
        if len(answer) <= LARGEST:
            self._made[body] = made
            self._size += _cost(body, made)
            while self._size > MAX_OCTETS:
                self._drop(next(iter(self._made)))
        return made

    def _drop(self, body: bytes) -> None:
        made = self._made.pop(body, None)
        if made is not None:
            self._size -= _cost(body, made)


def _cost(body: bytes, made: Made) -> int:
    """The view counts too: the cache may have let go of it."""
    return len(body) + made.size + len(made.held.values) + OVERHEAD
